"""Real stand-ins for the ports of production code, handed over by constructor."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from backend.core.errors import Refusal
from backend.exchange.public_security import FaceResult, FaceTicket, RealNameResult
from backend.exchange.wechat import WeChatSession
from notifications.channels.sms import SmsReceipt


class StandingClock:
    """A clock that stands still until it is moved; safe to share between threads."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The present as an aware UTC datetime."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> datetime:
        """Moves the clock on by `seconds` (negative: back) and returns the new present."""
        with self._lock:
            self._now += timedelta(seconds=seconds)
            return self._now

    def set(self, moment: datetime) -> None:
        """Puts the clock to an aware UTC moment."""
        with self._lock:
            self._now = moment


class FakeRegistry:
    """A RealNameRegistry that knows the people it was given, and counts how often it was asked."""

    def __init__(self, people: Mapping[str, str]) -> None:
        self.people = dict(people)
        self.fault: Refusal | None = None
        self.asked = 0

    def check(
        self,
        name: str,
        id_number: str,
        request_id: str,  # noqa: ARG002 - the port's signature.
    ) -> RealNameResult:
        """See RealNameRegistry."""
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        known = self.people.get(id_number)
        if known is None:
            return RealNameResult.NO_RECORD
        return RealNameResult.MATCH if known == name else RealNameResult.MISMATCH


class FakeFaces:
    """A FaceVerification whose outcomes the test decides by identity number; PENDING until it does."""

    def __init__(self) -> None:
        self.results: dict[str, FaceResult] = {}
        self._tickets: dict[str, str] = {}

    def start(
        self,
        name: str,  # noqa: ARG002 - the port's signature.
        id_number: str,
        request_id: str,
    ) -> FaceTicket:
        """See FaceVerification."""
        self._tickets[request_id] = id_number
        return FaceTicket(request_id, f"https://face.example/{request_id}")

    def result(self, ticket: str) -> FaceResult:
        """See FaceVerification."""
        return self.results.get(self._tickets[ticket], FaceResult.PENDING)


class FakeWeChat:
    """A WeChatLogin that accepts each code once."""

    def __init__(self) -> None:
        self.codes: dict[str, WeChatSession] = {}

    def exchange(self, js_code: str) -> WeChatSession:
        """See WeChatLogin."""
        if js_code not in self.codes:
            raise Refusal("WECHAT_CODE_INVALID")
        return self.codes.pop(js_code)


class FakeSms:
    """An SmsGateway that keeps what it was handed, and refuses what the test says."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Mapping[str, str]]] = []
        self.refused: dict[str, str] = {}

    def send(self, mobile: str, template: str, params: Mapping[str, str], dedupe_id: str) -> SmsReceipt:
        """See SmsGateway."""
        if mobile in self.refused:
            raise Refusal(self.refused[mobile])
        self.sent.append((mobile, template, params))
        return SmsReceipt(dedupe_id)

    def last_code(self, mobile: str) -> str:
        """The code in the newest message to this number."""
        return next(params["code"] for to, _, params in reversed(self.sent) if to == mobile)
