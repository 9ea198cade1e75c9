"""The import contracts fail when somebody breaks them: each is broken once, in a copy of the tree."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT

LINT = Path(sys.executable).parent / "lint-imports"

PLANTED = {
    "a lower layer imports a higher one": (
        "backend/identity/planted.py",
        "import backend.onecode\n",
        "Layers",
    ),
    "a sibling imports its sibling": ("notifications/planted.py", "import backend.exchange\n", "Layers"),
    "a feature imports the web": (
        "backend/identity/planted.py",
        "import flask\n",
        "Features know no web or GraphQL library",
    ),
    "a domain imports GraphQL": (
        "backend/medical/planted.py",
        "import strawberry\n",
        "Features know no web or GraphQL library",
    ),
    "the core imports the web outside its folder": (
        "backend/core/planted.py",
        "import flask\n",
        "The core knows the web only in its http folder",
    ),
    "GraphQL imports the driver": (
        "graphql_schema/planted.py",
        "import pymongo\n",
        "GraphQL knows no database",
    ),
    "GraphQL imports a repository": (
        "graphql_schema/planted.py",
        "import backend.identity.repository\n",
        "GraphQL knows no database",
    ),
    "the wire library imports MongoDB": (
        "backend/onecode/wire/planted.py",
        "import pymongo\n",
        "The one code's wire library needs neither Flask nor MongoDB",
    ),
    "production imports the sandbox": (
        "backend/identity/planted.py",
        "import backend.exchange.sandbox\n",
        "Production code doesn't know the sandbox",
    ),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the import linter in `folder`."""
    return subprocess.run(
        [str(LINT), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("violation", PLANTED)
def test_a_planted_violation_breaks_its_contract(tree: Path, violation: str):
    path, text, contract = PLANTED[violation]
    (tree / path).write_text(text)

    done = lint(tree)

    assert done.returncode == 1, done.stdout + done.stderr
    broken = [line for line in done.stdout.splitlines() if " BROKEN" in line]
    assert any(line.startswith(contract) for line in broken), done.stdout


def test_the_tree_as_it_is_keeps_every_contract(tree: Path):
    done = lint(tree)
    assert done.returncode == 0, done.stdout + done.stderr
