"""Errors as clients see them: coded, in their language, with a request id, and with nothing else in them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import structlog
from graphql import (
    GraphQLError,
    GraphQLSyntaxError,
    Node,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    print_ast,
)

from backend.core.errors import Locale, Refusal, catalogue

_log = structlog.get_logger(__name__)

_FOUND_VALUE: Final = re.compile(r"(String|Int|Float) ['\"]")
"""How graphql-core names a token that holds a value; `BlockString` ends in one of these."""

RETRY_AFTER_SECONDS: Final = 2
"""What a client is told to wait when a part that everything needs is away."""

HTTP_STATUS: Final = {
    "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED,
    "FORBIDDEN": HTTPStatus.FORBIDDEN,
    "STEP_UP_REQUIRED": HTTPStatus.FORBIDDEN,
    "GRAPHQL_CROSS_SITE_REQUEST": HTTPStatus.FORBIDDEN,
    "GRAPHQL_DOCUMENT_NOT_ALLOWED": HTTPStatus.FORBIDDEN,
    "GRAPHQL_METHOD_NOT_ALLOWED": HTTPStatus.METHOD_NOT_ALLOWED,
    "GRAPHQL_NOT_ACCEPTABLE": HTTPStatus.NOT_ACCEPTABLE,
    "GRAPHQL_BODY_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "GRAPHQL_URL_TOO_LONG": HTTPStatus.REQUEST_URI_TOO_LONG,
    "GRAPHQL_UNSUPPORTED_MEDIA_TYPE": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "RATE_LIMITED": HTTPStatus.TOO_MANY_REQUESTS,
    "INTERNAL_ERROR": HTTPStatus.INTERNAL_SERVER_ERROR,
    "TEMPORARILY_UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of a request that fails as a whole with this code; 400 for any other code."""


class Rejected(Exception):
    """A well-formed request whose document, operation or variables can't be executed.

    `code` is that of every error which is not a Refusal itself.
    """

    def __init__(self, code: str, errors: Sequence[GraphQLError]) -> None:
        super().__init__(code)
        self.code = code
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Reporter:
    """Turns the errors of one request into their public form (GraphQL specification §7.1.2)."""

    locale: Locale
    request_id: str
    maximum: int
    unavailable: tuple[type[BaseException], ...] = ()
    bad_input: tuple[type[BaseException], ...] = ()

    def rejected(self, rejected: Rejected) -> list[dict[str, Any]]:
        """The errors of a document, an operation or variables that can't be executed."""
        return [self._before_execution(rejected.code, error) for error in rejected.errors[: self.maximum]]

    def executed(self, errors: Sequence[GraphQLError]) -> list[dict[str, Any]]:
        """The errors of fields; those past the maximum are left out."""
        return [self._in_execution(error) for error in errors[: self.maximum]]

    def failed(self, error: BaseException) -> dict[str, Any]:
        """The one error of a request that fails outside any field."""
        return self._entry(self._public(error), None)

    def _before_execution(self, code: str, error: GraphQLError) -> dict[str, Any]:
        refusal = next(_refusals(error), None)
        if refusal is not None:
            return self._entry(refusal, error)
        if code == "BAD_USER_INPUT":
            return self._entry(Refusal(code, name=_variable(error)), error)
        message = Refusal(code).message(self.locale) if _quotes_a_value(error) else error.message
        return {"message": message, **_place(error), "extensions": self._extensions(code)}

    def _in_execution(self, error: GraphQLError) -> dict[str, Any]:
        return self._entry(self._public(error), error)

    def _public(self, error: BaseException) -> Refusal:
        """What may be said of an error; one that is no expected outcome is logged here, and masked."""
        if is_unavailable(error, self.unavailable):
            cause = type(_origin(error)).__name__
            _log.warning("graphql.unavailable", request_id=self.request_id, cause=cause)
            return Refusal("TEMPORARILY_UNAVAILABLE", retry_after=RETRY_AFTER_SECONDS)
        refusal = self._expected(error)
        if refusal is not None and _has_text(refusal):
            return refusal
        path = error.path if isinstance(error, GraphQLError) else None
        _log.error("graphql.internal_error", request_id=self.request_id, path=path, exc_info=_origin(error))
        return Refusal("INTERNAL_ERROR")

    def _expected(self, error: BaseException) -> Refusal | None:
        """The Refusal that an error is, stands for, or amounts to; None for a bug."""
        refusal = next(_refusals(error), None)
        if refusal is not None or not isinstance(error, GraphQLError):
            return refusal
        if isinstance(_origin(error), self.bad_input):
            return Refusal("BAD_USER_INPUT", name=str((error.path or ["?"])[-1]))
        # graphql-core names the value itself when an argument turns out null or invalid only on execution.
        if isinstance(_origin(error), GraphQLError) and isinstance(_first_node(error), ValueNode):
            return Refusal("BAD_USER_INPUT", name=_variable(error))
        code = (error.extensions or {}).get("code")
        return Refusal(code) if isinstance(code, str) and code in catalogue() else None

    def _entry(self, refusal: Refusal, error: GraphQLError | None) -> dict[str, Any]:
        extensions = self._extensions(refusal.code)
        if refusal.retry_after is not None:
            extensions["retryAfter"] = refusal.retry_after
        if refusal.params:
            extensions["params"] = refusal.params
        place = _place(error) if error is not None else {}
        return {"message": refusal.message(self.locale), **place, "extensions": extensions}

    def _extensions(self, code: str) -> dict[str, Any]:
        return {"code": code, "requestId": self.request_id}


def is_unavailable(error: BaseException, unavailable: tuple[type[BaseException], ...]) -> bool:
    """Whether an error stems from a part of the system that is away."""
    return any(isinstance(cause, unavailable) for cause in _chain(error))


def require_messages() -> None:
    """Refuse to start where the message catalogue lacks codes that the engine answers with: ValueError."""
    missing = set(HTTP_STATUS) - set(catalogue())
    if missing:
        raise ValueError(f"codes without a message: {', '.join(sorted(missing))}")


def status_of(code: str) -> HTTPStatus:
    """The HTTP status of a request that fails as a whole with `code`."""
    return HTTP_STATUS.get(code, HTTPStatus.BAD_REQUEST)


def _refusals(error: BaseException) -> Iterator[Refusal]:
    return (cause for cause in _chain(error) if isinstance(cause, Refusal))


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.original_error if isinstance(current, GraphQLError) else None


def _has_text(refusal: Refusal) -> bool:
    try:
        return bool(refusal.message())
    except (KeyError, IndexError):
        return False


def _origin(error: BaseException) -> BaseException:
    *_, origin = _chain(error)
    return origin


def _first_node(error: GraphQLError) -> Node | None:
    return error.nodes[0] if error.nodes else None


def _variable(error: GraphQLError) -> str:
    """The name of the variable that an error is about, never its value."""
    node = _first_node(error)
    variable = node.variable if isinstance(node, VariableDefinitionNode) else node
    return f"${variable.name.value}" if isinstance(variable, VariableNode) else "?"


def _quotes_a_value(error: GraphQLError) -> bool:
    """Whether graphql-core's message repeats a literal of the document, which may be personal."""
    node = _first_node(error)
    if isinstance(node, ValueNode):
        return print_ast(node) in error.message
    return isinstance(error, GraphQLSyntaxError) and _FOUND_VALUE.search(error.message) is not None


def _place(error: GraphQLError) -> dict[str, Any]:
    place: dict[str, Any] = {}
    if error.locations:
        place["locations"] = [location.formatted for location in error.locations]
    if error.path:
        place["path"] = error.path
    return place
