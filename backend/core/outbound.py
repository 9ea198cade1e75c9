"""The one way out: every call to another system goes through an Outbound, which bounds it in time and size.

What comes back is an answer below 500 with a JSON object; everything else is a Refusal.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Literal

import httpx2
import orjson
import stamina
import structlog
from prometheus_client import Counter, Histogram

from backend.core.deadline import DeadlineTransport, deadline_in, remaining
from backend.core.errors import Refusal

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_RETRY_AFTER_SECONDS = 5
_LONGEST_RETRY_AFTER = 3600
_CONNECTIONS = 32
_BACKOFF_SECONDS = 0.05
_LONGEST_BACKOFF_SECONDS = 0.4

_CALLS = Counter("tongyu_outbound_calls", "Calls to other systems.", ["upstream", "operation", "outcome"])
_SECONDS = Histogram(
    "tongyu_outbound_seconds", "Time of calls to other systems, retries included.", ["upstream", "operation"]
)
_log = structlog.get_logger("outbound")

# These libraries log whole URLs and headers; ours hold other people's secrets (WeChat's is in the query).
for _name in ("httpx2", "httpcore2.connection", "httpcore2.http11", "httpcore2.http2"):
    logging.getLogger(_name).addFilter(lambda record: record.levelno >= logging.WARNING)


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of an upstream; `repr` shows no headers, parameters or content.

    `operation` is a fixed word for logs and metrics. `safe_to_repeat`: idempotent (RFC 9110 §9.2.2).
    `content` is a JSON body. `try_again_on` tells an answer which says that nothing was done; when it
    still says so in the end, the call is refused with UPSTREAM_UNAVAILABLE.
    """

    operation: str
    method: Method
    path: str = field(repr=False)
    safe_to_repeat: bool
    params: Mapping[str, str] | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    try_again_on: Callable[["Reply"], bool] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An upstream's answer: a status below 500 and a JSON object."""

    status: int
    data: Mapping[str, Any]
    retry_after: int | None = None

    def text(self, key: str) -> str:
        """The non-empty string under `key`; raises Refusal UPSTREAM_MALFORMED when there is none."""
        value = self.data.get(key)
        if not isinstance(value, str) or not value:
            raise Refusal("UPSTREAM_MALFORMED")
        return value


class Outbound:
    """A pooled, thread-safe HTTP client for one upstream; close it when done.

    `name` stands in logs and metrics. `deadline` (seconds) bounds a whole call: waiting for a connection,
    connecting, sending, receiving, and all retries; only name resolution is beyond its reach.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        deadline: float = 5.0,
        connect_timeout: float = 2.0,
        attempts: int = 3,
        max_reply_bytes: int = 1024 * 1024,
        connections: int = _CONNECTIONS,
    ) -> None:
        self.name = name
        self._deadline = deadline
        self._connect_timeout = connect_timeout
        self._attempts = attempts
        self._max_reply_bytes = max_reply_bytes
        self._client = httpx2.Client(
            base_url=base_url,
            transport=DeadlineTransport(connections),
            # Compressed answers would let a small body grow past the bound.
            headers={"User-Agent": "tongyu", "Accept": "application/json", "Accept-Encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            trust_env=False,
        )

    def call(self, call: Call, *, deadline: float | None = None) -> Reply:
        """Makes one call, tried again within its deadline (seconds) where that can do no harm.

        A call that never reached the upstream is always tried again; one that may have reached it only
        when that is harmless. Raises Refusal: UPSTREAM_TIMEOUT, UPSTREAM_UNAVAILABLE (5xx, no connection,
        broken off), UPSTREAM_MALFORMED (not a JSON object, a redirect, too large).
        """
        request = self._client.build_request(
            call.method, call.path, params=call.params, content=call.content, headers=call.headers
        )
        if call.content is not None:
            request.headers["Content-Type"] = "application/json"
        started = time.monotonic()
        report = _Report(self.name, call.operation)
        try:
            with deadline_in(self._deadline if deadline is None else deadline):
                return self._repeat(call, request, report)
        finally:
            report.write(time.monotonic() - started)

    def close(self) -> None:
        """Closes all connections; calls under way fail."""
        self._client.close()

    def _repeat(self, call: Call, request: httpx2.Request, report: "_Report") -> Reply:
        def again(error: Exception) -> bool:
            if not isinstance(error, _Failure):
                return False
            harmless = error.not_done or (call.safe_to_repeat and error.passing)
            return harmless and remaining() > _LONGEST_BACKOFF_SECONDS

        try:
            for attempt in stamina.retry_context(
                on=again,
                attempts=self._attempts,
                timeout=None,
                wait_initial=_BACKOFF_SECONDS,
                wait_max=_LONGEST_BACKOFF_SECONDS,
                wait_jitter=_BACKOFF_SECONDS,
            ):
                with attempt:
                    report.attempts = attempt.num
                    return self._once(call, request, report)
        except _Failure as failure:
            report.outcome, report.error = failure.refusal.code, failure.kind
            # The library's error holds the request, and the request may hold secrets.
            raise failure.refusal from None
        raise AssertionError("stamina ends in a result or an error")

    def _once(self, call: Call, request: httpx2.Request, report: "_Report") -> Reply:
        limit = remaining()
        request.extensions["timeout"] = httpx2.Timeout(
            limit, connect=min(limit, self._connect_timeout)
        ).as_dict()
        try:
            response = self._client.send(request, stream=True)
            try:
                report.status = response.status_code
                reply = self._read(response)
            finally:
                response.close()
        except httpx2.TimeoutException as error:
            not_done = isinstance(error, httpx2.ConnectTimeout | httpx2.PoolTimeout)
            raise _Failure("UPSTREAM_TIMEOUT", error, not_done=not_done) from None
        except httpx2.TransportError as error:
            not_done = isinstance(error, httpx2.ConnectError)
            raise _Failure("UPSTREAM_UNAVAILABLE", error, not_done=not_done) from None
        if call.try_again_on is not None and call.try_again_on(reply):
            raise _Failure("UPSTREAM_UNAVAILABLE", not_done=True)
        report.outcome = "OK"
        return reply

    def _read(self, response: httpx2.Response) -> Reply:
        wait = _seconds(response.headers.get("Retry-After"))
        if response.status_code >= 500:
            # An upstream that says when to come back is not asked again before.
            raise _Failure("UPSTREAM_UNAVAILABLE", passing=wait is None, retry_after=wait)
        if response.is_redirect:
            raise _Failure("UPSTREAM_MALFORMED", passing=False)
        return Reply(response.status_code, self._json(response.iter_raw()), wait)

    def _json(self, chunks: Iterable[bytes]) -> dict[str, Any]:
        body = bytearray()
        for chunk in chunks:
            body += chunk
            if len(body) > self._max_reply_bytes:
                raise _Failure("UPSTREAM_MALFORMED", passing=False)
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError:
            data = None
        if not isinstance(data, dict):
            raise _Failure("UPSTREAM_MALFORMED", passing=False)
        return data


class _Failure(Exception):
    """A try that didn't work: what to tell the caller, and whether another try makes sense."""

    def __init__(
        self,
        code: str,
        error: Exception | None = None,
        *,
        not_done: bool = False,
        passing: bool = True,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(code)
        wait = _RETRY_AFTER_SECONDS if retry_after is None else retry_after
        self.refusal = Refusal(code, retry_after=None if code == "UPSTREAM_MALFORMED" else wait)
        self.kind = type(error).__name__ if error else None
        self.not_done = not_done
        self.passing = passing


@dataclass(slots=True)
class _Report:
    """What the log and the metrics say of one call."""

    upstream: str
    operation: str
    outcome: str = "INTERNAL_ERROR"
    error: str | None = None
    status: int | None = None
    attempts: int = 0

    def write(self, seconds: float) -> None:
        _CALLS.labels(self.upstream, self.operation, self.outcome).inc()
        _SECONDS.labels(self.upstream, self.operation).observe(seconds)
        _log.info(
            "outbound_call",
            upstream=self.upstream,
            operation=self.operation,
            outcome=self.outcome,
            error=self.error,
            status=self.status,
            attempts=self.attempts,
            duration_ms=round(seconds * 1000, 1),
        )


def _seconds(retry_after: str | None) -> int | None:
    """The delay form of Retry-After (RFC 9110 §10.2.3), within reason."""
    if retry_after is None or not (retry_after.isascii() and retry_after.isdigit()):
        return None
    return min(int(retry_after[:9]), _LONGEST_RETRY_AFTER)
