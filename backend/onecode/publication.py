"""The public files of the one code: root keys, trust list and status lists, as bytes to be served."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson

from backend.core.clock import Clock, epoch
from backend.core.keyring import Purpose
from backend.onecode.indices import LIST_SIZE
from backend.onecode.repository import TrustSequences
from backend.onecode.trust import IssuerKeys, whole_second
from backend.onecode.wire.keys import to_jwk
from backend.onecode.wire.status import TYPE as STATUS_TYPE
from backend.onecode.wire.status import sign_status_list, status_bits
from backend.onecode.wire.trust import TYPE as TRUST_TYPE
from backend.onecode.wire.trust import TrustList, sign_trust_list

STATUS_TTL: Final = timedelta(minutes=5)
"""After this an online verifier fetches a status list again: a revocation is known offline no later."""

STATUS_LIFETIME: Final = timedelta(hours=24)
"""After this a status list says nothing any more, and a verifier without a network fails closed."""

TRUST_TTL: Final = timedelta(minutes=1)
_CACHED_LISTS: Final = 64


@dataclass(frozen=True, slots=True)
class PublicFile:
    """A file to serve: its bytes, media type, entity tag (RFC 9110 §8.8.3), and when it is due again."""

    body: bytes
    content_type: str
    etag: str
    fresh_until: datetime

    @classmethod
    def of(cls, body: bytes, content_type: str, fresh_until: datetime) -> "PublicFile":
        """The file, with a tag of its content."""
        return cls(body, content_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"', fresh_until)

    def max_age(self, now: datetime) -> int:
        """Whole seconds that a cache may keep it, as Cache-Control has it (RFC 9111 §5.2.2.1)."""
        return max(0, epoch(self.fresh_until) - epoch(now))


@dataclass(frozen=True, slots=True)
class StatusFamily:
    """Status lists of one kind of credential.

    `revoked` gives the revoked entries of a list at a moment, `reserved` how many indices were handed out.
    """

    purpose: Purpose
    uri: Callable[[int], str]
    revoked: Callable[[int, datetime], list[int]]
    reserved: Callable[[], int]


class TrustPublication:
    """The trust list, numbered anew whenever the keys in it change. One thread at a time builds it."""

    def __init__(self, keys: IssuerKeys, sequences: TrustSequences, clock: Clock) -> None:
        self._keys = keys
        self._sequences = sequences
        self._clock = clock
        self._lock = threading.Lock()
        self._current: PublicFile | None = None

    def trust_list(self) -> PublicFile:
        """The signed trust list, at most a minute old, so that announced and retired keys show at once."""
        with self._lock:
            now = self._clock.now()
            if self._current is None or not _fresh(self._current, now, TRUST_TTL):
                self._current = self._build(now)
            return self._current

    def roots(self) -> PublicFile:
        """The JWK set (RFC 7517 §5) of the root keys, for a verifier to pin over a channel that it trusts."""
        keys = [to_jwk(key) for key in self._keys.verify_keys(Purpose.CODE_ROOT)]
        body = orjson.dumps({"keys": keys})
        return PublicFile.of(body, "application/jwk-set+json", self._clock.now() + TRUST_TTL)

    def _build(self, now: datetime) -> PublicFile:
        unnumbered = self._keys.published_list(0, now)
        sequence = self._sequences.number("trust-list", _content(unnumbered))
        root, _since = self._keys.signer(Purpose.CODE_ROOT)
        body = sign_trust_list(self._keys.published_list(sequence, now), root).encode("ascii")
        return PublicFile.of(body, f"application/{TRUST_TYPE}", now + TRUST_TTL)


class StatusPublication:
    """Status lists of one family, each built at most once in its ttl, whoever asks."""

    def __init__(self, family: StatusFamily, keys: IssuerKeys, clock: Clock) -> None:
        self._family = family
        self._keys = keys
        self._clock = clock
        self._lock = threading.Lock()
        self._building: dict[int, threading.Lock] = {}
        self._lists: OrderedDict[int, PublicFile] = OrderedDict()

    def status_list(self, number: int) -> PublicFile | None:
        """The signed list with this number; None when no credential was given an entry in it yet.

        List 0 is always there, if empty: a desk can be set up before the first credential is issued.
        """
        with self._lock:
            building = self._building.setdefault(number % _CACHED_LISTS, threading.Lock())
        with building:
            now = self._clock.now()
            kept = self._lists.get(number)
            if kept is not None and _fresh(kept, now, STATUS_TTL):
                return kept
            if number and number * LIST_SIZE >= self._family.reserved():
                return None
            built = self._build(number, now)
            self._keep(number, built)
            return built

    def _build(self, number: int, now: datetime) -> PublicFile:
        issued_at = whole_second(now)
        signer, _since = self._keys.signer(self._family.purpose)
        body = sign_status_list(
            status_bits(LIST_SIZE, self._family.revoked(number, now)),
            self._family.uri(number),
            signer,
            issued_at=issued_at,
            lifetime=STATUS_LIFETIME,
            ttl=STATUS_TTL,
        )
        return PublicFile.of(body, STATUS_TYPE, issued_at + STATUS_TTL)

    def _keep(self, number: int, built: PublicFile) -> None:
        with self._lock:
            self._lists[number] = built
            self._lists.move_to_end(number)
            while len(self._lists) > _CACHED_LISTS:
                self._lists.popitem(last=False)


def _fresh(kept: PublicFile, now: datetime, ttl: timedelta) -> bool:
    """Whether it isn't due; one from the future was built before the clock was put back."""
    return now < kept.fresh_until <= now + ttl


def _content(trust_list: TrustList) -> bytes:
    """A digest of the list's keys and roots, without the times of the list itself."""
    keys = [
        f"{each.key.kid.hex()} {each.issuer} {int(each.domains)} {each.status_uri} "
        f"{epoch(each.not_before)} {epoch(each.retire_at)}"
        for each in trust_list.keys
    ]
    roots = [root.kid.hex() for root in trust_list.roots]
    return hashlib.sha256("\n".join((*keys, *roots)).encode()).digest()
