"""Validity dates of data: both ends included, the last one may be open."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Protocol, TypeVar

from backend.core.clock import CHINA
from backend.core.errors import Refusal


@dataclass(frozen=True, slots=True)
class Period:
    """From `first` to `last`, both included; `last` None is open. MEDICAL_TABLE_DATES when it is empty."""

    first: date
    last: date | None = None

    def __post_init__(self) -> None:
        """Refuses a period that ends before it begins."""
        if self.last is not None and self.last < self.first:
            raise Refusal("MEDICAL_TABLE_DATES", first=f"{self.first}", last=f"{self.last}")

    def __contains__(self, day: date) -> bool:
        """Whether the day lies in it."""
        return self.first <= day and (self.last is None or day <= self.last)


class Dated(Protocol):
    """Something that is in force for a period."""

    @property
    def period(self) -> Period:
        """When it is in force."""
        ...


Row = TypeVar("Row", bound=Dated)


def in_force(rows: Iterable[Row], day: date) -> Row | None:
    """The one row in force on the day; None when there is none."""
    return next((row for row in rows if day in row.period), None)


def in_order(rows: Iterable[Row], where: str, *, gaps: bool) -> tuple[Row, ...]:
    """Rows of one key by date; MEDICAL_TABLE_OVERLAP, and unless `gaps` are allowed MEDICAL_TABLE_GAP."""
    ordered = sorted(rows, key=lambda row: row.period.first)
    for earlier, later in pairwise(ordered):
        last = earlier.period.last
        if last is None or later.period.first <= last:
            raise Refusal("MEDICAL_TABLE_OVERLAP", where=where, day=f"{later.period.first}")
        if not gaps and later.period.first > last + timedelta(days=1):
            raise Refusal("MEDICAL_TABLE_GAP", where=where, day=f"{last + timedelta(days=1)}")
    return tuple(ordered)


def add_months(day: date, months: int) -> date:
    """The same day so many months on, or the month's last day where there is no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return min(date(year, month + 1, 1) + timedelta(days=day.day - 1), following - timedelta(days=1))


def china_day(moment: datetime) -> date:
    """The calendar day in UTC+8 of an aware moment."""
    return moment.astimezone(CHINA).date()
