"""Every limit: what is within passes, one more is refused, and refusing is cheap."""

from dataclasses import replace
from typing import Any

import pytest
from graphql import build_schema, get_introspection_query, parse

from graphql_schema.engine import Limits
from graphql_schema.engine.plans import longer_than
from graphql_schema.engine.shape import Ruler, fragments_of
from tests.graphql.engine.sample import Caller, SampleContext

SMALL = Limits(
    tokens=60,
    depth=3,
    fields=12,
    aliases=3,
    root_fields=4,
    directives=3,
    page_size=50,
    nodes=1_000,
    assumed_list_size=10,
    list_items=5,
    input_depth=4,
    input_items=3,
    errors=2,
)


@pytest.fixture
def caller() -> Caller:
    return Caller(limits=SMALL)


@pytest.mark.parametrize(
    ("within", "beyond", "code"),
    [
        ("{ " + "hello " * 4 + "}", "{ " + "hello " * 5 + "}", "GRAPHQL_TOO_MANY_ROOT_FIELDS"),
        ("{ a: hello b: hello c: hello }", "{ a: loud b: loud c: loud d: loud }", "GRAPHQL_TOO_MANY_ALIASES"),
        (
            "{ desk { id number } }",
            "{ desks(first: 1) { edges { node { id } } } }",
            "GRAPHQL_DOCUMENT_TOO_DEEP",
        ),
        (
            "{ a: desk { id city opened } b: desk { id city opened } c: desk { id } loud }",
            "{ a: desk { id city opened } b: desk { id city opened } c: desk { id city opened } loud }",
            "GRAPHQL_TOO_MANY_FIELDS",
        ),
        (
            "{ hello @skip(if: false) ... @include(if: true) { loud @skip(if: true) } }",
            "{ hello @skip(if: false) @include(if: true) ... @include(if: true) { loud @skip(if: true) } }",
            "GRAPHQL_TOO_MANY_DIRECTIVES",
        ),
        ("{ hello " + "# c\n" * 60 + "}", "{ hello " + "# c\n" * 61 + "}", "GRAPHQL_DOCUMENT_TOO_LONG"),
        ("{ hello " + ", " * 500 + "}", "{ " + "hello " * 59 + "}", "GRAPHQL_DOCUMENT_TOO_LONG"),
    ],
)
def test_a_document_within_the_limit_runs_and_one_beyond_is_refused(
    caller: Caller, within: str, beyond: str, code: str
) -> None:
    caller.data(within)
    assert caller.codes(beyond) == [code]


def test_limits_count_what_fragments_spread(caller: Caller) -> None:
    document = "{ ...A ...A ...A } fragment A on Query { hello loud }"
    assert caller.codes(document) == ["GRAPHQL_TOO_MANY_ROOT_FIELDS"]
    aliases = "{ ...A } fragment A on Query { desk { ...B ...B } } fragment B on Desk { a: id b: id }"
    assert caller.codes(aliases) == ["GRAPHQL_TOO_MANY_ALIASES"]


def test_fragments_add_no_level_but_nesting_has_an_end_all_the_same(caller: Caller) -> None:
    caller.data("{ ... { ... { ... { ... { loud } } } } }")
    endless = Caller(limits=replace(SMALL, tokens=5_000))
    assert endless.codes("{ ... " * 100 + "{ loud }" + " }" * 100) == ["GRAPHQL_DOCUMENT_TOO_DEEP"]
    assert endless.codes("{ desk " * 500 + "}" * 500) == ["GRAPHQL_PARSE_FAILED"]


def test_tokens_are_counted_without_reading_past_the_limit() -> None:
    # The rest of the text isn't even GraphQL: nobody gets that far.
    assert longer_than("{ a " * 20 + "\x00" * 1_000_000, 30)
    assert not longer_than("{ a " * 15, 30)
    assert longer_than("{ a " * 15 + "}", 30)


def bomb(levels: int) -> str:
    """A document that spreads to 2 ** levels fields."""
    fragments = (f"fragment F{n} on Desk {{ ...F{n + 1} ...F{n + 1} maybe {{ id }} }}" for n in range(levels))
    return "{ desk { ...F0 } } " + " ".join(fragments) + f" fragment F{levels} on Desk {{ id city }}"


def test_a_fragment_bomb_is_measured_by_visiting_each_selection_once() -> None:
    document = parse(bomb(50))
    ruler = Ruler(fragments_of(document), Limits())
    shape = ruler.measure(document.definitions[0])  # type: ignore[arg-type]  # The operation.
    assert shape.fields > 2**50
    assert ruler.visited <= 2 + 50 * 4 + 2


def test_a_fragment_bomb_is_refused_before_validation() -> None:
    # `maybe` isn't a field of Desk: validation would have said so, but is never reached.
    assert Caller().codes(bomb(50)) == ["GRAPHQL_TOO_MANY_FIELDS"]
    assert Caller().codes(bomb(1)) == ["GRAPHQL_VALIDATION_FAILED"]


def test_fragment_cycles_are_refused_by_validation(caller: Caller) -> None:
    codes = caller.codes("{ desk { ...A } } fragment A on Desk { ...B } fragment B on Desk { ...A }")
    assert set(codes) == {"GRAPHQL_VALIDATION_FAILED"}


def test_alias_bombs_and_directive_overloads_are_cut_off_by_default() -> None:
    caller = Caller()
    aliases = "{ " + " ".join(f"a{n}: loud" for n in range(10_000)) + " }"
    assert caller.codes(aliases[:90_000]) == ["GRAPHQL_DOCUMENT_TOO_LONG"]
    assert caller.codes("{ loud " + "@a" * 400 + " }") == ["GRAPHQL_TOO_MANY_DIRECTIVES"]
    assert caller.codes("query " + "@a" * 400 + " { loud }") == ["GRAPHQL_TOO_MANY_DIRECTIVES"]
    assert caller.codes("query ($a: Int " + "@a" * 400 + ") { loud }") == ["GRAPHQL_TOO_MANY_DIRECTIVES"]
    assert caller.codes("{ " + "loud " * 900 + "}") == ["GRAPHQL_TOO_MANY_ROOT_FIELDS"]


def test_the_introspection_query_fits_the_defaults() -> None:
    data = Caller().data(get_introspection_query())
    assert data["__schema"]["queryType"]["name"] == "Query"


NESTED = """
query ($a: Int, $b: Int) {
  desks(first: $a) { edges { node { colleagues(first: 2) { edges { node {
    colleagues(first: 3) { edges { node { id } } } } } } } } } again: desks(last: $b) { edges { cursor } }
}
"""


@pytest.mark.parametrize(
    ("document", "variables", "cost"),
    [
        ("{ hello loud }", {}, 0),
        ("{ desk { id } maybeDesk { id } }", {}, 2),
        ("{ allDesks { id numbers } }", {}, 10),
        ("{ desks(first: 7) { edges { cursor node { id } } } }", {}, 7),
        ("{ desks(first: 7) { pageInfo { hasNextPage } edges { node { id } } } }", {}, 8),
        ("{ desks(first: 3, last: 5) { edges { cursor } } }", {}, 5),
        ("{ recentDesks { edges { cursor } } }", {}, 20),
        ("query ($n: Int = 6) { recentDesks(first: $n) { edges { cursor } } }", {}, 6),
        ("{ allDesks { colleagues(first: 4) { edges { node { id } } } } }", {}, 10 + 40),
        (NESTED, {"a": 5, "b": 4}, 5 + 5 * 2 + 5 * 2 * 3 + 4),
        (NESTED, {"a": 50, "b": 50}, 50 + 50 * 2 + 50 * 2 * 3 + 50),
        ("{ desk { ...F ...F } } fragment F on Desk { colleagues(first: 9) { edges { cursor } } }", {}, 19),
        ("{ ... on Query { desk { ... { id } } } __typename }", {}, 1),
        (
            '{ node(id: "RGVzazox") { ... on Desk { colleagues(first: 2) { pageInfo { hasNextPage } } } } }',
            {},
            4,
        ),
    ],
)
def test_the_cost_of_an_operation_is_the_product_of_its_pages(
    document: str, variables: dict[str, int], cost: int
) -> None:
    at_the_limit = Caller(limits=Limits(nodes=cost))
    assert "errors" not in at_the_limit.post(document, variables=variables).json
    if cost:
        below = Caller(limits=Limits(nodes=cost - 1))
        error = below.post(document, variables=variables).json["errors"][0]
        assert error["extensions"]["code"] == "GRAPHQL_COST_EXCEEDED"
        assert error["extensions"]["params"] == {"cost": cost, "maximum": cost - 1}


@pytest.mark.parametrize(
    ("document", "variables", "code"),
    [
        ("{ desks { edges { cursor } } }", {}, "GRAPHQL_PAGE_SIZE_REQUIRED"),
        ("{ desks(first: null) { edges { cursor } } }", {}, "GRAPHQL_PAGE_SIZE_REQUIRED"),
        ("query ($n: Int) { desks(first: $n) { edges { cursor } } }", {}, "GRAPHQL_PAGE_SIZE_REQUIRED"),
        (
            "query ($n: Int) { desks(first: $n) { edges { cursor } } }",
            {"n": None},
            "GRAPHQL_PAGE_SIZE_REQUIRED",
        ),
        ("{ desks(first: 0) { edges { cursor } } }", {}, "GRAPHQL_PAGE_SIZE_OUT_OF_RANGE"),
        ("{ desks(last: 101) { edges { cursor } } }", {}, "GRAPHQL_PAGE_SIZE_OUT_OF_RANGE"),
        (
            "query ($n: Int) { desks(first: $n) { edges { cursor } } }",
            {"n": 101},
            "GRAPHQL_PAGE_SIZE_OUT_OF_RANGE",
        ),
        (
            "query ($n: Int) { desks(first: $n) { edges { cursor } } }",
            {"n": -1},
            "GRAPHQL_PAGE_SIZE_OUT_OF_RANGE",
        ),
        (
            "query ($n: Int) { desks(first: 5, last: $n) { edges { cursor } } }",
            {"n": 1000},
            "GRAPHQL_PAGE_SIZE_OUT_OF_RANGE",
        ),
    ],
)
def test_a_page_size_has_to_be_there_and_from_1_to_100(
    document: str, variables: dict[str, Any], code: str
) -> None:
    caller = Caller()
    assert caller.codes(document, variables=variables) == [code]
    assert caller.context.calls == []


def test_a_schema_default_stands_for_an_absent_variable() -> None:
    document = "query ($n: Int!) { recentDesks(first: $n) { edges { cursor } } }"
    optional = "query ($n: Int) { recentDesks(first: $n) { edges { cursor } } }"
    assert len(Caller().data(document, variables={"n": 3})["recentDesks"]["edges"]) == 3
    assert len(Caller().data(optional)["recentDesks"]["edges"]) == 20
    assert Caller().codes(optional, variables={"n": None}) == ["GRAPHQL_PAGE_SIZE_REQUIRED"]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"a": {"b": {"c": 1}}}, None),
        ({"a": {"b": {"c": {"d": 1}}}}, "GRAPHQL_INPUT_TOO_DEEP"),
        ([[[1]]], None),
        ([[[[1]]]], "GRAPHQL_INPUT_TOO_DEEP"),
        ([1, 2, 3], None),
        ({"a": [1, 2, 3, 4]}, "GRAPHQL_INPUT_LIST_TOO_LONG"),
    ],
)
def test_variables_are_bounded_in_depth_and_length(caller: Caller, value: object, code: str | None) -> None:
    answer = caller.post("{ loud }", variables={"unused": value}).json
    assert [error["extensions"]["code"] for error in answer.get("errors", [])] == ([code] if code else [])


def test_a_list_without_end_is_refused_and_its_neighbours_are_served(caller: Caller) -> None:
    answer = caller.post("{ endless loud }").json
    assert answer["data"] == {"endless": None, "loud": "QUIET"}
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_LIST_TOO_LONG"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{ a: refused b: refused c: refused }", "RATE_LIMITED"),
        ("{ no1 no2 no3 no4 }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
def test_only_so_many_errors_are_answered(caller: Caller, document: str, code: str) -> None:
    assert caller.codes(document) == [code, code]


class Moments:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self) -> None:
        self.now += 6


def test_after_the_deadline_no_further_resolver_is_called() -> None:
    moments = Moments()
    context = SampleContext(tick=moments.pass_by)
    caller = Caller(sample_context=context, monotonic=moments, limits=Limits(seconds=10))
    answer = caller.post("{ a: slow b: slow c: slow d: slow }").json
    assert answer["data"] == {"a": 1, "b": 1, "c": None, "d": None}
    assert [(e["path"], e["extensions"]["code"]) for e in answer["errors"]] == [
        (["c"], "GRAPHQL_DEADLINE_EXCEEDED"),
        (["d"], "GRAPHQL_DEADLINE_EXCEEDED"),
    ]
    assert context.calls == ["slow", "slow"]


def test_the_deadline_counts_from_the_start_of_each_request() -> None:
    moments = Moments()
    caller = Caller(
        sample_context=SampleContext(tick=moments.pass_by), monotonic=moments, limits=Limits(seconds=10)
    )
    for _ in range(3):
        assert caller.data("{ slow }") == {"slow": 1}


def test_a_mutation_past_the_deadline_tells_which_of_its_fields_ran() -> None:
    moments = Moments()
    caller = Caller(
        sample_context=SampleContext(tick=moments.pass_by), monotonic=moments, limits=Limits(seconds=5)
    )
    answer = caller.post("mutation { a: slowBook b: slowBook }").json
    assert answer["data"] == {"a": 1, "b": None}
    assert caller.context.calls == ["slow_book"]


def test_introspection_is_off_in_production_but_typename_is_not() -> None:
    caller = Caller(production=True)
    for document in (
        get_introspection_query(),
        '{ __type(name: "Desk") { name } }',
        "{ ...F } fragment F on Query { s: __schema { __typename } }",
    ):
        assert "GRAPHQL_INTROSPECTION_DISABLED" in caller.codes(document)
    assert caller.data("{ __typename desk { __typename } }") == {
        "__typename": "Query",
        "desk": {"__typename": "Desk"},
    }


def test_the_engine_serves_a_bare_graphql_core_schema() -> None:
    schema = build_schema("type Query { loud: String desks: [Query] }")
    assert Caller(schema=schema).data("{ loud desks { loud } }") == {"loud": None, "desks": None}
