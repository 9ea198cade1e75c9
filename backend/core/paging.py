"""Pages of a list: opaque cursors and a bounded size, the shape behind every GraphQL connection."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from backend.core.errors import Refusal

MAX_FIRST = 100
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """How many items, after which one. `after` is the sort key of the last item seen, decoded."""

    first: int
    after: str | None = None

    @classmethod
    def of(cls, first: int, after: str | None = None) -> "PageRequest":
        """From a client's arguments; BAD_INPUT unless 1 ≤ first ≤ 100 and the cursor is ours."""
        if not 1 <= first <= MAX_FIRST:
            raise Refusal("BAD_INPUT", field="first")
        return cls(first, None if after is None else decode_cursor(after))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order, each with its cursor, and whether more follow."""

    items: tuple[T, ...]
    cursors: tuple[str, ...]
    has_next: bool

    @classmethod
    def cut(cls, found: Sequence[T], request: PageRequest, key: Callable[[T], str]) -> "Page[T]":
        """The page from a query that asked for `first + 1` items."""
        items = tuple(found[: request.first])
        return cls(items, tuple(encode_cursor(key(item)) for item in items), len(found) > request.first)

    def map(self, change: Callable[[T], U]) -> "Page[U]":
        """The same page of other items."""
        return Page(tuple(change(item) for item in self.items), self.cursors, self.has_next)


def encode_cursor(key: str) -> str:
    """An opaque cursor for a sort key."""
    return base64.urlsafe_b64encode(b"k:" + key.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The sort key of a cursor; Refusal BAD_INPUT when it isn't one of ours."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        text = raw.decode()
    except (binascii.Error, UnicodeError, ValueError) as fault:
        raise Refusal("BAD_INPUT", field="after") from fault
    if len(cursor) > 200 or not text.startswith("k:"):
        raise Refusal("BAD_INPUT", field="after")
    return text.removeprefix("k:")


def moment_and_id(after: str) -> tuple[datetime, str]:
    """The parts of a sort key `{moment} {id}`: an aware UTC time and the id; else Refusal BAD_INPUT."""
    moment, _, found = after.partition(" ")
    try:
        at = datetime.fromisoformat(moment)
        aware = None if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as fault:  # Some times of the years 1 and 9999 have no equal in UTC.
        raise Refusal("BAD_INPUT", field="after") from fault
    if aware is None or not found:
        raise Refusal("BAD_INPUT", field="after")
    return aware, found
