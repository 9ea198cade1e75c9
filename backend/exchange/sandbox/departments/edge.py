"""The HTTP edge of a department: signatures, validity, idempotency, faults; rules are the handlers'."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from threading import Lock
from typing import Any, Final
from urllib.parse import quote

import orjson
from flask import Blueprint, Response, g, request

from backend.core.clock import Clock
from backend.exchange.department_api.operations import Operation, header_patterns, operations
from backend.exchange.message_signatures import (
    LIFETIME,
    SKEW,
    PublicKeys,
    SignatureFault,
    SignedRequest,
    SignedResponse,
    sign_response,
    verify_request,
)
from backend.exchange.sandbox.departments.call import Body, Call, Handler, Problem, Refused
from backend.exchange.sandbox.departments.department import Department, department_signer
from backend.exchange.sandbox.departments.registry import Registry
from backend.exchange.sandbox.departments.world import World
from backend.exchange.sandbox.faults import Fault, FaultKind, Faults, inject

_TITLES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    503: "Service Unavailable",
}
_STATUS_OF_CODE: Final = {
    "BAD_REQUEST": 400,
    "SIGNATURE_INVALID": 401,
    "PURPOSE_NOT_ALLOWED": 403,
    "PERSON_UNKNOWN": 404,
    "RATE_LIMITED": 429,
    "DEPARTMENT_UNAVAILABLE": 503,
}
_NONCE_LIFETIME: Final = LIFETIME + 2 * SKEW


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back, before it is signed."""

    status: int
    content: bytes
    content_type: str = "application/json"


class Nonces:
    """Nonces of requests whose signatures still count; safe between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: dict[tuple[str, str], datetime] = {}

    def is_new(self, key_id: str, nonce: str, now: datetime) -> bool:
        """Takes note of a nonce; False when it was noted before."""
        with self._lock:
            while self._seen and next(iter(self._seen.values())) < now:
                del self._seen[next(iter(self._seen))]
            if (key_id, nonce) in self._seen:
                return False
            self._seen[key_id, nonce] = now + _NONCE_LIFETIME
            return True


class Edge:
    """One department's server: turns requests into calls of its handlers, and what they say into answers."""

    def __init__(
        self,
        department: Department,
        handlers: Mapping[str, Handler],
        registry: Registry,
        world: World,
        exchange_keys: PublicKeys,
        clock: Clock,
    ) -> None:
        self._department = department
        self._handlers = handlers
        self._registry = registry
        self._world = world
        self._exchange_keys = exchange_keys
        self._clock = clock
        self._nonces = Nonces()

    def blueprint(self, faults: Faults) -> Blueprint:
        """All operations of the department's document, under its path."""
        department = self._department
        blueprint = Blueprint(department.name.replace("/", "_"), __name__, url_prefix=department.path)
        inject(blueprint, department.name, faults, self._refuse)
        for operation in operations(department.kind).values():
            rule = operation.path.replace("{", "<").replace("}", ">")
            view = self._view(operation)
            blueprint.add_url_rule(
                rule, operation.id, view, methods=["POST"], provide_automatic_options=False
            )
        return blueprint

    def _view(self, operation: Operation) -> Any:  # noqa: ANN401 - a Flask view.
        def view(**path: str) -> Response:
            received = _received()
            fault: Fault | None = g.get("fault")
            answer = self._answer(operation, path, received)
            if fault is not None and fault.kind is FaultKind.DUPLICATE and answer.status < 300:
                answer = self._perform(operation, path, received.content)
            if fault is not None and fault.kind is FaultKind.WRONG_SHAPE:
                answer = Answer(answer.status, b'{"result":"yes"}')
            return self._sign(answer, received)

        return view

    def _answer(self, operation: Operation, path: Mapping[str, str], received: SignedRequest) -> Answer:
        now = self._clock.now()
        try:
            verified = verify_request(received, self._exchange_keys, now)
        except SignatureFault as fault:
            return _problem(401, fault.fault)
        if not self._nonces.is_new(verified.key_id, verified.nonce or "", now):
            return _problem(401, "SIGNATURE_REPLAYED")
        if not self._headers_are_right(operation) or not self._path_is_right(path):
            return _problem(400, "BAD_REQUEST")
        return self._perform(operation, path, received.content)

    def _perform(self, operation: Operation, path: Mapping[str, str], content: bytes) -> Answer:
        body = _json(content)
        if body is None or not operation.request.is_valid(body):
            return _problem(400, "BAD_REQUEST")
        try:
            if operation.writes:
                return self._registry.transaction(lambda inside: self._once(operation, path, body, inside))
            return self._handle(operation, path, body, self._registry)
        except Problem as problem:
            return _problem(problem.status, problem.code)

    def _once(self, operation: Operation, path: Mapping[str, str], body: Body, registry: Registry) -> Answer:
        """The change, or the first answer when this key brought it before."""
        key = request.headers["Idempotency-Key"]
        asked = orjson.dumps([operation.id, dict(path), body], option=orjson.OPT_SORT_KEYS)
        digest = sha256(asked).hexdigest()
        before = registry.get("answer", key)
        if before is None:
            answer = self._handle(operation, path, body, registry)
            kept = {"digest": digest, "status": answer.status, "content": answer.content.decode()}
            registry.put("answer", key, kept | {"content_type": answer.content_type})
            return answer
        if before["digest"] != digest:
            raise Problem(409, "IDEMPOTENCY_KEY_REUSED")
        return Answer(before["status"], before["content"].encode(), before["content_type"])

    def _handle(
        self, operation: Operation, path: Mapping[str, str], body: Body, registry: Registry
    ) -> Answer:
        call = Call(self._department, self._world, registry, body, path)
        said = self._handlers[operation.id](call)
        if isinstance(said, Refused):
            return _problem(said.status, said.code)
        return Answer(operation.status, orjson.dumps(said))

    def _headers_are_right(self, operation: Operation) -> bool:
        if request.mimetype != "application/json":
            return False
        patterns = header_patterns(self._department.kind)
        needed = set(patterns) if operation.writes else set(patterns) - {"Idempotency-Key"}
        return all(patterns[name].fullmatch(request.headers.get(name, "")) for name in needed)

    def _path_is_right(self, path: Mapping[str, str]) -> bool:
        return all(
            len(value) <= 64 and value.isascii() and value.replace("-", "a").replace("_", "a").isalnum()
            for value in path.values()
        )

    def _refuse(self, code: str) -> Response:
        return self._sign(_problem(_STATUS_OF_CODE.get(code, 422), code), _received())

    def _sign(self, answer: Answer, received: SignedRequest) -> Response:
        headers = {"Content-Type": answer.content_type}
        given = request.headers.get("X-Request-Id", "")
        if header_patterns(self._department.kind)["X-Request-Id"].fullmatch(given):
            headers["X-Request-Id"] = given
        signed = SignedResponse(answer.status, headers, answer.content)
        headers |= sign_response(signed, received, department_signer(self._department), self._clock.now())
        return Response(answer.content, answer.status, headers)


def _received() -> SignedRequest:
    """The request as it came: the URL from what the client sent, not from what Flask makes of it."""
    query = request.query_string.decode("latin-1")
    url = f"{request.scheme}://{request.host}{quote(request.path)}" + (f"?{query}" if query else "")
    return SignedRequest(request.method, url, dict(request.headers), request.get_data())


def _json(content: bytes) -> Body | None:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return _whole(body) if isinstance(body, dict) else None


def _whole(value: Any) -> Any:  # noqa: ANN401 - any JSON value.
    """The value with 1.0 as 1: to JSON Schema both are integers."""
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _problem(status: int, code: str) -> Answer:
    content = {"type": "about:blank", "title": _TITLES[status], "status": status, "code": code}
    given = request.headers.get("X-Request-Id")
    if given and given.isascii() and len(given) <= 64:
        content["request_id"] = given
    return Answer(status, orjson.dumps(content), "application/problem+json")
