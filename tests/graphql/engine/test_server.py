"""The view behind a real server, where bodies arrive in pieces and without a length."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.graphql.engine.serving import served

HEADERS = {"Content-Type": "application/json", "Accept": "application/graphql-response+json"}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served() as port:
        yield port


def post(port: int, body: bytes | Iterator[bytes]) -> tuple[int, Any]:
    """The status and JSON that a POST gets; an iterator is sent in chunks, without Content-Length."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/graphql", body, HEADERS, encode_chunked=not isinstance(body, bytes))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_body_in_chunks(port: int) -> None:
    document = json.dumps({"query": '{ hello(name: "岳麓") }'}).encode()
    status, answer = post(port, (document[n : n + 7] for n in range(0, len(document), 7)))
    assert (status, answer) == (200, {"data": {"hello": "你好，岳麓"}})


def test_a_large_body_in_chunks_is_413(port: int) -> None:
    status, answer = post(port, iter([b" " * 60_000, b'{"query": "{ hello }"}', b" " * 60_000]))
    assert (status, answer["errors"][0]["extensions"]["code"]) == (413, "GRAPHQL_BODY_TOO_LARGE")


def test_the_same_body_with_a_length_is_413(port: int) -> None:
    status, _ = post(port, b'{"query": "{ hello }"}'.ljust(100_001))
    assert status == 413
    assert post(port, b'{"query": "{ hello }"}'.ljust(100_000))[0] == 200
