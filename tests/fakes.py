"""Real stand-ins for the ports of production code, handed over by constructor."""

import threading
from datetime import UTC, datetime, timedelta


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
