"""GraphQL over HTTP: methods, bodies, parameters, negotiation and status codes."""

import io
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs

from backend.core.errors import Refusal
from graphql_schema.engine import Limits
from graphql_schema.engine.negotiation import MediaType, negotiate
from tests.graphql.engine.sample import REQUEST_ID, Away, Caller

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"


@pytest.fixture
def caller() -> Caller:
    return Caller()


def raw(caller: Caller, body: bytes, **rest: Any) -> Any:
    return caller.http.post("/graphql", data=body, content_type=rest.pop("content_type", JSON), **rest)


def get(caller: Caller, headers: dict[str, str] | None = None, **parameters: str) -> Any:
    return caller.http.get(f"/graphql?{urlencode(parameters)}", headers=headers)


def code_of(answer: Any) -> str:
    return str(answer.json["errors"][0]["extensions"]["code"])


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, MediaType.JSON),
        ("", MediaType.JSON),
        ("*/*", MediaType.JSON),
        ("application/*", MediaType.JSON),
        (JSON, MediaType.JSON),
        (GRAPHQL, MediaType.GRAPHQL),
        (GRAPHQL.upper(), MediaType.GRAPHQL),
        (f"{JSON}, {GRAPHQL}", MediaType.GRAPHQL),
        (f"{GRAPHQL}, {JSON};q=0.9", MediaType.GRAPHQL),
        (f"{GRAPHQL};q=0.8, {JSON}", MediaType.JSON),
        (f"{GRAPHQL};q=0.2, */*;q=0.9", MediaType.JSON),
        (f"{GRAPHQL}, */*", MediaType.GRAPHQL),
        (f"{JSON}, */*", MediaType.JSON),
        (f"{GRAPHQL};q=0, */*", MediaType.JSON),
        (f"{GRAPHQL}; charset=utf-8, {JSON}; charset=utf-8", MediaType.GRAPHQL),
        (f"{GRAPHQL}; charset=utf-16, {JSON}", MediaType.JSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", MediaType.JSON),
    ],
)
def test_the_accept_header_decides_the_media_type(accept: str | None, expected: MediaType) -> None:
    assert negotiate(accept) is expected


@pytest.mark.parametrize(
    "accept",
    ["text/html", "image/*", f"{JSON};q=0", f"{GRAPHQL};charset=utf-16", "application/json5", "nonsense"],
)
def test_nothing_acceptable_is_406_and_names_what_is_offered(caller: Caller, accept: str) -> None:
    with pytest.raises(Refusal):
        negotiate(accept)
    answer = caller.post("{ hello }", headers={"Accept": accept})
    assert (answer.status_code, code_of(answer)) == (406, "GRAPHQL_NOT_ACCEPTABLE")
    assert GRAPHQL in answer.json["errors"][0]["message"]


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
def test_the_response_names_its_media_type_and_is_not_stored(caller: Caller, accept: str) -> None:
    answer = caller.post("{ hello }", headers={"Accept": accept})
    assert answer.headers["Content-Type"] == f"{accept}; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": ""}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query ($of: Int!) { square(of: $of) }"}, "BAD_USER_INPUT"),
        ({"query": "query A { hello } query B { hello }"}, "GRAPHQL_OPERATION_UNRESOLVED"),
        ({"query": "query A { hello }", "operationName": "B"}, "GRAPHQL_OPERATION_UNRESOLVED"),
        ({"query": "fragment F on Query { hello }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"documentId": "sha256:" + "0" * 64}, "PERSISTED_DOCUMENT_NOT_FOUND"),
        ({"query": "{ desks { pageInfo { hasNextPage } } }"}, "GRAPHQL_PAGE_SIZE_REQUIRED"),
    ],
)
def test_what_cannot_be_executed_is_400_or_for_older_clients_200(
    caller: Caller, body: dict[str, Any], code: str
) -> None:
    for accept, status in ((GRAPHQL, 400), (JSON, 200)):
        answer = caller.post(**body, headers={"Accept": accept})
        assert (answer.status_code, code_of(answer)) == (status, code)
        assert "data" not in answer.json


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'"{ hello }"',
        b"1",
        b"{}",
        b'{"query": 1}',
        b'{"query": null}',
        b'{"query": ["{ hello }"]}',
        b'{"query": "{ hello }", "operationName": 1}',
        b'{"query": "{ hello }", "variables": []}',
        b'{"query": "{ hello }", "variables": "{}"}',
        b'{"query": "{ hello }", "extensions": 0}',
        b'{"documentId": {}}',
        b'{"query": "{ hello }", "variables": {"a": NaN}}',
        b'{"query": "{ hello }", "variables": {"a": Infinity}}',
        b'{"query": "\\ud800"}',
        b'{"query": "\xff"}',
        b'{"query": "{ hello }", "variables": ' + b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"}",
        b"[" * 5000 + b"]" * 5000,
    ],
)
@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
def test_a_malformed_body_is_400_for_either_media_type(caller: Caller, body: bytes, accept: str) -> None:
    answer = raw(caller, body, headers={"Accept": accept})
    assert (answer.status_code, code_of(answer)) == (400, "GRAPHQL_BAD_REQUEST")


def test_nulls_count_as_absent_and_unknown_members_are_ignored(caller: Caller) -> None:
    data = caller.data("{ hello }", operationName=None, variables=None, extensions=None, future=1)
    assert data == {"hello": "你好，世界"}


def test_of_duplicate_keys_the_last_counts(caller: Caller) -> None:
    answer = raw(caller, b'{"query": "{ broken }", "query": "{ loud }"}')
    assert answer.json == {"data": {"loud": "QUIET"}}


def test_the_named_operation_is_executed(caller: Caller) -> None:
    document = "query A { a: hello } query B { b: loud }"
    assert caller.data(document, operationName="B") == {"b": "QUIET"}


def test_a_batch_is_refused_as_such(caller: Caller) -> None:
    answer = raw(caller, json.dumps([{"query": "{ hello }"}] * 2).encode())
    assert (answer.status_code, code_of(answer)) == (400, "GRAPHQL_BATCHING_NOT_SUPPORTED")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        GRAPHQL,
        "application/json; charset=utf-16",
        "text/plain;x=application/json",
    ],
)
def test_a_body_of_another_type_is_415(caller: Caller, content_type: str | None) -> None:
    answer = raw(caller, b'{"query": "{ desk { id } }"}', content_type=content_type)
    assert (answer.status_code, code_of(answer)) == (415, "GRAPHQL_UNSUPPORTED_MEDIA_TYPE")
    assert caller.context.calls == []


def test_a_compressed_body_is_415(caller: Caller) -> None:
    answer = raw(caller, b'{"query": "{ hello }"}', headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "utf8"])
def test_utf8_may_be_named(caller: Caller, charset: str) -> None:
    answer = raw(caller, '{"query": "{ 一: hello }"}'.encode(), content_type=f"{JSON};charset={charset}")
    # A GraphQL name is ASCII: the document arrived as it was sent, and is refused for what it says.
    assert code_of(answer) == "GRAPHQL_PARSE_FAILED"
    assert "U+4E00" in answer.json["errors"][0]["message"]


class CountingStream(io.RawIOBase):
    """A body without end that counts what is read of it."""

    def __init__(self) -> None:
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.taken += len(buffer)
        buffer[:] = b" " * len(buffer)
        return len(buffer)


def test_a_large_body_is_refused_before_any_of_it_is_read(caller: Caller) -> None:
    stream = CountingStream()
    answer = caller.http.post(
        "/graphql",
        content_type=JSON,
        environ_overrides={"wsgi.input": stream, "CONTENT_LENGTH": "100001"},
    )
    assert (answer.status_code, code_of(answer)) == (413, "GRAPHQL_BODY_TOO_LARGE")
    assert stream.taken == 0


def test_a_large_body_without_a_length_is_refused_as_soon_as_it_is_too_large(caller: Caller) -> None:
    stream = CountingStream()
    answer = caller.http.post(
        "/graphql",
        content_type=JSON,
        environ_overrides={"wsgi.input": stream, "wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
    )
    assert (answer.status_code, code_of(answer)) == (413, "GRAPHQL_BODY_TOO_LARGE")
    assert 100_000 < stream.taken < 200_000


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 413)])
def test_the_body_limit_is_exact(extra: int, status: int) -> None:
    caller = Caller(limits=Limits(body_bytes=200))
    body = b'{"query": "{ hello }"}'.ljust(200 + extra)
    assert raw(caller, body).status_code == status


def test_get_executes_queries(caller: Caller) -> None:
    answer = get(
        caller,
        query="query Q($n: String!) { hello(name: $n) }",
        variables='{"n": "株洲"}',
        operationName="Q",
        extensions="{}",
    )
    assert answer.json == {"data": {"hello": "你好，株洲"}}


def test_empty_parameters_of_get_count_as_absent(caller: Caller) -> None:
    answer = get(caller, query="{ loud }", variables="", operationName="", extensions="", documentId="")
    assert answer.json == {"data": {"loud": "QUIET"}}


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
def test_a_mutation_over_get_is_405_names_post_and_runs_nothing(caller: Caller, accept: str) -> None:
    answer = get(caller, {"Accept": accept}, query="mutation { slowBook }")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert code_of(answer) == "GRAPHQL_METHOD_NOT_ALLOWED"
    assert caller.context.calls == []


def test_the_operation_that_is_named_decides_whether_get_may_run_it(caller: Caller) -> None:
    document = "query Q { loud } mutation M { slowBook }"
    assert get(caller, query=document, operationName="Q").status_code == 200
    assert get(caller, query=document, operationName="M").status_code == 405


@pytest.mark.parametrize(
    "query_string",
    [
        "",
        "query=",
        "query={loud}&variables=nonsense",
        "query={loud}&variables=[]",
        "query={loud}&variables=1",
        "query={loud}&extensions=%22a%22",
        "query={loud}&query={hello}",
        "query={loud}&variables={}&variables={}",
        "query={loud}&variables=NaN",
    ],
)
def test_malformed_parameters_of_get_are_400(caller: Caller, query_string: str) -> None:
    answer = caller.http.get(f"/graphql?{query_string}")
    assert (answer.status_code, code_of(answer)) == (400, "GRAPHQL_BAD_REQUEST")


def test_a_long_query_string_is_414(caller: Caller) -> None:
    answer = get(caller, query="{ loud }" + " " * 8_000)
    assert (answer.status_code, code_of(answer)) == (414, "GRAPHQL_URL_TOO_LONG")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "GraphQL-Require-Preflight": "1"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 200),
    ],
)
def test_a_simple_get_of_another_site_is_refused(
    caller: Caller, headers: dict[str, str], status: int
) -> None:
    assert get(caller, headers, query="{ loud }").status_code == status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_405(caller: Caller, method: str) -> None:
    answer = caller.http.open("/graphql", method=method)
    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.allow)


def test_errors_carry_the_request_id_and_good_answers_nothing_extra(caller: Caller) -> None:
    failed = caller.post("{ refused }").json
    assert failed["extensions"]["requestId"] == REQUEST_ID
    assert failed["errors"][0]["extensions"]["requestId"] == REQUEST_ID
    assert caller.post("{ hello }").json.keys() == {"data"}


def test_a_field_error_is_a_partial_success(caller: Caller) -> None:
    for accept in (GRAPHQL, JSON):
        answer = caller.post("{ loud refused }", headers={"Accept": accept})
        assert answer.status_code == 200
        assert answer.json["data"] == {"loud": "QUIET", "refused": None}


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
def test_when_the_database_is_away_the_whole_request_is_503_with_retry_after(
    caller: Caller, accept: str
) -> None:
    with capture_logs() as logs:
        answer = caller.post("{ loud a: away b: away }", headers={"Accept": accept})
    assert [(event["event"], event["cause"]) for event in logs] == [("graphql.unavailable", "Away")]
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert code_of(answer) == "TEMPORARILY_UNAVAILABLE"
    assert answer.json["errors"][0]["extensions"]["retryAfter"] == 2
    assert "data" not in answer.json
    assert "address" not in answer.text


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Refusal("UNAUTHENTICATED"), 401, "UNAUTHENTICATED"),
        (Refusal("RATE_LIMITED", retry_after=9, seconds=9), 429, "RATE_LIMITED"),
        (Away("where"), 503, "TEMPORARILY_UNAVAILABLE"),
        (RuntimeError("inner"), 500, "INTERNAL_ERROR"),
    ],
)
def test_a_context_that_cannot_be_made_answers_the_request(error: Exception, status: int, code: str) -> None:
    caller = Caller(sample_context=error)
    for accept in (GRAPHQL, JSON):
        answer = caller.post("{ loud }", headers={"Accept": accept})
        assert (answer.status_code, code_of(answer)) == (status, code)
        assert "inner" not in answer.text


def test_subscriptions_are_refused_by_name(caller: Caller) -> None:
    assert caller.codes("subscription { ticks }") == ["GRAPHQL_SUBSCRIPTIONS_NOT_SUPPORTED"]
