"""The keyring: which key signs, which keys verify, and how one takes over from another."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from backend.core.clock import Clock
from backend.core.errors import Refusal
from backend.core.keyring import formats
from backend.core.keyring.models import (
    VERIFY_FOR,
    Algorithm,
    KeyRecord,
    KeyStatus,
    PrivateKey,
    Purpose,
    SigningKey,
    State,
    judge,
)
from backend.core.keyring.repository import SigningKeys, StoredKey, context
from backend.core.keyring.ring import Ring
from backend.core.mongo.client import Db, Session, transact
from backend.core.sealing import BadKek, KeyEncryption, Secrets, Unopenable

RELOAD: Final = timedelta(seconds=4)
"""Age at which the loaded keys are read again: other processes' changes arrive within 5 s."""

RELOAD_FOR_UNKNOWN: Final = timedelta(seconds=1)
"""Age at which an unknown key id makes them be read again: so forged ids can't flood MongoDB."""


ALGORITHMS: Final[Mapping[Purpose, Algorithm]] = {Purpose.AUDIT: "EdDSA"}
"""What a first key of a purpose uses, where it isn't ES256: witnesses of public logs ask for Ed25519."""


class NoActiveKey(LookupError):
    """A purpose has no key that signs: `ensure` was not run."""


class Keyring:
    """Signing keys of all purposes, shared by all processes through MongoDB. Safe between threads."""

    def __init__(
        self,
        db: Db,
        kek: KeyEncryption,
        clock: Clock,
        *,
        algorithms: Mapping[Purpose, Algorithm] | None = None,
    ) -> None:
        self._db = db
        self._keys = SigningKeys(db)
        self._kek = kek
        self._clock = clock
        self._algorithms = dict(ALGORITHMS if algorithms is None else algorithms)
        self._secrets = Secrets(db, kek, clock)
        self._ring: Ring | None = None
        self._lock = threading.Lock()

    def ensure(self, purposes: Iterable[Purpose] = tuple(Purpose)) -> None:
        """Makes the first key of each purpose that has none; of many processes at once, one makes it."""
        present = {stored.record.purpose for stored in self._keys.all()}
        for purpose in purposes:
            if purpose not in present:
                record, wrapped = self._fresh(purpose, (), self._clock.now(), VERIFY_FOR[purpose], None)
                self._keys.insert(record, wrapped)
        self._load(timedelta(0))

    def active(self, purpose: Purpose) -> SigningKey:
        """The one key that signs now; raises NoActiveKey."""
        now = self._clock.now()
        key = self._load(RELOAD).view(purpose, now).active()
        if key is None:
            raise NoActiveKey(f"purpose {purpose} has no active key")
        return key

    def published(self, purpose: Purpose) -> tuple[SigningKey, ...]:
        """The announced, active and still verifying keys, in the order in which they take over."""
        now = self._clock.now()
        return self._load(RELOAD).view(purpose, now).keys

    def find(self, purpose: Purpose, kid: str) -> SigningKey | None:
        """The published key of that id; an unknown id reads the keys again, at most once a second."""
        now = self._clock.now()
        found = self._load(RELOAD).view(purpose, now).find(kid)
        return found or self._load(RELOAD_FOR_UNKNOWN).view(purpose, now).find(kid)

    def jwks(self, purpose: Purpose) -> dict[str, list[dict[str, str]]]:
        """The JWK set (RFC 7517 §5) of the published keys' public halves."""
        return {
            "keys": [
                {**formats.jwk(key.public), "kid": key.kid, "alg": key.algorithm, "use": "sig"}
                for key in self.published(purpose)
            ]
        }

    def statuses(self, purpose: Purpose) -> tuple[KeyStatus, ...]:
        """Every key there ever was, with its public half and state, read from MongoDB now."""
        return judge(self._records(purpose), self._clock.now())

    def rotate(
        self,
        purpose: Purpose,
        *,
        publish_ahead: timedelta,
        verify_for: timedelta,
        algorithm: Algorithm | None = None,
    ) -> SigningKey:
        """Announces a new key that becomes active after `publish_ahead`; the key before it then still
        verifies for `verify_for`. Keeps the algorithm unless told.

        Raises Refusal("STALE_WRITE") when another rotation was quicker. Private halves of keys whose time
        is over are destroyed.
        """
        now = self._clock.now()
        before = self._records(purpose)
        record, wrapped = self._fresh(purpose, before, now + publish_ahead, verify_for, algorithm)
        if not self._keys.insert(record, wrapped):
            raise Refusal("STALE_WRITE")
        self._keys.destroy_private(s.record for s in judge(before, now) if s.state is State.GONE)
        return self._made(record)

    def retire(self, purpose: Purpose, kid: str) -> None:
        """Ends a key at once, as after a compromise: it neither signs nor verifies, its private half is
        destroyed. If it was active, the key announced next, else a new one, is active at once.

        Other processes follow within 5 s. Raises Refusal("SIGNING_KEY_NOT_FOUND").
        """
        transact(self._db, lambda session: self._retire(purpose, kid, session))
        self._load(timedelta(0))

    def secret(self, name: str) -> bytes:
        """The 32 random octets called `name`, made once for all processes; raises BadKek."""
        return self._secrets.get(name)

    def _retire(self, purpose: Purpose, kid: str, session: Session) -> None:
        now = self._clock.now()
        records = self._records(purpose, session)
        statuses = judge(records, now)
        ended = next((s for s in statuses if s.record.kid == kid and s.state is not State.GONE), None)
        if ended is None:
            raise Refusal("SIGNING_KEY_NOT_FOUND")
        self._keys.revoke(ended.record, now, session)
        if ended.state is State.ACTIVE:
            announced = next((s.record for s in statuses if s.state is State.ANNOUNCED), None)
            self._succeed(purpose, records, announced, session)

    def _succeed(
        self, purpose: Purpose, records: tuple[KeyRecord, ...], announced: KeyRecord | None, session: Session
    ) -> None:
        now = self._clock.now()
        if announced is not None:
            self._keys.bring_forward(announced, now, session)
            return
        record, wrapped = self._fresh(purpose, records, now, VERIFY_FOR[purpose], None)
        self._keys.insert(record, wrapped, session)

    def _records(self, purpose: Purpose, session: Session | None = None) -> tuple[KeyRecord, ...]:
        return tuple(s.record for s in self._keys.all(session) if s.record.purpose is purpose)

    def _fresh(
        self,
        purpose: Purpose,
        before: tuple[KeyRecord, ...],
        active_from: datetime,
        verify_for: timedelta,
        algorithm: Algorithm | None,
    ) -> tuple[KeyRecord, bytes]:
        chosen = algorithm or (before[-1].algorithm if before else self._algorithms.get(purpose, "ES256"))
        private = formats.generate(chosen)
        public = private.public_key()
        record = KeyRecord(
            purpose=purpose,
            generation=before[-1].generation + 1 if before else 1,
            kid=formats.kid(public),
            algorithm=chosen,
            public=formats.jwk(public),
            created_at=self._clock.now(),
            active_from=active_from,
            verify_for=verify_for,
            revoked_at=None,
        )
        return record, self._kek.encrypt(formats.to_der(private), context(record))

    def _made(self, record: KeyRecord) -> SigningKey:
        key = self._load(timedelta(0)).view(record.purpose, self._clock.now()).find(record.kid)
        if key is None:
            raise Refusal("STALE_WRITE")
        return key

    def _load(self, age: timedelta) -> Ring:
        """The keys as they were less than `age` ago."""
        ring = self._ring
        if ring is not None and ring.is_fresh(self._clock.now(), age):
            return ring
        with self._lock:
            if self._ring is None or not self._ring.is_fresh(self._clock.now(), age):
                self._ring = self._read()
            return self._ring

    def _read(self) -> Ring:
        now = self._clock.now()
        known = self._ring.privates if self._ring else {}
        records: dict[Purpose, tuple[KeyRecord, ...]] = defaultdict(tuple)
        privates: dict[str, PrivateKey] = {}
        for stored in self._keys.all():
            records[stored.record.purpose] += (stored.record,)
            if stored.wrapped is not None:
                kid = stored.record.kid
                privates[kid] = known.get(kid) or self._unwrap(stored, stored.wrapped)
        return Ring(dict(records), privates, now)

    def _unwrap(self, stored: StoredKey, wrapped: bytes) -> PrivateKey:
        try:
            return formats.from_der(self._kek.decrypt(wrapped, context(stored.record)))
        except Unopenable:
            raise BadKek("The signing keys were sealed by another key-encryption key.") from None
