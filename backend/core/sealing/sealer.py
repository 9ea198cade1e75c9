"""Sealing of personal fields: a data key per resident, wrapped by the KEK, so that erasure is real.

Collection `data_keys`: `{_id: resident, wrapped: bytes, created_at}`; after erasure
`{_id: resident, created_at, erased_at}`, a tombstone that keeps the key from being made again.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

import structlog

from backend.core.clock import Clock
from backend.core.errors import Refusal
from backend.core.mongo.client import Db, Document, Session
from backend.core.sealing.cache import CachedKey, KeyCache
from backend.core.sealing.once import insert_or_read
from backend.core.sealing.ports import Cipher, KeyedHash, KeyEncryption, Unopenable
from backend.core.sealing.secrets import Secrets

COLLECTION: Final = "data_keys"
_BLIND_KEY = "blind-index"

log = structlog.get_logger(__name__)


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256 (RFC 2104, FIPS 180-4), 32 octets."""
    return hmac.digest(key, message, hashlib.sha256)


class ResidentKey:
    """One resident's data key. Hold it for a request, not longer: it outlives an erasure."""

    __slots__ = ("_cipher", "resident")

    def __init__(self, resident: str, cipher: Cipher) -> None:
        self.resident = resident
        self._cipher = cipher

    def __repr__(self) -> str:
        return "ResidentKey(…)"

    def seal(self, collection: str, field: str, text: str) -> bytes:
        """Seals `text` for this one field of this one resident: UTF-8 length + 33 octets."""
        return self._cipher.encrypt(text.encode(), self._context(collection, field))

    def open(self, collection: str, field: str, sealed: bytes | None) -> str | None:
        """The text; None when there is none or it can't be opened (erased, altered, of another place)."""
        if sealed is None:
            return None
        try:
            return self._cipher.decrypt(sealed, self._context(collection, field)).decode()
        except Unopenable:
            log.warning("sealed_field_unopenable", collection=collection, field=field)
            return None

    def _context(self, collection: str, field: str) -> bytes:
        return f"{collection}|{field}|{self.resident}".encode()


class SystemKey:
    """A named data key for what belongs to no resident, such as stored answers and TOTP seeds.

    The key is fetched, or made, at first use; BadKek is raised then if the KEK can't open it.
    """

    __slots__ = ("_context", "_name", "_secrets")

    def __init__(self, name: str, secrets: Secrets) -> None:
        self._name = name
        self._context = name.encode()
        self._secrets = secrets

    def __repr__(self) -> str:
        return f"SystemKey({self._name!r})"

    def seal(self, data: bytes) -> bytes:
        """Seals `data`, bound to the key's name: + 45 octets."""
        return self._secrets.cipher(self._name).encrypt(data, self._context)

    def open(self, sealed: bytes) -> bytes:
        """The data; raises Unopenable for a changed octet or another name's data."""
        return self._secrets.cipher(self._name).decrypt(sealed, self._context)


class Sealer:
    """Makes, finds and erases residents' data keys. Safe between threads.

    An erasure reaches every process within 1 s of its commit, without a message: an unwrapped key is used
    for at most that long before MongoDB is asked again. `unwrap` sees it with the document, at once.
    """

    def __init__(
        self,
        db: Db,
        kek: KeyEncryption,
        clock: Clock,
        *,
        keyed_hash: KeyedHash = hmac_sha256,
        cached_keys: int = 4096,
    ) -> None:
        self._rows = db[COLLECTION]
        self._kek = kek
        self._clock = clock
        self._hash = keyed_hash
        self._secrets = Secrets(db, kek, clock)
        self._cache = KeyCache(cached_keys)

    def check(self) -> None:
        """Raises BadKek when this database was sealed with another KEK: for start-up and `doctor`."""
        self._secrets.check()

    def mint(self, resident: str) -> tuple[ResidentKey, Document]:
        """A fresh key and its unstored `data_keys` document, for bulk inserts of new residents."""
        cipher, wrapped = self._kek.new_data_key(_context(resident))
        document = {"_id": resident, "wrapped": wrapped, "created_at": self._clock.now()}
        return ResidentKey(resident, cipher), document

    def create(self, resident: str, session: Session | None = None) -> ResidentKey:
        """The resident's stored data key, made if there is none; one write.

        Raises Refusal("RESIDENT_ERASED") for a resident who was erased. Within a session the key exists
        only if the transaction commits, so it isn't cached.
        """
        _, fresh = self.mint(resident)
        stored = insert_or_read(self._rows, fresh, session)
        cipher = self._cipher(resident, stored.get("wrapped"))
        if cipher is None:
            raise Refusal("RESIDENT_ERASED")
        return ResidentKey(resident, cipher)

    def key(self, resident: str) -> ResidentKey | None:
        """The resident's data key; None when erased, unknown, or wrapped by a KEK that we don't have."""
        cached = self._cache.get(resident)
        if cached is not None and cached.is_trusted(self._clock.now()):
            return ResidentKey(resident, cached.cipher)
        return self.keys((resident,)).get(resident)

    def keys(self, residents: Iterable[str]) -> Mapping[str, ResidentKey]:
        """The data keys of many residents by id, in one query; those without one are left out."""
        rows = self._rows.find({"_id": {"$in": list(residents)}}, {"wrapped": 1})
        wrapped = {row["_id"]: row.get("wrapped") for row in rows}
        found = {resident: self.unwrap(resident, wrapped.get(resident)) for resident in residents}
        return {resident: key for resident, key in found.items() if key is not None}

    def unwrap(self, resident: str, wrapped: bytes | None) -> ResidentKey | None:
        """The key of a `data_keys` document just read; `wrapped` is None when it had none."""
        if wrapped is None:
            self._cache.drop(resident)
            return None
        cached = self._cache.get(resident)
        known = cached.cipher if cached is not None and cached.wrapped == wrapped else None
        cipher = known or self._cipher(resident, wrapped)
        if cipher is None:
            return None
        self._cache.put(resident, CachedKey(cipher, wrapped, self._clock.now()))
        return ResidentKey(resident, cipher)

    def erase(self, resident: str, session: Session) -> None:
        """Destroys the wrapped key for good and leaves a tombstone; repeating it changes nothing."""
        now = self._clock.now()
        self._rows.update_one(
            {"_id": resident},
            {"$unset": {"wrapped": ""}, "$min": {"erased_at": now}, "$setOnInsert": {"created_at": now}},
            upsert=True,
            session=session,
        )
        self._cache.drop(resident)

    def system(self, name: str) -> SystemKey:
        """The data key called `name`; asking for it touches no database yet."""
        return SystemKey(name, self._secrets)

    def blind(self, kind: str, value: str) -> bytes:
        """A keyed hash of the NFC form of `value` for exact look-ups: 32 octets, separate for each `kind`."""
        key_of_kind = self._hash(self._secrets.get(_BLIND_KEY), kind.encode())
        return self._hash(key_of_kind, unicodedata.normalize("NFC", value).encode())

    def _cipher(self, resident: str, wrapped: bytes | None) -> Cipher | None:
        if wrapped is None:
            return None
        try:
            return self._kek.unwrap(wrapped, _context(resident))
        except Unopenable:
            # No traceback: the event says it all, and a list may hold many such keys.
            log.error("data_key_unopenable", kek=repr(self._kek))  # noqa: TRY400
            return None


def _context(resident: str) -> bytes:
    return f"{COLLECTION}|{resident}".encode()
