"""The edge of the running product: headers everywhere, no way round a limit, no request that is a 500."""

import json
from collections import Counter

import httpx2
import pytest

from backend.core.http.plumbing import SECURITY_HEADERS
from tests.product import Product, new_key

BODY = b'{"query": "{ __typename }"}'
JSON = {"Content-Type": "application/json"}
STATUS = "/.well-known/one-code/status"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/.well-known/jwks.json", 200),
        ("GET", "/.well-known/one-code/trust-list", 200),
        ("OPTIONS", "/graphql", 200),
        ("GET", "/graphql", 400),
        ("PUT", "/graphql", 405),
        ("TRACE", "/graphql", 405),
        ("FOO", "/healthz", 405),
        ("GET", "/nothing", 404),
        ("GET", "/%00%ff", 404),
        ("GET", "/me/code.png?domain=%00", 401),
        ("GET", f"{STATUS}/99999999999999999999", 404),
        ("GET", f"{STATUS}/{'9' * 5_000}", 404),
        ("GET", f"{STATUS}/-1", 404),
        ("GET", f"{STATUS}/1e5", 404),
        ("GET", f"{STATUS}/%2e%2e%2fstatus", 404),
    ],
)
def test_every_answer_has_the_security_headers_and_none_is_a_fault(
    product: Product, method: str, path: str, status: int
):
    response = product.http.request(method, path)

    assert response.status_code == status
    assert {name: response.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert response.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        (JSON, b"[" + BODY + b"]", 400, "GRAPHQL_BATCHING_NOT_SUPPORTED"),
        (JSON, b'{"query": "{ __typename }", "variables": {"a": NaN}}', 400, "GRAPHQL_BAD_REQUEST"),
        (JSON, b'{"query": {"$gt": ""}}', 400, "GRAPHQL_BAD_REQUEST"),
        (JSON, b'{"query": "\xff"}', 400, "GRAPHQL_BAD_REQUEST"),
        (JSON, b'{"variables": ' + b"[" * 40_000, 400, "GRAPHQL_BAD_REQUEST"),
        (JSON, b" " * 400_000, 413, "GRAPHQL_BODY_TOO_LARGE"),
        ({**JSON, "Content-Encoding": "gzip"}, BODY, 415, "GRAPHQL_UNSUPPORTED_MEDIA_TYPE"),
        ({"Content-Type": "text/plain"}, BODY, 415, "GRAPHQL_UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_a_malformed_body_is_refused_by_its_code(
    product: Product, headers: dict[str, str], body: bytes, status: int, code: str
):
    # A connection of its own: one whose body was refused unread is closed by the server.
    response = httpx2.post(f"{product.url}/graphql", content=body, headers=headers, trust_env=False)

    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (status, code)


def test_a_body_in_pieces_is_bounded_as_well(product: Product):
    pieces = (b" " * 1_000 for _ in range(400))
    response = httpx2.post(f"{product.url}/graphql", content=pieces, headers=JSON, trust_env=False)

    assert response.status_code == 413


def sign_ins(product: Product, name: str, forwarded: str, times: int) -> Counter[str]:
    """The codes of that many attempts in one document."""
    tries = " ".join(
        f'a{number}: signInStaff(username: "{name}", password: "wrong{number}", totp: "000000", '
        f'idempotencyKey: "{new_key()}") {{ ... on Refused {{ code }} }}'
        for number in range(times)
    )
    headers = {**JSON, "X-Forwarded-For": forwarded}
    body = json.dumps({"query": f"mutation {{ {tries} }}"})
    data = product.http.post("/graphql", content=body, headers=headers).json()["data"]
    return Counter(each["code"] for each in data.values())


@pytest.mark.parametrize("name", ["nobody.anywhere", "school.zhuzhou"])
def test_aliases_in_one_document_are_as_many_attempts(product: Product, name: str):
    network = f"2001:db8:{len(name):x}:1"
    made_up = "198.51.100.9"

    first = sign_ins(product, name, f"{network}::1", 10)
    neighbour = sign_ins(product, name, f"{made_up}, {network}:ffff::2", 3)

    assert first == {"STAFF_SIGN_IN_FAILED": 5, "RATE_LIMITED": 5}
    assert neighbour == {"RATE_LIMITED": 3}


def test_more_tokens_than_one_are_none(product: Product):
    twice = [("Authorization", "Bearer a.b.c"), ("Authorization", "Bearer d.e.f")]
    response = httpx2.post(
        f"{product.url}/graphql", json={"query": "{ me { id } }"}, headers=twice, trust_env=False
    )

    assert response.status_code < 500
    assert "UNAUTHENTICATED" in response.text
