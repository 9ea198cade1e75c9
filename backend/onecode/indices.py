"""Status-list indices: handed out in order by a counter, and scattered so that no two look related.

The n-th credential has entry n mod 2^20 of list n div 2^20, after a secret permutation of that list. So each
index is used once, lists fill up completely, and the indices of a batch tell nothing about each other.
"""

import hashlib
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

LIST_SIZE: Final = 1 << 20
_HALF_BITS: Final = 10
_HALF: Final = (1 << _HALF_BITS) - 1
_ROUNDS: Final = 8
_BLOCK: Final = 64


@dataclass(frozen=True, slots=True)
class StatusIndex:
    """An entry of a status list."""

    number: int
    index: int


class Counter(Protocol):
    """A counter shared by all processes."""

    def reserve(self, name: str, count: int) -> int:
        """Takes `count` consecutive numbers for good; returns the first."""
        ...


class IndexAllocator:
    """Hands out status indices of the family `name`, each once. Safe between threads.

    Numbers are reserved in blocks of 64, so that issuing one credential mostly costs no command for it;
    what a process doesn't use of its block stays unused.
    """

    def __init__(self, counter: Counter, secret: bytes, name: str) -> None:
        self._counter = counter
        self._secret = hashlib.sha256(secret + name.encode()).digest()
        self._name = name
        self._next = self._end = 0
        self._lock = threading.Lock()

    def take(self, count: int) -> list[StatusIndex]:
        """`count` fresh indices."""
        return [scattered(number, self._secret) for number in self._numbers(count)]

    def _numbers(self, count: int) -> list[int]:
        with self._lock:
            taken = list(range(self._next, min(self._next + count, self._end)))
            self._next += len(taken)
            missing = count - len(taken)
            if missing:
                first = self._counter.reserve(self._name, max(missing, _BLOCK))
                taken += range(first, first + missing)
                self._next, self._end = first + missing, first + max(missing, _BLOCK)
        return taken


def scattered(number: int, secret: bytes) -> StatusIndex:
    """The place of the n-th credential: its list, and a permutation of its position there under `secret`."""
    status_list, position = divmod(number, LIST_SIZE)
    return StatusIndex(status_list, permute(position, _tables(secret, status_list)))


def permute(position: int, tables: tuple[tuple[int, ...], ...]) -> int:
    """A balanced Feistel network over 20 bits: a bijection, whatever the round functions `tables` are."""
    left, right = position >> _HALF_BITS, position & _HALF
    for table in tables:
        left, right = right, left ^ table[right]
    return left << _HALF_BITS | right


@lru_cache(maxsize=16)
def _tables(secret: bytes, status_list: int) -> tuple[tuple[int, ...], ...]:
    """Eight random functions of 10 bits, from SHAKE-256 (FIPS 202) keyed with the secret and the list."""
    return tuple(_table(secret + status_list.to_bytes(4, "big") + bytes((turn,))) for turn in range(_ROUNDS))


def _table(seed: bytes) -> tuple[int, ...]:
    stream = hashlib.shake_256(seed).digest(2 << _HALF_BITS)
    return tuple(int.from_bytes(stream[at : at + 2], "big") & _HALF for at in range(0, len(stream), 2))
