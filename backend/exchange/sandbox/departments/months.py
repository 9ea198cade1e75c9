"""Calendar months, as contributions are counted in."""

from collections.abc import Iterator
from datetime import date
from functools import total_ordering


@total_ordering
class Month:
    """A month of a year; ordered, and counted in months."""

    __slots__ = ("_number",)

    def __init__(self, year: int, month: int) -> None:
        self._number = year * 12 + month - 1

    @property
    def year(self) -> int:
        """The year."""
        return self._number // 12

    @property
    def month(self) -> int:
        """The month, 1 to 12."""
        return self._number % 12 + 1

    def plus(self, months: int) -> "Month":
        """The month so many months later."""
        number = self._number + months
        return Month(number // 12, number % 12 + 1)

    def day(self, day: int) -> date:
        """A date in the month."""
        return date(self.year, self.month, day)

    def __sub__(self, other: "Month") -> int:
        return self._number - other._number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Month) and self._number == other._number

    def __lt__(self, other: "Month") -> bool:
        return self._number < other._number

    def __hash__(self) -> int:
        return hash(self._number)

    def __str__(self) -> str:
        return f"{self.year}{self.month:02}"

    def __repr__(self) -> str:
        return f"Month({self})"


def month_of(day: date) -> Month:
    """The month that a day is in."""
    return Month(day.year, day.month)


def parse_month(text: str) -> Month:
    """The month written as YYYYMM."""
    return Month(int(text[:4]), int(text[4:]))


def months(first: Month, last: Month) -> Iterator[Month]:
    """From `first` to `last`, both included; none when `last` is before."""
    return (first.plus(at) for at in range(last - first + 1))
