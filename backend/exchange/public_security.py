"""The public-security department: real-name check (实名核验) and face verification (人脸核身)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, TypeVar

import orjson

from backend.core.clock import Clock
from backend.core.errors import Refusal
from backend.core.outbound import Call, Method, Outbound, Reply
from backend.exchange.signing import signed_headers

E = TypeVar("E", bound=StrEnum)

_TICKET: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


class RealNameResult(StrEnum):
    """Whether the registry of people agrees."""

    MATCH = "MATCH"  # 一致
    MISMATCH = "MISMATCH"  # 不一致: the number is known, under another name.
    NO_RECORD = "NO_RECORD"  # 库中无此号


class FaceResult(StrEnum):
    """How a face verification stands."""

    PENDING = "PENDING"
    PASSED = "PASSED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class FaceTicket:
    """A verification under way: the department's ticket and the page that the person's phone opens."""

    ticket: str
    url: str


class RealNameRegistry(Protocol):
    """The registry that knows which name goes with which number."""

    def check(self, name: str, id_number: str, request_id: str) -> RealNameResult:
        """Whether the registry has `id_number` under `name`; `request_id` is ours, for both sides' logs.

        Raises Refusal UPSTREAM_*, EXCHANGE_REFUSED (the department refuses us, not the person).
        """
        ...


class FaceVerification(Protocol):
    """Compares a live face with the registry's photograph."""

    def start(self, name: str, id_number: str, request_id: str) -> FaceTicket:
        """Opens a verification of this person; the same `request_id` gives the same ticket again.

        Raises Refusal UPSTREAM_*, EXCHANGE_REFUSED, FACE_NO_PHOTO (the registry has none to compare with).
        """
        ...

    def result(self, ticket: str) -> FaceResult:
        """How the verification stands; raises Refusal UPSTREAM_*, EXCHANGE_REFUSED, FACE_TICKET_UNKNOWN."""
        ...


class HttpPublicSecurity:
    """RealNameRegistry and FaceVerification over the department's signed JSON interface.

    POST /public-security/v1/real-name {name, id_number, request_id} → {result};
    POST /face/v1/tickets {name, id_number, request_id} → 201 {ticket, url};
    GET /face/v1/tickets/{ticket} → {result}.
    """

    def __init__(self, outbound: Outbound, caller: str, key: bytes, clock: Clock) -> None:
        self._outbound = outbound
        self._caller = caller
        self._key = key
        self._clock = clock

    def check(self, name: str, id_number: str, request_id: str) -> RealNameResult:
        """See RealNameRegistry."""
        body = {"name": name, "id_number": id_number, "request_id": request_id}
        reply = self._signed("real_name", "POST", "/public-security/v1/real-name", body)
        return _member(RealNameResult, reply)

    def start(self, name: str, id_number: str, request_id: str) -> FaceTicket:
        """See FaceVerification."""
        body = {"name": name, "id_number": id_number, "request_id": request_id}
        reply = self._signed("face_start", "POST", "/face/v1/tickets", body)
        return FaceTicket(reply.text("ticket"), reply.text("url"))

    def result(self, ticket: str) -> FaceResult:
        """See FaceVerification."""
        if not _TICKET.fullmatch(ticket):
            raise Refusal("FACE_TICKET_UNKNOWN")
        return _member(FaceResult, self._signed("face_result", "GET", f"/face/v1/tickets/{ticket}"))

    def _signed(
        self, operation: str, method: Method, path: str, body: Mapping[str, str] | None = None
    ) -> Reply:
        content = b"" if body is None else orjson.dumps(body)
        call = Call(
            operation,
            method,
            path,
            safe_to_repeat=True,  # A check changes nothing, and a start is known by its request id.
            content=content or None,
            headers=signed_headers(self._caller, self._key, method, path, content, self._clock.now()),
        )
        reply = self._outbound.call(call)
        if reply.status >= 400:
            raise _refusal(reply)
        return reply


def _refusal(reply: Reply) -> Refusal:
    code = reply.data.get("code")
    if code in {"FACE_NO_PHOTO", "FACE_TICKET_UNKNOWN"}:
        return Refusal(str(code))
    return Refusal("EXCHANGE_REFUSED", retry_after=reply.retry_after)


def _member(kind: type[E], reply: Reply) -> E:
    try:
        return kind(reply.text("result"))
    except ValueError:
        raise Refusal("UPSTREAM_MALFORMED") from None
