"""What every response has: a request id, security headers, coded errors in the caller's language, a count."""

from collections.abc import Iterator

import pytest
import structlog
from flask import Flask, request
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from pymongo.errors import AutoReconnect

from backend.core.errors import Refusal
from backend.core.http.plumbing import SECURITY_HEADERS, install_plumbing
from backend.core.settings import Settings

LARGEST = 2048


def fail(fault: Exception) -> str:
    """A view that raises."""
    raise fault


def echo() -> bytes:
    """A view that reads the body."""
    return request.get_data()


def make_client(registry: CollectorRegistry, **settings: object) -> FlaskClient:
    """A small app with the plumbing of production."""
    app = Flask("plumbing")
    install_plumbing(app, Settings(max_body_bytes=LARGEST, **settings), registry)
    views = {
        "/fine/<name>": lambda name: f"{name} for {request.remote_addr}",
        "/echo": echo,
        "/refused": lambda: fail(Refusal("RATE_LIMITED", seconds=7, retry_after=7)),
        "/away": lambda: fail(AutoReconnect("mongo.internal:27017: connection closed")),
        "/bug": lambda: fail(RuntimeError("the secret of 430302198811053022")),
    }
    for path, view in views.items():
        app.add_url_rule(path, path, view, methods=["POST" if path == "/echo" else "GET"])
    return app.test_client()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def client(registry: CollectorRegistry) -> Iterator[FlaskClient]:
    yield make_client(registry)
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize("path", ["/fine/x", "/nowhere", "/refused", "/away", "/bug"])
def test_every_answer_has_the_security_headers_and_a_request_id(client: FlaskClient, path: str):
    answer = client.get(path)

    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert len(answer.headers["X-Request-Id"]) == 26


@pytest.mark.parametrize(
    ("offered", "kept"),
    [("client-made-0001", True), ("short", False), ("x" * 65, False), ("with space and more", False)],
)
def test_a_callers_own_request_id_is_kept_when_it_has_a_sane_shape(
    client: FlaskClient, offered: str, *, kept: bool
):
    given = client.get("/fine/x", headers={"X-Request-Id": offered}).headers["X-Request-Id"]
    assert (given == offered) is kept


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "chinese"),
    [
        ("GET", "/nowhere", 404, "NOT_FOUND", "未找到"),
        ("DELETE", "/fine/x", 405, "METHOD_NOT_ALLOWED", "此地址不支持该请求方法"),
        ("GET", "/refused", 429, "RATE_LIMITED", "操作过于频繁，请在 7 秒后重试"),
        ("GET", "/away", 503, "TEMPORARILY_UNAVAILABLE", "服务暂时不可用，请稍后再试"),
    ],
)
def test_an_error_has_its_code_and_a_sentence_in_the_callers_language(
    client: FlaskClient, method: str, path: str, status: int, code: str, chinese: str
):
    answer = client.open(path, method=method)
    english = client.open(path, method=method, headers={"Accept-Language": "en"})

    assert (answer.status_code, answer.json["code"], answer.json["message"]) == (status, code, chinese)
    assert english.json["message"].isascii()
    assert answer.json["requestId"] == answer.headers["X-Request-Id"]


def test_who_has_to_wait_is_told_how_long_and_a_wrong_method_which_are_right(client: FlaskClient):
    assert client.get("/refused").headers["Retry-After"] == "7"
    assert int(client.get("/away").headers["Retry-After"]) > 0
    assert "GET" in client.delete("/fine/x").headers["Allow"]


def test_a_bug_is_masked(client: FlaskClient):
    answer = client.get("/bug")

    assert (answer.status_code, answer.json["code"]) == (500, "INTERNAL_ERROR")
    assert "430302198811053022" not in answer.text
    assert "mongo.internal" not in client.get("/away").text


def test_a_body_beyond_the_limit_is_413_and_one_at_it_is_read(client: FlaskClient):
    assert client.post("/echo", data=b"x" * LARGEST).data == b"x" * LARGEST

    refused = client.post("/echo", data=b"x" * (LARGEST + 1))
    assert (refused.status_code, refused.json["code"]) == (413, "BODY_TOO_LARGE")


def test_requests_are_counted_by_route_never_by_path(client: FlaskClient, registry: CollectorRegistry):
    for name in ("430302198811053022", "430102199003074515"):
        client.get(f"/fine/{name}")
    client.get("/nowhere/13907310001")

    def counted(route: str, status: str) -> float | None:
        return registry.get_sample_value("tongyu_http_requests_total", {"route": route, "status": status})

    assert counted("/fine/<name>", "200") == 2
    assert counted("unmatched", "404") == 1


@pytest.mark.parametrize(("proxies", "address"), [(0, "127.0.0.1"), (1, "203.0.113.9")])
def test_a_forwarded_address_is_believed_only_from_as_many_proxies_as_are_set(proxies: int, address: str):
    client = make_client(CollectorRegistry(), trusted_proxies=proxies)
    answer = client.get("/fine/x", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
    assert answer.text == f"x for {address}"
    structlog.contextvars.clear_contextvars()
