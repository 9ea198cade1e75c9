"""A deadline for a whole outbound call, kept by the sockets themselves."""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore2
import httpx2

_KEEP_ALIVE_SECONDS = 15.0

_ends: ContextVar[float] = ContextVar("outbound_call_ends")


@contextmanager
def deadline_in(seconds: float) -> Iterator[None]:
    """Everything that this thread does through a DeadlineTransport in the block ends within `seconds`."""
    reset = _ends.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.reset(reset)


def remaining(limit: float | None = None) -> float:
    """Seconds until the present block must be over, at most `limit`; negative when it should be over."""
    left = _ends.get() - time.monotonic()
    return left if limit is None else min(left, limit)


class DeadlineTransport(httpx2.HTTPTransport):
    """The library's transport on a pool whose sockets know the call's deadline.

    The library's own time-outs are per read: an upstream that sends a byte now and then would hold a
    thread for ever. Only name resolution escapes the deadline.
    """

    def __init__(self, connections: int) -> None:
        context = httpx2.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=_KEEP_ALIVE_SECONDS,
            network_backend=_Network(),
        )


class _Network(httpcore2.SyncBackend):
    """Connects as the library does, and wraps what it gets."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        return _Stream(super().connect_tcp(host, port, timeout, local_address, socket_options))


class _Stream(httpcore2.NetworkStream):
    """A connection that is never waited for past the deadline of the thread that uses it."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = remaining(timeout)
        if left <= 0:
            raise httpcore2.ReadTimeout
        return self._inner.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = remaining(timeout)
        if left <= 0:
            raise httpcore2.WriteTimeout
        self._inner.write(buffer, left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - the library's own signature.
        return self._inner.get_extra_info(info)
