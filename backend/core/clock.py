"""The injected clock: aware UTC inside, UTC+8 at the edge."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Protocol

CHINA = timezone(timedelta(hours=8), "UTC+8")


class Clock(Protocol):
    """Tells the time; tests inject one that stands still."""

    def now(self) -> datetime:
        """The present as an aware UTC datetime, cut to milliseconds as MongoDB keeps it."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present as an aware UTC datetime, cut to milliseconds as MongoDB keeps it."""
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


def epoch(moment: datetime) -> int:
    """Whole seconds since 1970-01-01T00:00:00Z (NumericDate of RFC 7519 §2)."""
    return int(moment.timestamp())


def from_epoch(seconds: int) -> datetime:
    """The aware UTC datetime of a NumericDate."""
    return datetime.fromtimestamp(seconds, UTC)


def local_iso(moment: datetime) -> str:
    """ISO 8601 in UTC+8, to the second, as residents and staff see it."""
    return moment.astimezone(CHINA).isoformat(timespec="seconds")
