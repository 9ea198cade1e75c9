"""Errors say what clients may know, in their language, and nothing of values or of what is inside."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from backend.core.errors import catalogue
from graphql_schema.engine.errors import HTTP_STATUS
from tests.graphql.engine.sample import REQUEST_ID, Caller

PERSONAL = "430102199001011234"


@pytest.fixture
def caller() -> Caller:
    return Caller()


def only(answer: Any) -> dict[str, Any]:
    (error,) = answer.json["errors"]
    return dict(error)


def test_a_refusal_keeps_its_code_place_parameters_and_wait(caller: Caller) -> None:
    with capture_logs() as logs:
        error = only(caller.post("{ a: refused }"))
    assert error == {
        "message": "Too many attempts; try again in 7 seconds",
        "locations": [{"line": 1, "column": 3}],
        "path": ["a"],
        "extensions": {
            "code": "RATE_LIMITED",
            "requestId": REQUEST_ID,
            "retryAfter": 7,
            "params": {"seconds": 7},
        },
    }
    assert logs == []


def test_messages_are_in_the_callers_language() -> None:
    caller = Caller(locale=lambda: "zh-CN")
    assert only(caller.post("{ refused }"))["message"] == "操作过于频繁，请在 7 秒后重试"
    assert only(caller.post(documentId="sha256:0"))["message"] == "未找到该编号对应的查询文档"


def test_a_bug_is_masked_and_logged_once_with_its_traceback(caller: Caller) -> None:
    document = "query ($n: String!) { hello(name: $n) broken }"
    with capture_logs() as logs:
        answer = caller.post(document, variables={"n": "personal"})
    error = only(answer)
    assert error["extensions"] == {"code": "INTERNAL_ERROR", "requestId": REQUEST_ID}
    assert "inner secret" not in answer.text
    (event,) = logs
    assert (event["event"], event["request_id"], event["path"]) == (
        "graphql.internal_error",
        REQUEST_ID,
        ["broken"],
    )
    assert isinstance(event["exc_info"], RuntimeError)
    assert event["exc_info"].__traceback__ is not None
    assert "personal" not in str(event)


@pytest.mark.parametrize("document", ["{ unknownCode }", "{ unserialisable }"])
def test_a_refusal_without_a_text_and_a_scalar_without_json_are_bugs(caller: Caller, document: str) -> None:
    with capture_logs() as logs:
        assert caller.codes(document) == ["INTERNAL_ERROR"]
    assert len(logs) == 1


def test_a_context_that_breaks_is_logged_and_is_500() -> None:
    caller = Caller(sample_context=RuntimeError("inner"))
    with capture_logs() as logs:
        answer = caller.post("{ loud }")
    assert answer.status_code == 500
    assert [event["event"] for event in logs] == ["graphql.internal_error"]


@pytest.mark.parametrize(
    ("document", "variables", "name"),
    [
        ("query ($of: Int!) { square(of: $of) }", {"of": PERSONAL}, "$of"),
        ("query ($of: Int!) { square(of: $of) }", {"of": 2**40}, "$of"),
        ("query ($of: Int!) { square(of: $of) }", {"of": None}, "$of"),
        ("query ($of: Int!) { square(of: $of) }", {}, "$of"),
        ("query ($c: City!) { desk(city: $c) { id } }", {"c": PERSONAL}, "$c"),
        ("query ($n: ID!) { node(id: $n) { id } }", {"n": PERSONAL}, "node"),
        ("query ($n: ID!) { node(id: $n) { id } }", {"n": "Tm9wZToxMjM="}, "node"),
        ("query ($of: Int) { half(of: $of) }", {"of": None}, "$of"),
    ],
)
def test_bad_variables_are_named_and_never_quoted(
    caller: Caller, document: str, variables: dict[str, Any], name: str
) -> None:
    with capture_logs() as logs:
        answer = caller.post(document, variables=variables)
    error = only(answer)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == f"The value of {name} is invalid"
    assert PERSONAL not in answer.text
    assert logs == []


def test_every_bad_field_of_an_input_is_reported_without_its_value(caller: Caller) -> None:
    booking = {"desk": PERSONAL, "day": PERSONAL, "number": "secret", "unknown" + PERSONAL: 1}
    answer = caller.post(
        "mutation ($b: Booking!) { book(booking: $b) { __typename } }", variables={"b": booking}
    )
    assert {error["extensions"]["code"] for error in answer.json["errors"]} == {"BAD_USER_INPUT"}
    assert PERSONAL not in answer.text
    assert "secret" not in answer.text
    assert caller.context.calls == []


@pytest.mark.parametrize("production", [False, True])
@pytest.mark.parametrize("document", ["{ helo }", "{ desk(cityy: CHANGSHA) { id } }", "{ desk { cty } }"])
def test_nothing_is_suggested(production: bool, document: str) -> None:  # noqa: FBT001 - A test parameter.
    answer = Caller(production=production).post(document)
    assert answer.json["errors"]
    assert "Did you mean" not in answer.text


def test_an_enum_value_is_not_suggested_for_a_variable(caller: Caller) -> None:
    answer = caller.post("query ($c: City!) { desk(city: $c) { id } }", variables={"c": "CHANGSH"})
    assert "CHANGSHA" not in answer.text


def test_a_syntax_error_tells_the_place(caller: Caller) -> None:
    error = only(caller.post("{ hello ("))
    assert error["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
    assert error["locations"] == [{"line": 1, "column": 10}]


def test_every_code_that_has_a_status_has_a_text() -> None:
    assert set(HTTP_STATUS) <= set(catalogue())


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (f"{{ hello(name: {PERSONAL}) }}", "GRAPHQL_VALIDATION_FAILED"),
        (f'{{ hello(name: {{ a: ["{PERSONAL}"] }}) }}', "GRAPHQL_VALIDATION_FAILED"),
        (f"{{ hello(name: a{PERSONAL}) }}", "GRAPHQL_VALIDATION_FAILED"),
        (f'{{ hello "{PERSONAL}" }}', "GRAPHQL_PARSE_FAILED"),
        (f'{{ hello """{PERSONAL}""" }}', "GRAPHQL_PARSE_FAILED"),
        (f"{{ hello {PERSONAL} }}", "GRAPHQL_PARSE_FAILED"),
        (f"{{ hello {PERSONAL}.5 }}", "GRAPHQL_PARSE_FAILED"),
    ],
)
def test_a_literal_of_the_document_is_never_repeated(caller: Caller, document: str, code: str) -> None:
    answer = caller.post(document)
    assert PERSONAL not in answer.text
    assert only(answer)["extensions"]["code"] == code


def test_what_is_wrong_with_a_document_is_said_where_no_value_is_repeated(caller: Caller) -> None:
    assert "nothing" in only(caller.post("{ nothing }"))["message"]
    assert "Expected Name" in only(caller.post("{ hello ( }"))["message"]
