"""The department interface: the four documents, and what the package makes of them."""

import re
from collections.abc import Iterator

import orjson
import pytest
import yaml

from backend.exchange.department_api.bundle import bundle
from backend.exchange.department_api.operations import Kind, header_patterns, load, operations
from tests.architecture.sources import ROOT

DOCUMENTS = ROOT / "docs" / "department-api"
KINDS = pytest.mark.parametrize("kind", Kind)
SHARED = ("parameters", "headers", "responses", "securitySchemes")


def published(kind: Kind) -> dict:
    return yaml.safe_load((DOCUMENTS / f"{kind}.yaml").read_text("utf-8"))


def posts(kind: Kind) -> list[dict]:
    return [item["post"] for item in load(kind)["paths"].values()]


@KINDS
def test_the_package_carries_the_published_document(kind: Kind, tmp_path):
    bundle(DOCUMENTS, tmp_path)
    packaged = ROOT / "backend" / "exchange" / "department_api" / f"{kind}.json"
    assert packaged.read_bytes() == (tmp_path / f"{kind}.json").read_bytes()


@pytest.mark.parametrize("part", SHARED)
def test_the_documents_agree_on_what_they_share(part: str):
    first, *others = (published(kind)["components"][part] for kind in Kind)
    assert all(other == first for other in others)


def test_schemas_of_the_same_name_are_the_same_in_every_document():
    scalars = (
        "IdNumber",
        "PersonName",
        "Division",
        "Money",
        "Month",
        "Moment",
        "Reference",
        "Page",
        "Problem",
    )
    for name in scalars:
        found = [published(kind)["components"]["schemas"].get(name) for kind in Kind]
        assert len({orjson.dumps(schema) for schema in found if schema}) == 1, name


@KINDS
def test_every_operation_is_a_post_without_a_person_in_its_path(kind: Kind):
    for path, item in load(kind)["paths"].items():
        assert set(item) == {"post"}
        variables = [p for p in item["post"]["parameters"] if p.get("in") == "path"]
        assert {p["name"] for p in variables} == set(re.findall(r"\{(\w+)\}", path))
        assert not {"certno", "id_number", "psn_no"} & {p["name"] for p in variables}
        assert all(p["schema"] == {"$ref": "#/components/schemas/Reference"} for p in variables)


@KINDS
def test_writes_and_only_writes_carry_an_idempotency_key(kind: Kind):
    for post in posts(kind):
        key = {"$ref": "#/components/parameters/IdempotencyKey"}
        assert (key in post["parameters"]) == (post["x-effect"] == "write")


@KINDS
def test_every_request_example_is_a_valid_request(kind: Kind):
    for post in posts(kind):
        example = post["requestBody"]["content"]["application/json"]["example"]
        assert operations(kind)[post["operationId"]].request.is_valid(example), post["operationId"]


@KINDS
def test_every_operation_shows_a_valid_answer(kind: Kind):
    for post in posts(kind):
        operation = operations(kind)[post["operationId"]]
        example = post["responses"][str(operation.status)]["content"]["application/json"]["example"]
        assert operation.answer.is_valid(example), operation.id


def objects_of(schema: dict, document: dict) -> Iterator[dict]:
    """Every object schema that a value of `schema` may hold."""
    if "$ref" in schema:
        yield from objects_of(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], document)
        return
    if schema.get("type") == "object":
        yield schema
    parts = [*schema.get("properties", {}).values(), *schema.get("allOf", [])]
    for part in [*parts, *([schema["items"]] if "items" in schema else [])]:
        yield from objects_of(part, document)


@KINDS
def test_requests_are_closed_all_the_way_down(kind: Kind):
    for post in posts(kind):
        schema = post["requestBody"]["content"]["application/json"]["schema"]
        assert all(one["additionalProperties"] is False for one in objects_of(schema, load(kind)))
        assert not operations(kind)[post["operationId"]].request.is_valid([])


def test_the_operations_that_the_exchange_builds_on_are_there():
    assert operations(Kind.PUBLIC_SECURITY)["deregisterForMigration"].variables == ("migration_id",)
    settle = operations(Kind.MEDICAL_INSURANCE)["settle"]
    assert (settle.path, settle.writes, settle.status) == ("/settlements", True, 201)
    assert sum(len(operations(kind)) for kind in Kind) >= 50


def test_a_header_pattern_speaks_of_the_whole_header():
    pattern = header_patterns(Kind.EDUCATION)["X-On-Behalf-Of"]
    assert pattern.fullmatch("resident:01k9")
    assert not pattern.fullmatch("resident:430102 199003")
