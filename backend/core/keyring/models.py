"""Signing keys and the states that time gives them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Algorithm = Literal["ES256", "EdDSA"]
PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey
PublicKey = EllipticCurvePublicKey | Ed25519PublicKey


class Purpose(StrEnum):
    """What a key signs; a key never serves two purposes."""

    TOKEN = "token"  # noqa: S105 - the name of a purpose.
    CODE = "code"
    CODE_ROOT = "code-root"
    CARD = "card"
    AUDIT = "audit"


class State(StrEnum):
    """Where a key stands in its life."""

    ANNOUNCED = "announced"
    ACTIVE = "active"
    RETIRED = "retired"
    GONE = "gone"


VERIFY_FOR: Final[Mapping[Purpose, timedelta]] = {
    Purpose.TOKEN: timedelta(hours=1),
    Purpose.CODE: timedelta(days=2),
    Purpose.CODE_ROOT: timedelta(days=30),
    Purpose.CARD: timedelta(days=10 * 366),
    Purpose.AUDIT: timedelta(days=10 * 366),
}
"""How long a key still verifies after its successor took over: more than what it signed may live."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is stored of a key besides its private half; `public` is a JWK (RFC 7517).

    `verify_for` is how long the key before it still verifies once this one is active.
    """

    purpose: Purpose
    generation: int
    kid: str
    algorithm: Algorithm
    public: Mapping[str, str]
    created_at: datetime
    active_from: datetime
    verify_for: timedelta
    revoked_at: datetime | None

    @property
    def never_active(self) -> bool:
        """Whether it was revoked before its time came."""
        return self.revoked_at is not None and self.revoked_at <= self.active_from


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """A key's state at a moment, and when it stops verifying, so far as that is known."""

    record: KeyRecord
    state: State
    retire_at: datetime | None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs or still verifies. Its repr shows neither half."""

    kid: str
    purpose: Purpose
    algorithm: Algorithm
    private: PrivateKey = field(repr=False)
    public: PublicKey = field(repr=False)
    created_at: datetime
    active_from: datetime
    retire_at: datetime | None
    state: State


def judge(records: tuple[KeyRecord, ...], now: datetime) -> tuple[KeyStatus, ...]:
    """The states of one purpose's keys at `now`, in the order in which they take over.

    A pure function of the stored records and the time, so that all processes agree: the newest
    `active_from` that has come is active (of equals the higher generation), and each key's successor
    decides how long it still verifies.
    """
    ordered = sorted(records, key=lambda record: (record.active_from, record.generation))
    line = [record for record in ordered if not record.never_active]
    successors = dict(zip((record.generation for record in line), line[1:], strict=False))
    newest = max((n for n, record in enumerate(line) if record.active_from <= now), default=-1)
    active = line[newest].generation if newest >= 0 else None
    return tuple(_status(record, successors.get(record.generation), active, now) for record in ordered)


def _status(record: KeyRecord, successor: KeyRecord | None, active: int | None, now: datetime) -> KeyStatus:
    retire_at = successor.active_from + successor.verify_for if successor else None
    if record.revoked_at is not None:
        retire_at = min(record.revoked_at, retire_at or record.revoked_at)
    if retire_at is not None and retire_at <= now:
        return KeyStatus(record, State.GONE, retire_at)
    if record.generation == active:
        return KeyStatus(record, State.ACTIVE, retire_at)
    return KeyStatus(record, State.ANNOUNCED if record.active_from > now else State.RETIRED, retire_at)
