"""Moving windows: where the times of recent hits are kept, for all processes or for one."""

import math
from collections import OrderedDict, deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final, Protocol, cast

from bson import Binary
from limits import RateLimitItem
from pymongo import ReturnDocument

from backend.core.clock import Clock
from backend.core.mongo.client import Db, Document
from backend.core.mongo.schema import Index, index

_COLLECTION: Final = "rate_limit_windows"
INDEXES: Final[tuple[Index, ...]] = (index(_COLLECTION, "expire_at", expire_after_seconds=0),)


class Windows(Protocol):
    """Keeps, for each key, the times of the hits that passed."""

    def acquire(self, key: bytes, limits: Sequence[RateLimitItem]) -> int:
        """Takes one place in every limit's window, or in none; returns 0, or the whole seconds to wait."""
        ...


class SharedWindows:
    """Windows in MongoDB, exact over any number of processes: one atomic command a hit.

    A document is `{_id: key, entries: [newest … oldest], taken: bool, expire_at}`, with at most as many
    entries as the largest limit allows; MongoDB removes it once it can't matter any more.
    """

    def __init__(self, db: Db, clock: Clock) -> None:
        self._collection = db[_COLLECTION]
        self._clock = clock

    def acquire(self, key: bytes, limits: Sequence[RateLimitItem]) -> int:
        """Takes one place in every limit's window, or in none; returns 0, or the whole seconds to wait."""
        now = self._clock.now()
        # An upsert that returns what it left always returns a document.
        found = cast(
            "Document",
            self._collection.find_one_and_update(
                {"_id": Binary(key)},
                _take(limits, now),
                upsert=True,
                return_document=ReturnDocument.AFTER,
            ),
        )
        return 0 if found["taken"] else _wait(found["entries"], limits, now)


class LocalWindows:
    """Windows in this process's memory: at most `capacity` keys, the least recently used forgotten first.

    So it holds back a client that is too busy, not an attacker who can make up more than `capacity` names.
    """

    def __init__(self, clock: Clock, capacity: int = 10_000) -> None:
        self._clock = clock
        self._capacity = capacity
        self._entries: OrderedDict[bytes, deque[datetime]] = OrderedDict()
        self._lock = Lock()

    def acquire(self, key: bytes, limits: Sequence[RateLimitItem]) -> int:
        """Takes one place in every limit's window, or in none; returns 0, or the whole seconds to wait."""
        with self._lock:
            now = self._clock.now()
            entries = self._entries.setdefault(key, deque(maxlen=_most(limits)))
            self._entries.move_to_end(key)
            if len(self._entries) > self._capacity:
                self._entries.popitem(last=False)
            wait = _wait(entries, limits, now)
            if wait == 0:
                entries.appendleft(now)
            return wait

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._entries)


def _wait(newest_first: Sequence[datetime], limits: Sequence[RateLimitItem], now: datetime) -> int:
    """Whole seconds until the n-th newest entry has left each window of n places; 0 when there is room."""
    leaves = [
        newest_first[limit.amount - 1] + _length(limit)
        for limit in limits
        if len(newest_first) >= limit.amount
    ]
    return max((math.ceil((moment - now).total_seconds()) for moment in leaves if moment > now), default=0)


def _take(limits: Sequence[RateLimitItem], now: datetime) -> list[dict[str, Any]]:
    """The update, run whole by the server: see whether there is room, and only then add an entry."""
    room = [
        {"$lte": [{"$arrayElemAt": ["$entries", limit.amount - 1]}, now - _length(limit)]} for limit in limits
    ]
    added = {"$slice": [{"$concatArrays": [[now], "$entries"]}, _most(limits)]}
    return [
        {"$set": {"entries": {"$ifNull": ["$entries", []]}}},
        {"$set": {"taken": {"$and": room}}},
        {
            "$set": {
                "entries": {"$cond": ["$taken", added, "$entries"]},
                "expire_at": {"$cond": ["$taken", now + max(map(_length, limits)), "$expire_at"]},
            }
        },
    ]


def _length(limit: RateLimitItem) -> timedelta:
    return timedelta(seconds=limit.get_expiry())


def _most(limits: Sequence[RateLimitItem]) -> int:
    return max(limit.amount for limit in limits)
