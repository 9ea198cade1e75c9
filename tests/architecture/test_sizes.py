"""Functions and files stay small: longest function 60 lines, 90 % up to 30; longest file 400."""

import ast
import statistics

from tests.architecture.sources import Source, production

LONGEST_FUNCTION = 60
P90_FUNCTION = 30
MEDIAN_FUNCTION = 8
LONGEST_FILE = 400


def lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the last statement, docstring included."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def too_long(sources: tuple[Source, ...]) -> list[str]:
    """Every function and file over its bound, as `path:line name lines`."""
    functions = [
        f"{source.path}:{function.lineno} {function.name} {lines(function)}"
        for source in sources
        for function in source.functions()
        if lines(function) > LONGEST_FUNCTION
    ]
    files = [
        f"{source.path} {source.text.count(chr(10))}"
        for source in sources
        if source.text.count("\n") > LONGEST_FILE
    ]
    return functions + files


def test_no_function_and_no_file_is_over_its_bound():
    assert too_long(production()) == []


def test_most_functions_are_short():
    counts = sorted(lines(function) for source in production() for function in source.functions())
    assert statistics.median(counts) <= MEDIAN_FUNCTION
    assert counts[int(len(counts) * 0.9)] <= P90_FUNCTION


def test_a_planted_long_function_and_file_are_found():
    body = "def planted():\n" + "    x = 1\n" * 60
    long_file = "x = 1\n" * 401
    found = too_long(
        (
            Source("planted.py", body, ast.parse(body)),
            Source("long.py", long_file, ast.parse(long_file)),
        )
    )
    assert found == ["planted.py:1 planted 61", "long.py 401"]
