"""The schema's snapshot depends on the schema alone, and drift is seen."""

from pathlib import Path

from graphql import build_schema

from graphql_schema.engine import has_drifted, schema_sdl, write_snapshot
from tests.graphql.engine.sample import SCHEMA

ONE = build_schema("type Query { b: Int a(y: Int, x: Int): B } type B { z: Int } enum E { Q P }")
OTHER = build_schema("enum E { P Q } type B { z: Int } type Query { a(x: Int, y: Int): B b: Int }")


def test_the_order_of_definitions_makes_no_difference() -> None:
    assert schema_sdl(ONE) == schema_sdl(OTHER)
    assert schema_sdl(ONE).endswith("}\n")


def test_the_snapshot_of_a_strawberry_schema_has_its_defaults() -> None:
    sdl = schema_sdl(SCHEMA)
    assert "desk(city: City! = CHANGSHA): Desk!" in sdl
    assert "notes: [String!]! = []" in sdl
    assert schema_sdl(build_schema(sdl)) == sdl


def test_drift_is_seen_until_the_snapshot_is_written(tmp_path: Path) -> None:
    path = tmp_path / "resident.graphql"
    assert has_drifted(ONE, path)
    assert write_snapshot(ONE, path)
    assert not has_drifted(OTHER, path)
    assert not write_snapshot(OTHER, path)
    assert has_drifted(build_schema("type Query { b: Int }"), path)
