"""A stand-in for the public-security department's face verification."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from flask import Blueprint, Response, abort, jsonify, render_template_string, request

from backend.core.clock import Clock
from backend.core.ids import new_secret
from backend.exchange.public_security import FaceResult, RealNameResult
from backend.exchange.sandbox.bodies import is_signed, strings
from backend.exchange.sandbox.config import SandboxConfig
from backend.exchange.sandbox.faults import Faults, inject
from backend.exchange.sandbox.public_security import PeopleRegistry

_TICKET_LIFETIME: Final = timedelta(minutes=5)
_MOST_TICKETS: Final = 10_000
_PAGE: Final = """<!doctype html><html lang="zh-CN"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>人脸核身（沙箱）</title>
<h1>人脸核身（沙箱）</h1><p>当前状态：{{ result }}</p>
<form method="post"><button name="result" value="PASSED">通过</button>
<button name="result" value="FAILED">不通过</button></form></html>"""


@dataclass(slots=True)
class _Ticket:
    expires: datetime
    result: FaceResult


class FaceTickets:
    """Face verifications under way; safe between threads, the oldest forgotten first."""

    def __init__(self, clock: Clock, *, auto_pass: bool) -> None:
        self._clock = clock
        self._lock = Lock()
        self._configured = auto_pass
        self._auto_pass = auto_pass
        self._tickets: dict[str, _Ticket] = {}
        self._by_request: dict[str, str] = {}

    def open(self, request_id: str) -> str:
        """A ticket for this request: a new one, or the one that it got before."""
        with self._lock:
            if request_id in self._by_request:
                return self._by_request[request_id]
            ticket = new_secret(18)
            result = FaceResult.PASSED if self._auto_pass else FaceResult.PENDING
            self._tickets[ticket] = _Ticket(self._clock.now() + _TICKET_LIFETIME, result)
            self._by_request[request_id] = ticket
            self._forget_oldest()
            return ticket

    def result(self, ticket: str) -> FaceResult | None:
        """How it stands; None for an unknown ticket."""
        with self._lock:
            known = self._tickets.get(ticket)
            if known is None:
                return None
            late = known.result is FaceResult.PENDING and known.expires <= self._clock.now()
            return FaceResult.EXPIRED if late else known.result

    def decide(self, ticket: str, result: FaceResult) -> bool:
        """Passes or fails a pending ticket; False when it isn't pending."""
        with self._lock:
            known = self._tickets.get(ticket)
            if known is None or known.result is not FaceResult.PENDING or known.expires <= self._clock.now():
                return False
            known.result = result
            return True

    def set_auto_pass(self, *, auto_pass: bool) -> None:
        """Whether tickets opened from now on pass by themselves."""
        with self._lock:
            self._auto_pass = auto_pass

    def reset(self) -> None:
        """Forgets all tickets, and passes by itself again only where so configured."""
        with self._lock:
            self._tickets.clear()
            self._by_request.clear()
            self._auto_pass = self._configured

    def _forget_oldest(self) -> None:
        while len(self._by_request) > _MOST_TICKETS:
            del self._tickets[self._by_request.pop(next(iter(self._by_request)))]


def face_blueprint(
    config: SandboxConfig, people: PeopleRegistry, tickets: FaceTickets, faults: Faults, clock: Clock
) -> Blueprint:
    """`/face/v1/tickets` for signed callers."""
    blueprint = Blueprint("face", __name__, url_prefix="/face/v1/tickets")
    inject(blueprint, "face", faults, _refused)

    @blueprint.post("")
    def start() -> Response:
        if not is_signed(config, clock):
            return _refused("UNAUTHENTICATED")
        fields = strings("name", "id_number", "request_id")
        if fields is None:
            return _refused("BAD_REQUEST")
        name, id_number, request_id = fields
        if people.compare(name, id_number) is not RealNameResult.MATCH:
            return _refused("FACE_NO_PHOTO")
        ticket = tickets.open(request_id)
        answer = jsonify(ticket=ticket, url=f"{request.host_url}face/page/{ticket}")
        answer.status_code = 201
        return answer

    @blueprint.get("/<ticket>")
    def result(ticket: str) -> Response:
        if not is_signed(config, clock):
            return _refused("UNAUTHENTICATED")
        stands = tickets.result(ticket)
        return _refused("FACE_TICKET_UNKNOWN") if stands is None else jsonify(result=stands)

    return blueprint


def face_page_blueprint(tickets: FaceTickets) -> Blueprint:
    """`/face/page/{ticket}`: what the person's phone opens; here two buttons stand for the camera."""
    blueprint = Blueprint("face_page", __name__, url_prefix="/face/page")

    @blueprint.route("/<ticket>", methods=["GET", "POST"])
    def page(ticket: str) -> str:
        if request.method == "POST" and request.form.get("result") in {"PASSED", "FAILED"}:
            tickets.decide(ticket, FaceResult(request.form["result"]))
        stands = tickets.result(ticket)
        if stands is None:
            abort(404)
        return render_template_string(_PAGE, result=stands)

    return blueprint


def _refused(code: str) -> Response:
    answer = jsonify(code=code)
    answer.status_code = {"UNAUTHENTICATED": 401, "BAD_REQUEST": 400}.get(code, 404)
    return answer
