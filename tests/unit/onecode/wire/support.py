"""A small issuing side and a verifier for the tests of the code's format."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from backend.onecode.wire.code import build_code
from backend.onecode.wire.credential import Claims, device_cose_key, sign_credential
from backend.onecode.wire.domains import ALL_DOMAINS, Domain
from backend.onecode.wire.keys import SigningKey
from backend.onecode.wire.proof import sign_proof, step_at
from backend.onecode.wire.status import StatusList, load_status_list, sign_status_list, status_bits
from backend.onecode.wire.trust import TrustedKey, TrustList, load_trust_list, sign_trust_list
from backend.onecode.wire.verifier import OfflineVerifier
from tests.fakes import StandingClock

NOW = datetime(2026, 11, 1, 2, 0, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ISSUER = "cs.tongyu"
STATUS_URI = "https://status.example/cs/{list}"


@dataclass
class Office:
    """An issuer with one key, one root and one status list, at a standing moment."""

    issuer: SigningKey = field(default_factory=SigningKey.generate)
    root: SigningKey = field(default_factory=SigningKey.generate)
    device: SigningKey = field(default_factory=SigningKey.generate)
    clock: StandingClock = field(default_factory=lambda: StandingClock(NOW))

    def trusted(self, domains: Domain = ALL_DOMAINS) -> TrustedKey:
        return TrustedKey(self.issuer.verify_key(), ISSUER, domains, NOW - DAY, NOW + 30 * DAY, STATUS_URI)

    def trust_token(
        self, sequence: int = 5, issued_at: datetime = NOW - HOUR, roots: tuple[SigningKey, ...] = ()
    ) -> str:
        keys = tuple(root.verify_key() for root in (roots or (self.root,)))
        body = TrustList(sequence, issued_at, issued_at, issued_at + 30 * DAY, (self.trusted(),), keys)
        return sign_trust_list(body, self.root)

    def trust_list(self) -> TrustList:
        return load_trust_list(self.trust_token(), [self.root.verify_key()], now=self.clock.now())

    def status_token(self, revoked: Iterable[int] = (), number: int = 7, size: int = 1000) -> bytes:
        uri = STATUS_URI.replace("{list}", str(number))
        bits = status_bits(size, revoked)
        return sign_status_list(bits, uri, self.issuer, issued_at=NOW - HOUR, lifetime=DAY, ttl=HOUR / 4)

    def status_list(self, revoked: Iterable[int] = (), number: int = 7) -> StatusList:
        token = self.status_token(revoked, number)
        return load_status_list(token, self.trust_list(), now=self.clock.now())

    def claims(self, **changes: object) -> Claims:
        key = device_cose_key(self.device.verify_key().public)
        claims = Claims(ISSUER, secrets.token_bytes(16), NOW - HOUR, NOW + 3 * HOUR, key, ALL_DOMAINS, 7, 42)
        return claims._replace(**changes)

    def credential(self, **changes: object) -> bytes:
        return sign_credential(self.claims(**changes), self.issuer)

    def code(self, nonce: bytes = b"nonce-01", **changes: object) -> str:
        credential = self.credential(**changes)
        return build_code(credential, sign_proof(credential, step_at(NOW), nonce, self.device))

    def verifier(self, revoked: Iterable[int] = (), *, require_status: bool = True) -> OfflineVerifier:
        return OfflineVerifier(
            self.trust_list(), [self.status_list(revoked)], clock=self.clock, require_status=require_status
        )
