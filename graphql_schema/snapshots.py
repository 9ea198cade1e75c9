"""`make schema`: writes the schema snapshots that reviews read and a test compares."""

from pathlib import Path
from typing import Final

from graphql_schema.engine import write_snapshot
from graphql_schema.resident.schema import schema as resident_schema

FOLDER: Final = Path(__file__).parent
SNAPSHOTS: Final = {FOLDER / "resident.graphql": resident_schema}


def main() -> None:
    """Writes every snapshot that differs, and says so."""
    for path, schema in SNAPSHOTS.items():
        state = "written" if write_snapshot(schema, path) else "up to date"
        print(f"{path.name}: {state}")  # noqa: T201 - a command's answer.


if __name__ == "__main__":
    main()
