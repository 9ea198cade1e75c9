"""The issuer's keys as the one code needs them: to sign, to verify online, and to be published."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from backend.core.clock import Clock, epoch, from_epoch
from backend.core.keyring import Keyring, Purpose, State
from backend.core.keyring import SigningKey as KeyringKey
from backend.onecode.models import ISSUER
from backend.onecode.wire.domains import ALL_DOMAINS, Domain
from backend.onecode.wire.keys import SigningKey, VerifyKey, from_jwk
from backend.onecode.wire.trust import MAX_AGE, TrustedKey, TrustList
from backend.onecode.wire.verifier import OfflineVerifier

CODE_STATUS_PATH: Final = "/.well-known/one-code/status/{list}"
CARD_STATUS_PATH: Final = "/.well-known/one-code/card-status/{list}"
NO_END: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""When a key without a successor stops issuing."""

_HANDOVER: Final = timedelta(minutes=1)  # Processes learn within 5 s that another key signs from now on.
_REBUILD: Final = timedelta(hours=1)
_KeySince = tuple[VerifyKey, datetime]


@dataclass(frozen=True, slots=True)
class _Current:
    """What was built from one state of the keys."""

    keys: tuple[tuple[str, datetime], ...]
    built_at: datetime
    verifier: OfflineVerifier


class IssuerKeys:
    """Signing keys, and a verifier that believes in this issuer alone. Safe between threads.

    Parsed keys and the verifier are kept while the keyring's published keys stay what they are.
    """

    def __init__(self, keyring: Keyring, clock: Clock, public_url: str) -> None:
        self._keyring = keyring
        self._clock = clock
        self._code_status = public_url.rstrip("/") + CODE_STATUS_PATH
        self._card_status = public_url.rstrip("/") + CARD_STATUS_PATH
        self._parsed: dict[str, SigningKey] = {}
        self._current: _Current | None = None
        self._lock = threading.Lock()

    def signer(self, purpose: Purpose) -> tuple[SigningKey, datetime]:
        """The key that signs now, and since when (a whole second)."""
        key = self._keyring.active(purpose)
        return self._parse(key), whole_second(key.active_from)

    def verifier(self) -> OfflineVerifier:
        """Judges codes by this issuer's keys as they are now."""
        published = self._keyring.published(Purpose.CODE)
        keys = tuple((key.kid, key.active_from) for key in published)
        now = self._clock.now()
        current = self._current
        if current is None or current.keys != keys or not timedelta(0) <= now - current.built_at < _REBUILD:
            pairs = [(self._parse(key).verify_key(), key.active_from) for key in published]
            trust_list = _list(0, now, _trusted(pairs, ALL_DOMAINS, self._code_status), ())
            current = self._current = _Current(keys, now, OfflineVerifier(trust_list, clock=self._clock))
        return current.verifier

    def published_list(self, sequence: int, now: datetime) -> TrustList:
        """The list to publish, of the keys as MongoDB has them now and not as this process remembers.

        A key of cards has no domain, so that it can't sign a code.
        """
        codes, cards = (self._stored(purpose) for purpose in (Purpose.CODE, Purpose.CARD))
        trusted = (
            *_trusted(codes, ALL_DOMAINS, self._code_status),
            *_trusted(cards, Domain(0), self._card_status),
        )
        return _list(sequence, now, trusted, tuple(key for key, _ in self._stored(Purpose.CODE_ROOT)))

    def card_key(self, kid: bytes | None) -> VerifyKey | None:
        """The published key of cards with this identifier."""
        return next((key for key in self.verify_keys(Purpose.CARD) if key.kid == kid), None)

    def verify_keys(self, purpose: Purpose) -> tuple[VerifyKey, ...]:
        """The public halves of a purpose's published keys."""
        return tuple(self._parse(key).verify_key() for key in self._keyring.published(purpose))

    def code_status_uri(self, number: int) -> str:
        """The address of a status list of codes."""
        return self._code_status.replace("{list}", str(number))

    def card_status_uri(self, number: int) -> str:
        """The address of a status list of cards."""
        return self._card_status.replace("{list}", str(number))

    def _stored(self, purpose: Purpose) -> list[_KeySince]:
        return [
            (from_jwk(status.record.public), status.record.active_from)
            for status in self._keyring.statuses(purpose)
            if status.state is not State.GONE
        ]

    def _parse(self, key: KeyringKey) -> SigningKey:
        with self._lock:
            if key.kid not in self._parsed:
                self._parsed[key.kid] = SigningKey.of(key.private)
            return self._parsed[key.kid]


def _trusted(keys: Sequence[_KeySince], domains: Domain, status_uri: str) -> tuple[TrustedKey, ...]:
    """The keys in the order in which they take over, each issuing until a minute after the next begins."""
    ends = [whole_second(active_from) + _HANDOVER for _, active_from in keys[1:]] + [NO_END]
    return tuple(
        TrustedKey(key, ISSUER, domains, whole_second(active_from), end, status_uri)
        for (key, active_from), end in zip(keys, ends, strict=False)
    )


def _list(
    sequence: int, now: datetime, trusted: tuple[TrustedKey, ...], roots: tuple[VerifyKey, ...]
) -> TrustList:
    issued_at = whole_second(now)
    return TrustList(sequence, issued_at, issued_at, issued_at + MAX_AGE, trusted, roots)


def whole_second(moment: datetime) -> datetime:
    """The last whole second up to `moment`."""
    return from_epoch(epoch(moment))
