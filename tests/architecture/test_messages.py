"""Every code that the source raises has a message in both languages, and every message is used."""

import ast
import re
import string

import pytest

from backend.core.errors import catalogue, message
from tests.architecture.sources import production

CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|NOT_FOUND|FORBIDDEN|UNAUTHENTICATED")


def strings_of_source() -> set[str]:
    """Every string constant of the production code."""
    return {
        node.value
        for source in production()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def raised_codes() -> set[str]:
    """The literal first argument of every `Refusal(...)` and of its subclasses."""
    found = set()
    for source in production():
        for node in ast.walk(source.tree):
            name = (
                getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            )
            if name in {"Refusal", "CodeRejected"} and node.args and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return found


def placeholders(text: str) -> set[str]:
    """Names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_raised_code_has_a_message():
    assert raised_codes() - set(catalogue()) == set()


def test_every_message_is_used_somewhere():
    assert set(catalogue()) - strings_of_source() == set()


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_a_message_says_the_same_in_both_languages(code: str):
    texts = catalogue()[code]
    assert CODE.fullmatch(code)
    assert set(texts) == {"zh", "en"}
    assert placeholders(texts["zh"]) == placeholders(texts["en"])
    assert re.search(r"[一-鿿]", texts["zh"])
    assert not re.search(r"[一-鿿]", texts["en"])


def test_an_unknown_code_is_a_fault():
    with pytest.raises(KeyError):
        message("NO_SUCH_CODE", "en")
