import gzip
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from prometheus_client import REGISTRY

from backend.core.errors import Refusal
from backend.core.mongo.embedded import free_port
from backend.core.outbound import Call, Outbound
from tests.raw_server import raw_server

ASK = Call("ask", "GET", "/thing", safe_to_repeat=True)
ASK_ONCE = Call("ask", "GET", "/thing", safe_to_repeat=False)


def answer(status="200 OK", body=b'{"a": 1}', *headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def saying(*answers):
    """Answers connection after connection, the last answer for ever; None closes without a word."""
    left = list(answers)
    lock = threading.Lock()

    def behave(connection):
        connection.recv(65536)
        with lock:
            say = left.pop(0) if len(left) > 1 else left[0]
        if say is not None:
            connection.sendall(say)

    return behave


def call(server, asked=ASK, **options):
    with closing(Outbound("raw", server.url, **options)) as outbound:
        return outbound.call(asked)


def refused(server, asked=ASK, **options):
    with pytest.raises(Refusal) as caught:
        call(server, asked, **options)
    return caught.value


def test_a_json_object_is_a_reply():
    with raw_server(saying(answer(body=b'{"name": "x", "n": 1}'))) as server:
        reply = call(server)
    assert (reply.status, reply.data, reply.text("name")) == (200, {"name": "x", "n": 1}, "x")
    for missing in ("n", "other"):
        with pytest.raises(Refusal, match="UPSTREAM_MALFORMED"):
            reply.text(missing)


def test_a_refusal_of_the_upstream_is_a_reply_with_its_retry_after():
    with raw_server(saying(answer("429 Too Many", b'{"code": "X"}', "Retry-After: 17"))) as server:
        reply = call(server)
        assert server.connections == 1
    assert (reply.status, reply.data, reply.retry_after) == (429, {"code": "X"}, 17)


def test_nobody_listening_is_unavailable_even_for_what_may_not_be_repeated():
    outbound = Outbound("raw", f"http://127.0.0.1:{free_port()}")
    with closing(outbound), pytest.raises(Refusal, match="UPSTREAM_UNAVAILABLE"):
        outbound.call(ASK_ONCE)
    labels = {"upstream": "raw", "operation": "ask", "outcome": "UPSTREAM_UNAVAILABLE"}
    assert REGISTRY.get_sample_value("tongyu_outbound_calls_total", labels) >= 1


def test_a_call_that_never_arrived_is_tried_again_even_if_it_may_not_be_repeated():
    port = free_port()
    server = {}

    def listen_soon():
        time.sleep(0.03)
        server["socket"] = socket.create_server(("127.0.0.1", port))
        connection, _ = server["socket"].accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer())

    thread = threading.Thread(target=listen_soon)
    thread.start()
    with closing(Outbound("raw", f"http://127.0.0.1:{port}", attempts=6)) as outbound:
        assert outbound.call(ASK_ONCE).data == {"a": 1}
    thread.join(10)
    server["socket"].close()


@pytest.mark.parametrize(
    "broken", [None, b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", b"nonsense\r\n\r\n"]
)
def test_a_broken_answer_is_tried_again_only_where_that_is_harmless(broken):
    with raw_server(saying(broken)) as server:
        assert refused(server, ASK_ONCE).code == "UPSTREAM_UNAVAILABLE"
        assert server.connections == 1
        assert refused(server, ASK).code == "UPSTREAM_UNAVAILABLE"
        assert server.connections == 4


def test_the_second_try_may_succeed():
    with raw_server(saying(answer("500 No", b"oops"), answer())) as server:
        assert call(server).data == {"a": 1}
        assert server.connections == 2


def test_an_upstream_that_says_when_to_come_back_is_not_asked_before():
    with raw_server(saying(answer("503 Busy", b"", "Retry-After: 120"))) as server:
        refusal = refused(server)
        assert (refusal.code, refusal.retry_after, server.connections) == ("UPSTREAM_UNAVAILABLE", 120, 1)


@pytest.mark.parametrize("header", ["-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "９"])
def test_a_retry_after_that_is_no_number_of_seconds_is_ignored(header):
    busy = answer("503 Busy", b"").replace(b"\r\n\r\n", f"\r\nRetry-After: {header}\r\n\r\n".encode(), 1)
    with raw_server(saying(busy)) as server:
        assert refused(server).retry_after == 5


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[1]", b'"text"', b"\xff\xfe", b'{"a": 1', gzip.compress(b'{"a": 1}', mtime=0)]
)
def test_what_is_no_json_object_is_malformed_and_not_asked_for_again(body):
    with raw_server(saying(answer(body=body))) as server:
        assert refused(server).code == "UPSTREAM_MALFORMED"
        assert server.connections == 1


def test_a_redirect_is_not_followed():
    with raw_server(saying(answer())) as elsewhere:
        moved = answer("302 Found", b"{}", f"Location: {elsewhere.url}/thing")
        with raw_server(saying(moved)) as server:
            assert refused(server).code == "UPSTREAM_MALFORMED"
        assert elsewhere.connections == 0


def test_an_endless_answer_is_cut_off_at_the_bound():
    sent = []

    def pour(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{")
        while True:
            connection.sendall(b" " * 65536)
            sent.append(65536)

    with raw_server(pour) as server:
        assert refused(server, max_reply_bytes=1_000_000).code == "UPSTREAM_MALFORMED"
        time.sleep(0.1)
    assert 1_000_000 < sum(sent) < 20_000_000


def silent(connection):
    time.sleep(2)


def dripping_headers(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(40):
        connection.sendall(b"x")
        time.sleep(0.05)


def dripping_body(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n")
    for _ in range(40):
        connection.sendall(b" ")
        time.sleep(0.05)


@pytest.mark.parametrize("behave", [silent, dripping_headers, dripping_body])
def test_no_upstream_holds_a_call_past_its_deadline(behave):
    with raw_server(behave) as server:
        started = time.monotonic()
        refusal = refused(server, deadline=0.5)
        assert 0.4 < time.monotonic() - started < 1.5
        assert (refusal.code, refusal.retry_after) == ("UPSTREAM_TIMEOUT", 5)
        assert server.connections == 1


def test_retries_stay_within_the_deadline():
    with raw_server(saying(answer("500 No", b""))) as server:
        started = time.monotonic()
        assert refused(server, deadline=0.6, attempts=100).code == "UPSTREAM_UNAVAILABLE"
        assert time.monotonic() - started < 1.5
        assert server.connections > 1


def test_one_call_may_have_a_shorter_deadline():
    with raw_server(silent) as server, closing(Outbound("raw", server.url, deadline=5)) as outbound:
        started = time.monotonic()
        with pytest.raises(Refusal, match="UPSTREAM_TIMEOUT"):
            outbound.call(ASK, deadline=0.2)
        assert time.monotonic() - started < 1.5


def test_a_full_pool_is_a_timeout_within_the_deadline():
    with raw_server(silent) as server, closing(Outbound("raw", server.url, connections=1)) as outbound:

        def ask(_):
            started = time.monotonic()
            with pytest.raises(Refusal, match="UPSTREAM_TIMEOUT"):
                outbound.call(ASK, deadline=0.5)
            return time.monotonic() - started

        with ThreadPoolExecutor(8) as threads:
            assert max(threads.map(ask, range(8))) < 1.8


def test_threads_share_a_client_and_its_connections():
    keep_alive = answer().replace(b"Connection: close\r\n", b"")

    def serve_many(connection):
        while connection.recv(65536):
            connection.sendall(keep_alive)

    with raw_server(serve_many) as server, closing(Outbound("raw", server.url)) as outbound:
        with ThreadPoolExecutor(8) as threads:
            replies = list(threads.map(lambda _: outbound.call(ASK).data, range(200)))
        assert replies == [{"a": 1}] * 200
        assert server.connections <= 8


def test_a_cookie_of_one_answer_is_not_sent_with_the_next_call():
    received = []

    def set_cookie(connection):
        received.append(connection.recv(65536))
        connection.sendall(answer("200 OK", b"{}", "Set-Cookie: session=of-somebody; Path=/"))

    with raw_server(set_cookie) as server, closing(Outbound("raw", server.url)) as outbound:
        outbound.call(ASK)
        outbound.call(ASK)
    assert len(received) == 2
    assert b"of-somebody" not in received[1]


def test_proxies_of_the_environment_are_not_used():
    script = (
        "import sys; from backend.core.outbound import Call, Outbound; "
        "print(Outbound('raw', sys.argv[1]).call(Call('ask', 'GET', '/', safe_to_repeat=True)).status)"
    )
    environment = os.environ | {"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1"}
    with raw_server(saying(answer())) as server:
        done = subprocess.run(
            [sys.executable, "-c", script, server.url],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout.splitlines()[-1] == "200"
