"""A stand-in for an SMS gateway; what it takes can be read in its outbox."""

import hmac
import re
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final

from flask import Blueprint, Response, jsonify, request

from backend.core.clock import Clock, local_iso
from backend.core.ids import new_id
from backend.exchange.sandbox.bodies import strings
from backend.exchange.sandbox.config import SandboxConfig
from backend.exchange.sandbox.faults import Faults, inject

_HOUR: Final = timedelta(hours=1)
_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")
_TEMPLATE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_STATUS: Final = {"UNAUTHORIZED": 401, "BLOCKED_NUMBER": 403, "RATE_LIMITED": 429}


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the gateway took it."""

    message_id: str
    mobile: str
    sign_name: str
    template: str
    params: dict[str, Any]
    dedupe_id: str
    taken_at: datetime

    def as_json(self) -> dict[str, Any]:
        """For the outbox."""
        return {
            "message_id": self.message_id,
            "mobile": self.mobile,
            "sign_name": self.sign_name,
            "template": self.template,
            "params": self.params,
            "taken_at": local_iso(self.taken_at),
        }


class SmsOutbox:
    """Messages taken, blocked numbers and the limit per number; safe between threads.

    The last `most_messages` are kept.
    """

    def __init__(self, clock: Clock, hourly_limit: int, most_messages: int = 20_000) -> None:
        self._most_messages = most_messages
        self._clock = clock
        self._hourly_limit = hourly_limit
        self._lock = Lock()
        self._messages: deque[Message] = deque()
        self._by_mobile: defaultdict[str, deque[Message]] = defaultdict(deque)
        self._by_dedupe_id: dict[str, Message] = {}
        self._blocked: set[str] = set()

    def take(
        self, mobile: str, sign_name: str, template: str, params: dict[str, Any], dedupe_id: str
    ) -> Message | str:
        """The message taken (the first one, for a repeated dedupe id), or the code of a refusal."""
        with self._lock:
            known = self._by_dedupe_id.get(dedupe_id)
            if known is not None:
                return known
            refused = self._refusal(mobile, template)
            if refused:
                return refused
            message = Message(new_id(), mobile, sign_name, template, params, dedupe_id, self._clock.now())
            self._keep(message)
            return message

    def to(self, mobile: str) -> list[Message]:
        """What this number received, newest first."""
        with self._lock:
            return list(reversed(self._by_mobile.get(mobile, ())))

    def block(self, mobile: str) -> None:
        """From now on this number is refused, as one that opted out."""
        with self._lock:
            self._blocked.add(mobile)

    def reset(self) -> None:
        """Forgets messages and blocked numbers."""
        with self._lock:
            self._messages.clear()
            self._by_mobile.clear()
            self._by_dedupe_id.clear()
            self._blocked.clear()

    def _refusal(self, mobile: str, template: str) -> str | None:
        if not _MOBILE.fullmatch(mobile):
            return "INVALID_NUMBER"
        if not _TEMPLATE.fullmatch(template):
            return "TEMPLATE_UNKNOWN"
        if mobile in self._blocked:
            return "BLOCKED_NUMBER"
        since = self._clock.now() - _HOUR
        recent = sum(message.taken_at > since for message in self._by_mobile.get(mobile, ()))
        return "RATE_LIMITED" if recent >= self._hourly_limit else None

    def _keep(self, message: Message) -> None:
        self._messages.append(message)
        self._by_mobile[message.mobile].append(message)
        self._by_dedupe_id[message.dedupe_id] = message
        if len(self._messages) > self._most_messages:
            self._forget(self._messages.popleft())

    def _forget(self, oldest: Message) -> None:
        del self._by_dedupe_id[oldest.dedupe_id]
        messages = self._by_mobile[oldest.mobile]
        messages.popleft()
        if not messages:
            del self._by_mobile[oldest.mobile]


def sms_blueprint(config: SandboxConfig, outbox: SmsOutbox, faults: Faults) -> Blueprint:
    """`POST /sms/v1/messages`."""
    blueprint = Blueprint("sms", __name__, url_prefix="/sms")
    inject(blueprint, "sms", faults, _refused)
    expected = f"Bearer {config.sms_access_key}".encode()

    @blueprint.post("/v1/messages")
    def send() -> Response:
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected):
            return _refused("UNAUTHORIZED")
        fields = strings("mobile", "sign_name", "template", "dedupe_id")
        params = (request.get_json(silent=True) or {}).get("params")
        if fields is None or not isinstance(params, dict):
            return _refused("BAD_REQUEST")
        mobile, sign_name, template, dedupe_id = fields
        taken = outbox.take(mobile, sign_name, template, params, dedupe_id)
        if isinstance(taken, str):
            return _refused(taken)
        answer = jsonify(message_id=taken.message_id)
        answer.status_code = 202
        return answer

    return blueprint


def _refused(code: str) -> Response:
    answer = jsonify(code=code)
    answer.status_code = _STATUS.get(code, 400)
    if code == "RATE_LIMITED":
        answer.headers["Retry-After"] = "60"
    return answer
