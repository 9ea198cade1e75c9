"""The format's library is free of the web, the database and the schemas."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

from backend.onecode import wire

FOLDER = Path(wire.__file__).parent
ALLOWED = {"cbor2", "cryptography", "joserfc", "segno", "backend"}
ALLOWED_BACKEND = ("backend.core.clock", "backend.core.errors", "backend.onecode.wire")


def test_importing_all_of_it_loads_neither_flask_nor_pymongo_nor_strawberry() -> None:
    modules = [f"backend.onecode.wire.{path.stem}" for path in FOLDER.glob("*.py") if path.stem != "__init__"]
    program = f"import sys, {', '.join(modules)}; print(*(m.partition('.')[0] for m in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "cryptography" in loaded.stdout.split()
    assert not {"flask", "pymongo", "strawberry", "graphene", "graphql"} & set(loaded.stdout.split())


def test_it_imports_the_standard_library_and_what_the_rule_names_only() -> None:
    for path in FOLDER.rglob("*.py"):
        for name in _imports(path):
            top = name.partition(".")[0]
            assert top in ALLOWED or top in sys.stdlib_module_names, f"{path.name} imports {name}"
            assert top != "backend" or name.startswith(ALLOWED_BACKEND), f"{path.name} imports {name}"


def test_every_refusal_that_the_code_names_has_both_texts() -> None:
    texts = tomllib.loads((FOLDER.parent / "messages.toml").read_text("utf-8"))
    files = [*FOLDER.glob("*.py"), FOLDER.parent / "offline.py", FOLDER.parent / "imaging.py"]
    named = {code for path in files for code in _refusals(path)}
    assert len(named) > 25
    for code in named:
        assert texts[code]["zh"]
        assert texts[code]["en"]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def _refusals(path: Path) -> set[str]:
    prefixes = ("CODE_", "CARD_", "TRUST_", "STATUS_", "IMAGE_")
    constants = {
        node.value
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {value for value in constants if value.startswith(prefixes) and value.replace("_", "").isupper()}
