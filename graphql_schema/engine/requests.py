"""Reading a GraphQL-over-HTTP request: every malformed one is a coded Refusal before any work is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import orjson
from flask import Request
from werkzeug.datastructures import MultiDict
from werkzeug.http import parse_options_header

from backend.core.errors import Refusal
from graphql_schema.engine.limits import Limits

PARAMETERS: Final = ("query", "documentId", "operationName", "variables", "extensions")
T = TypeVar("T")

PREFLIGHT_HEADER: Final = "GraphQL-Require-Preflight"
"""A header that a page of another site can send only after CORS has permitted it."""


@dataclass(frozen=True, slots=True)
class Call:
    """The well-formed parameters of a request; at least one of `query` and `document_id` is there."""

    query: str | None
    document_id: str | None
    operation_name: str | None
    variables: dict[str, Any]
    safe: bool
    """Whether the method is safe (RFC 9110 §9.2.1), so that no mutation may be executed."""


def read_call(request: Request, limits: Limits) -> Call:
    """The call in a GET, HEAD or POST request; a Refusal for one that isn't well-formed or is too large."""
    if request.method == "POST":
        return _call(_read_body(request, limits), limits, safe=False)
    return _call(_read_query_string(request, limits), limits, safe=True)


def _read_body(request: Request, limits: Limits) -> Mapping[str, Any]:
    media_type, options = parse_options_header(request.headers.get("Content-Type"))
    charset = options.get("charset", "utf-8").lower()
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if media_type != "application/json" or charset not in {"utf-8", "utf8"} or encoding != "identity":
        raise Refusal("GRAPHQL_UNSUPPORTED_MEDIA_TYPE")
    body = _json(_read_bounded(request, limits.body_bytes), "body")
    if isinstance(body, list):
        raise Refusal("GRAPHQL_BATCHING_NOT_SUPPORTED")
    if not isinstance(body, dict):
        raise Refusal("GRAPHQL_BAD_REQUEST", reason="body")
    return body


def _read_bounded(request: Request, maximum: int) -> bytes:
    """The body; a longer one is refused by its Content-Length before it's read, else one byte past it."""
    too_large = Refusal("GRAPHQL_BODY_TOO_LARGE", maximum=maximum)
    if (request.content_length or 0) > maximum:
        raise too_large
    # Werkzeug cuts a body without a length short at its maximum, and doesn't say so.
    request.max_content_length = maximum + 1
    body = request.get_data(cache=False)
    if len(body) > maximum:
        raise too_large
    return body


def _read_query_string(request: Request, limits: Limits) -> Mapping[str, Any]:
    """The parameters of a GET, whose empty values count as absent.

    A browser says so when a page of another site makes the request; without the preflight header such a
    request is refused, so that no page can have a visitor's browser run queries with their cookies.
    """
    if len(request.query_string) > limits.url_bytes:
        raise Refusal("GRAPHQL_URL_TOO_LONG", maximum=limits.url_bytes)
    cross_site = request.headers.get("Sec-Fetch-Site") == "cross-site"
    if cross_site and PREFLIGHT_HEADER not in request.headers:
        raise Refusal("GRAPHQL_CROSS_SITE_REQUEST")
    given: dict[str, Any] = {name: _only(request.args, name) for name in PARAMETERS}
    for name in ("variables", "extensions"):
        if given[name] is not None:
            given[name] = _json(given[name], name)
    return given


def _only(parameters: MultiDict[str, str], name: str) -> str | None:
    values = parameters.getlist(name)
    if len(values) > 1:
        raise Refusal("GRAPHQL_BAD_REQUEST", reason=name)
    return values[0] or None if values else None


def _json(source: str | bytes, name: str) -> object:
    """JSON without NaN, lone surrogates or nesting past 1024 levels; of duplicate keys the last counts."""
    try:
        return orjson.loads(source)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        raise Refusal("GRAPHQL_BAD_REQUEST", reason=name) from None


def _call(given: Mapping[str, Any], limits: Limits, *, safe: bool) -> Call:
    query = _typed(given, "query", str)
    document_id = _typed(given, "documentId", str)
    if query is None and document_id is None:
        raise Refusal("GRAPHQL_BAD_REQUEST", reason="query")
    name = _typed(given, "operationName", str)
    variables = _typed(given, "variables", dict) or {}
    _typed(given, "extensions", dict)
    check_input(variables, limits)
    return Call(query, document_id, name or None, variables, safe)


def _typed(given: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    value = given.get(name)
    if value is not None and not isinstance(value, kind):
        raise Refusal("GRAPHQL_BAD_REQUEST", reason=name)
    return value


def check_input(variables: Mapping[str, Any], limits: Limits) -> None:
    """Refuse variables that nest too deeply or hold a list that is too long."""
    level: list[Any] = list(variables.values())
    depth = 1
    while level:
        if depth > limits.input_depth:
            raise Refusal("GRAPHQL_INPUT_TOO_DEEP", maximum=limits.input_depth)
        level = [child for value in level for child in _children(value, limits.input_items)]
        depth += 1


def _children(value: object, maximum: int) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if not isinstance(value, list):
        return []
    if len(value) > maximum:
        raise Refusal("GRAPHQL_INPUT_LIST_TOO_LONG", maximum=maximum)
    return value
