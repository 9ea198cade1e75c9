"""Secrets that the system makes for itself once, wrapped by the KEK in the collection `secrets`."""

import secrets
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from backend.core.clock import Clock
from backend.core.mongo.client import Db
from backend.core.sealing.kek import BadKek
from backend.core.sealing.once import insert_or_read
from backend.core.sealing.ports import Cipher, KeyEncryption, Unopenable

COLLECTION: Final = "secrets"
_OCTETS = 32
_CHECK = "kek-check"
T = TypeVar("T")


class Secrets:
    """Named secrets, equal in all processes: the first to ask makes one, atomically. Safe between threads."""

    def __init__(self, db: Db, kek: KeyEncryption, clock: Clock) -> None:
        self._rows = db[COLLECTION]
        self._kek = kek
        self._clock = clock
        self._known: dict[str, bytes] = {}
        self._ciphers: dict[str, Cipher] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> bytes:
        """The 32 random octets called `name`; raises BadKek when this KEK can't open them."""
        known = self._known.get(name)
        return self._load(name) if known is None else known

    def cipher(self, name: str) -> Cipher:
        """The data key of no resident called `name`, for many messages; raises BadKek as `get` does."""
        known = self._ciphers.get(name)
        return self._load_cipher(name) if known is None else known

    def check(self) -> None:
        """Raises BadKek when this database's secrets were wrapped by another KEK: for start-up."""
        self.get(_CHECK)

    def _load(self, name: str) -> bytes:
        context = _context(name)
        with self._lock:
            wrapped = self._stored(name, self._kek.encrypt(secrets.token_bytes(_OCTETS), context))
            self._known[name] = _opened(lambda: self._kek.decrypt(wrapped, context))
            return self._known[name]

    def _load_cipher(self, name: str) -> Cipher:
        row = f"cipher:{name}"
        with self._lock:
            _, fresh = self._kek.new_data_key(_context(row), many_messages=True)
            wrapped = self._stored(row, fresh)
            self._ciphers[name] = _opened(lambda: self._kek.unwrap(wrapped, _context(row)))
            return self._ciphers[name]

    def _stored(self, name: str, fresh: bytes) -> bytes:
        """The wrapped secret of that name: `fresh` when there was none, else the one that was there."""
        document = {"_id": name, "wrapped": fresh, "created_at": self._clock.now()}
        return bytes(insert_or_read(self._rows, document)["wrapped"])


def _context(name: str) -> bytes:
    return f"{COLLECTION}|{name}".encode()


def _opened(opening: Callable[[], T]) -> T:
    try:
        return opening()
    except Unopenable:
        raise BadKek("The database's secrets were sealed by another key-encryption key.") from None
