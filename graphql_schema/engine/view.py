"""GraphQL over HTTP for Flask.

The protocol is that of the specification's audit suite. Where its edition of September 2026 asks for a
finer status (422, 294) than the suite does, the suite's 400 and 200 are kept.

Against requests forged across sites: a body has to be application/json, which a page of another site can't
send without a preflight, and GET executes queries alone.
"""

import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from flask import Request, Response, g, request
from graphql import ExecutionResult, GraphQLError, OperationType

from backend.core.errors import DEFAULT_LOCALE, Locale, Refusal
from graphql_schema.engine.documents import CacheStats, Documents, DocumentStore
from graphql_schema.engine.errors import (
    Rejected,
    Reporter,
    is_unavailable,
    require_messages,
    status_of,
)
from graphql_schema.engine.execution import Deadline, execute
from graphql_schema.engine.limits import Limits
from graphql_schema.engine.negotiation import MediaType, negotiate
from graphql_schema.engine.plans import Operation, Planner
from graphql_schema.engine.requests import Call, read_call
from graphql_schema.engine.schemas import core_schema

METHODS = ("GET", "POST")


def request_id_of_flask() -> str:
    """The request id that the application keeps in `flask.g.request_id`."""
    return str(g.get("request_id", ""))


def locale_of_flask() -> Locale:
    """The language that the application keeps in `flask.g.locale`."""
    locale: Locale = g.get("locale", DEFAULT_LOCALE)
    return locale


class GraphQLView:
    """A Flask view function that serves one schema."""

    def __init__(
        self,
        name: str,
        store: DocumentStore,
        *,
        context: Callable[[Request], object],
        limits: Limits,
        reporter: Callable[[], Reporter],
        monotonic: Callable[[], float],
    ) -> None:
        self.__name__ = name
        self._store = store
        self._context = context
        self._limits = limits
        self._reporter = reporter
        self._monotonic = monotonic

    def __call__(self) -> Response:
        """Answer the request at hand."""
        deadline = Deadline(self._monotonic() + self._limits.seconds, self._monotonic)
        reporter = self._reporter()
        try:
            media = negotiate(request.headers.get("Accept"))
        except Refusal as refusal:
            return _failure(reporter, refusal, MediaType.JSON)
        try:
            return self._answer(media, reporter, deadline)
        except Rejected as rejected:
            status = HTTPStatus.OK if media is MediaType.JSON else status_of(rejected.code)
            return _errors(reporter.rejected(rejected), reporter, media, status)
        except Refusal as refusal:
            return _failure(reporter, refusal, media)

    def cache_stats(self) -> CacheStats:
        """The state of the cache of plans."""
        return self._store.stats()

    def _answer(self, media: MediaType, reporter: Reporter, deadline: Deadline) -> Response:
        call = read_call(request, self._limits)
        operation = self._operation(call)
        variables = operation.coerce(call.variables)
        try:
            context = self._context(request)
        except Exception as error:  # noqa: BLE001  # The edge: the reporter logs what is no Refusal.
            return _failure(reporter, error, media)
        result = execute(operation, variables, context, limits=self._limits, deadline=deadline)
        return _result(result, reporter, media)

    def _operation(self, call: Call) -> Operation:
        operation = self._store.find(call.query, call.document_id).operation(call.operation_name)
        if call.safe and operation.kind is OperationType.MUTATION:
            raise Refusal("GRAPHQL_METHOD_NOT_ALLOWED")
        return operation


def graphql_view(  # noqa: PLR0913  # All by name: what an endpoint is made of.
    schema: object,
    *,
    context: Callable[[Request], object],
    production: bool,
    name: str = "graphql",
    limits: Limits | None = None,
    documents: Documents | None = None,
    unavailable: tuple[type[BaseException], ...] = (),
    bad_input: tuple[type[BaseException], ...] = (),
    request_id: Callable[[], str] = request_id_of_flask,
    locale: Callable[[], Locale] = locale_of_flask,
    monotonic: Callable[[], float] = time.monotonic,
) -> GraphQLView:
    """A view that serves a Strawberry, Graphene or graphql-core schema at one URL, with METHODS.

    `context` makes what resolvers get as `info.context`; a Refusal that it raises answers the request.
    `production` turns introspection off. `unavailable` are the exceptions that mean that a part which
    everything needs is away: the whole request fails with 503, TEMPORARILY_UNAVAILABLE and Retry-After.
    `bad_input` are those that a library raises in a resolver for what the client sent, such as Strawberry's
    GlobalIDValueError: a BAD_USER_INPUT of that field.
    Raises ValueError when a listed document doesn't fit the schema, a resolver is asynchronous, or the
    messages are not installed: at the start, and not with the first error.
    """
    require_messages()
    bounds = limits or Limits()
    planner = Planner(core_schema(schema), bounds, introspection=not production)

    def reporter() -> Reporter:
        return Reporter(locale(), request_id(), bounds.errors, unavailable, bad_input)

    return GraphQLView(
        name,
        DocumentStore(documents or Documents(), planner),
        context=context,
        limits=bounds,
        reporter=reporter,
        monotonic=monotonic,
    )


def _result(result: ExecutionResult, reporter: Reporter, media: MediaType) -> Response:
    errors = result.errors or []
    away = next((error for error in errors if is_unavailable(error, reporter.unavailable)), None)
    if away is not None:
        return _failure(reporter, _unplaced(away), media)
    body: dict[str, Any] = {"data": result.data}
    if errors:
        body = {"errors": reporter.executed(errors), **body, **_request_id(reporter)}
    try:
        return _response(body, media, HTTPStatus.OK)
    except TypeError as error:  # A scalar that serialised to what JSON can't hold.
        return _failure(reporter, error, media)


def _unplaced(error: GraphQLError) -> BaseException:
    return error.original_error or error


def _failure(reporter: Reporter, error: BaseException, media: MediaType) -> Response:
    """The answer to a request that fails as a whole, with the same status for both media types."""
    described = reporter.failed(error)
    return _errors([described], reporter, media, status_of(described["extensions"]["code"]))


def _errors(
    errors: Sequence[dict[str, Any]], reporter: Reporter, media: MediaType, status: HTTPStatus
) -> Response:
    response = _response({"errors": errors, **_request_id(reporter)}, media, status)
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = "POST"
    retry_after = errors[0]["extensions"].get("retryAfter")
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _request_id(reporter: Reporter) -> dict[str, Any]:
    return {"extensions": {"requestId": reporter.request_id}}


def _response(body: dict[str, Any], media: MediaType, status: HTTPStatus) -> Response:
    response = Response(orjson.dumps(body), status, content_type=media.value)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    return response
