"""Strawberry's types and extensions work when graphql-core runs their schema without Strawberry's view."""

import base64

import pytest
import strawberry

from graphql_schema.engine import core_schema
from tests.graphql.engine.sample import SCHEMA, Caller, SampleContext


@pytest.fixture
def caller() -> Caller:
    return Caller()


def test_arguments_defaults_and_unicode(caller: Caller) -> None:
    assert caller.data('{ a: hello b: hello(name: "🏊") }') == {"a": "你好，世界", "b": "你好，🏊"}


def test_enums_dates_and_custom_scalars_both_ways(caller: Caller) -> None:
    document = "query ($city: City!) { desk(city: $city) { city opened number } }"
    expected = {"desk": {"city": "ZHUZHOU", "opened": "2026-01-02", "number": "0731"}}
    assert caller.data(document, variables={"city": "ZHUZHOU"}) == expected


def test_relay_nodes_by_global_id(caller: Caller) -> None:
    global_id = base64.b64encode(b"Desk:42").decode()
    found = caller.data(
        "query ($id: ID!) { node(id: $id) { __typename id ... on Desk { city } } }",
        variables={"id": global_id},
    )
    assert found == {"node": {"__typename": "Desk", "id": global_id, "city": "ZHUZHOU"}}


def test_connections_of_generic_types(caller: Caller) -> None:
    found = caller.data("{ desks(first: 2) { edges { cursor node { numbers } } pageInfo { hasNextPage } } }")
    assert [edge["cursor"] for edge in found["desks"]["edges"]] == ["0", "1"]


@pytest.mark.parametrize(("desk", "member"), [("7", "Booked"), ("full", "Refused")])
def test_union_results_of_mutations_with_inputs(caller: Caller, desk: str, member: str) -> None:
    document = (
        "mutation ($b: Booking!) { book(booking: $b) { __typename ... on Booked { note } "
        "... on Refused { code } } }"
    )
    booking = {"desk": desk, "day": "2026-05-01", "notes": ["一", "二"]}
    found = caller.data(document, variables={"b": booking})["book"]
    assert found["__typename"] == member


def test_a_permission_class_that_denies_is_a_coded_error_in_the_callers_language(caller: Caller) -> None:
    answer = caller.post("{ secret hello }").json
    assert answer["data"] == {"secret": None, "hello": "你好，世界"}
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert answer["errors"][0]["message"] == "Please sign in first"


def test_a_permission_class_that_allows() -> None:
    assert Caller(sample_context=SampleContext(user="r1")).data("{ secret }") == {"secret": "open sesame"}


def test_field_extensions_run(caller: Caller) -> None:
    assert caller.data("{ loud }") == {"loud": "QUIET"}


def test_fragments_directives_and_aliases(caller: Caller) -> None:
    document = """
      query ($with: Boolean!) { one: desk { ...D } two: maybeDesk { ...D @include(if: $with) id } }
      fragment D on Desk { city }
    """
    assert caller.data(document, variables={"with": False})["two"].keys() == {"id"}
    assert caller.data(document, variables={"with": True})["two"].keys() == {"city", "id"}


def test_an_asynchronous_resolver_is_found_at_the_start() -> None:
    @strawberry.type
    class Query:
        @strawberry.field
        async def later(self) -> int:
            return 1

    with pytest.raises(ValueError, match=r"Query\.later is asynchronous"):
        core_schema(strawberry.Schema(query=Query))


def test_the_accessor_takes_both_shapes_and_nothing_else() -> None:
    assert core_schema(core_schema(SCHEMA)) is SCHEMA._schema
    with pytest.raises(TypeError):
        core_schema(object())
