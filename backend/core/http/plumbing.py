"""What every response of the API has: a request id, security headers, a log event, a count and a time."""

import re
import time
from collections.abc import Callable
from typing import Final, TypeVar

import structlog
from flask import Flask, Response, g, jsonify, request
from prometheus_client import CollectorRegistry, Counter, Histogram
from pymongo.errors import PyMongoError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from backend.core.errors import Locale, Refusal, choose_locale, message
from backend.core.ids import new_id
from backend.core.settings import Settings

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
RETRY_AFTER_SECONDS: Final = 2

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_log = structlog.get_logger(__name__)
F = TypeVar("F")


def install_plumbing(app: Flask, settings: Settings, registry: CollectorRegistry) -> None:
    """Adds request ids, security headers, logs, metrics and coded errors to every route of `app`."""
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # As Flask documents it.
    app.before_request(_begin)
    app.after_request(_finisher(registry))
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(PyMongoError, _database_away)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _fault)


def request_id() -> str:
    """The id of the request being served; the caller's own `X-Request-Id` when it has a sane shape."""
    value: str = g.request_id
    return value


def locale() -> Locale:
    """The language of the request being served."""
    value: Locale = g.locale
    return value


def _begin() -> None:
    offered = request.headers.get("X-Request-Id", "")
    g.request_id = offered if _REQUEST_ID.fullmatch(offered) else new_id()
    g.locale = choose_locale(request.headers.get("Accept-Language"))
    g.started = time.perf_counter()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finisher(registry: CollectorRegistry) -> Callable[[Response], Response]:
    requests = Counter("tongyu_http_requests", "Requests served.", ["route", "status"], registry=registry)
    seconds = Histogram("tongyu_http_request_seconds", "Time to answer.", ["route"], registry=registry)

    def finish(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "unmatched"
        elapsed = time.perf_counter() - g.started
        requests.labels(route, str(response.status_code)).inc()
        seconds.labels(route).observe(elapsed)
        response.headers["X-Request-Id"] = g.request_id
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        if response.status_code >= 400 or route != "/healthz":
            _log.info(
                "http_request",
                route=route,
                method=request.method,
                status=response.status_code,
                milliseconds=round(elapsed * 1000, 1),
            )
        structlog.contextvars.clear_contextvars()
        return response

    return finish


def _coded(status: int, code: str, text: str, retry_after: int | None = None) -> Response:
    response = jsonify({"code": code, "message": text, "requestId": g.request_id})
    response.status_code = status
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


_STATUS: Final = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "STEP_UP_REQUIRED": 403,
    "NOT_FOUND": 404,
    "RATE_LIMITED": 429,
    "TEMPORARILY_UNAVAILABLE": 503,
}


_CODES: Final = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "BODY_TOO_LARGE"}


def _refused(refusal: Refusal) -> Response:
    status = _STATUS.get(refusal.code, 400)
    return _coded(status, refusal.code, refusal.message(locale()), refusal.retry_after)


def _database_away(fault: PyMongoError) -> Response:
    _log.error("database_unavailable", kind=type(fault).__name__)
    text = message("TEMPORARILY_UNAVAILABLE", locale())
    return _coded(503, "TEMPORARILY_UNAVAILABLE", text, RETRY_AFTER_SECONDS)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    code = _CODES.get(status, "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR")
    response = _coded(status, code, message(code, locale()))
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _fault(fault: Exception) -> Response:
    _log.error("unhandled_exception", exc_info=fault)
    return _coded(500, "INTERNAL_ERROR", message("INTERNAL_ERROR", locale()))
