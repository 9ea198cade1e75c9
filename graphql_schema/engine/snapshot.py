"""The schema as a file that people review."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from graphql import build_schema, lexicographic_sort_schema, print_schema

from graphql_schema.engine.schemas import core_schema


@runtime_checkable
class Printable(Protocol):
    """A Strawberry schema, which prints itself."""

    def as_str(self) -> str:
        """The schema in SDL."""
        ...


def schema_sdl(schema: object) -> str:
    """The schema in SDL, all names in lexicographic order and one newline at the end.

    The order makes the text depend on the schema alone: moving a definition changes nothing, and a
    difference is a change of the interface.
    """
    # A library's own enums and inputs know how to write their defaults; sorting puts plain types in their
    # place. So they are written down first, and what is sorted is what was read back.
    written = schema.as_str() if isinstance(schema, Printable) else print_schema(core_schema(schema))
    return print_schema(lexicographic_sort_schema(build_schema(written))).rstrip("\n") + "\n"


def write_snapshot(schema: object, path: Path) -> bool:
    """Write the SDL to `path`; whether the file changed."""
    if not has_drifted(schema, path):
        return False
    path.write_text(schema_sdl(schema), "utf-8")
    return True


def has_drifted(schema: object, path: Path) -> bool:
    """Whether the snapshot at `path` is missing or differs from the schema."""
    return not path.is_file() or path.read_text("utf-8") != schema_sdl(schema)
