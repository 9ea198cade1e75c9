"""A bounded cache of unwrapped data keys, each known to be alive at a moment."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backend.core.sealing.ports import Cipher

TRUSTED_FOR: Final = timedelta(seconds=1)
"""How long an unwrapped key is used without asking whether its resident was erased."""

_KEPT_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class CachedKey:
    """An unwrapped key, the wrapping it came from, and when the database last had that wrapping."""

    cipher: Cipher
    wrapped: bytes
    confirmed_at: datetime

    def is_trusted(self, now: datetime) -> bool:
        """Whether it may be used unasked; a clock that ran backwards makes it untrusted."""
        return timedelta(0) <= now - self.confirmed_at <= TRUSTED_FOR


class KeyCache:
    """At most `limit` keys, least recently confirmed dropped first, none kept a minute unconfirmed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._keys: OrderedDict[str, CachedKey] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, resident: str) -> CachedKey | None:
        """What is cached of `resident`, trusted or not."""
        with self._lock:
            return self._keys.get(resident)

    def put(self, resident: str, key: CachedKey) -> None:
        """Remembers a key just confirmed, and drops what is too much or too old."""
        with self._lock:
            self._keys[resident] = key
            self._keys.move_to_end(resident)
            while len(self._keys) > self._limit or self._oldest_is_stale(key.confirmed_at):
                self._keys.popitem(last=False)

    def drop(self, resident: str) -> None:
        """Forgets a resident's key."""
        with self._lock:
            self._keys.pop(resident, None)

    def _oldest_is_stale(self, now: datetime) -> bool:
        return now - next(iter(self._keys.values())).confirmed_at > _KEPT_FOR
