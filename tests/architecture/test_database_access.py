"""Only repositories (and the core's own stores) speak to MongoDB."""

import ast

from tests.architecture.sources import Source, production

# The core keeps its own collections; a feature keeps them in repository.py or <part>_repository.py.
ALLOWED = (
    "backend/core/",
    "backend/exchange/sandbox/",
    "backend/cli/",
    "backend/app.py",  # The edge, which turns the driver's faults into 503.
)


def speaks_to_mongodb(source: Source) -> bool:
    """Whether the file imports the driver."""
    for node in ast.walk(source.tree):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if any(name.split(".")[0] in {"pymongo", "bson"} for name in names):
            return True
    return False


def outside_repositories(sources: tuple[Source, ...]) -> list[str]:
    """Files that import the driver and are no repository."""
    return [
        source.path
        for source in sources
        if speaks_to_mongodb(source)
        and not source.path.startswith(ALLOWED)
        and not source.path.endswith(("/repository.py", "_repository.py"))
    ]


def test_only_repositories_import_the_driver():
    assert outside_repositories(production()) == []


def test_a_planted_import_is_found():
    text = "from pymongo import MongoClient\n"
    assert outside_repositories((Source("backend/medical/service.py", text, ast.parse(text)),)) == [
        "backend/medical/service.py"
    ]
