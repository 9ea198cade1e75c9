"""Verification of a code without any network: `docs/one-code.md` §8, step by step."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from backend.core.clock import Clock
from backend.onecode.wire.algorithms import named, unsupported
from backend.onecode.wire.code import CodeParts, parse_code
from backend.onecode.wire.credential import (
    Claims,
    Credential,
    parse_credential,
    verify_device,
    verify_profile,
)
from backend.onecode.wire.domains import Domain, max_lifetime
from backend.onecode.wire.errors import CodeRejected, TrustRejected, malformed
from backend.onecode.wire.proof import WINDOW_STEPS, parse_proof, proof_message, step_at, step_start
from backend.onecode.wire.status import StatusList
from backend.onecode.wire.trust import CLOCK_SKEW, TrustedKey, TrustList

Status = Literal["valid", "unknown"]
_NOT_CONSULTED: Final[tuple[Status, datetime | None]] = ("unknown", None)


@dataclass(frozen=True, slots=True)
class VerifiedCode:
    """A code that was accepted.

    `code_digest` is the key to refuse a replay by, until `replay_until`;
    `status_as_of` is when the status list was issued, None when none was consulted.
    """

    claims: Claims
    kid: bytes
    step: int
    nonce: bytes
    binary: bytes
    status: Status = "unknown"
    status_as_of: datetime | None = None

    @property
    def code_digest(self) -> bytes:
        """SHA-256 of the code's binary form."""
        return hashlib.sha256(self.binary).digest()

    @property
    def issuer(self) -> str:
        """Who issued the credential."""
        return self.claims.issuer

    @property
    def handle(self) -> bytes:
        """The credential's 16-byte random handle (`cti`)."""
        return self.claims.handle

    @property
    def issued_at(self) -> datetime:
        """When the credential was issued (`iat`)."""
        return self.claims.issued_at

    @property
    def expires_at(self) -> datetime:
        """When the credential expires (`exp`)."""
        return self.claims.expires_at

    @property
    def domains(self) -> Domain:
        """The domains that the credential may be shown in."""
        return self.claims.domains

    @property
    def status_list(self) -> int:
        """The number of the credential's status list."""
        return self.claims.status_list

    @property
    def status_index(self) -> int:
        """The credential's index in its status list."""
        return self.claims.status_index

    @property
    def replay_until(self) -> datetime:
        """When the proof's window has closed, so that the digest need not be remembered any longer."""
        return step_start(self.step + WINDOW_STEPS + 1)


class OfflineVerifier:
    """Judges codes by a trust list, status lists and a clock, all given.

    With `require_status` (the default) a credential whose status list is missing or has expired is refused;
    without, it is accepted with the status `unknown`, and the caller says so to the desk.
    """

    def __init__(
        self,
        trust_list: TrustList,
        status_lists: Iterable[StatusList] = (),
        *,
        clock: Clock,
        require_status: bool = True,
    ) -> None:
        self._trust_list = trust_list
        self._status_lists = {each.uri: each for each in status_lists}
        self._clock = clock
        self._require_status = require_status

    def verify(self, text: str, *, domain: Domain, challenge: bytes | None = None) -> VerifiedCode:
        """The code's content when every step holds, else CodeRejected by the first that fails."""
        return self._verified(text, domain, challenge, look_up=True)

    def verify_signatures(self, text: str, *, domain: Domain, challenge: bytes | None = None) -> VerifiedCode:
        """The same without the last step, the status list: for a service that knows the status itself."""
        return self._verified(text, domain, challenge, look_up=False)

    def _verified(self, text: str, domain: Domain, challenge: bytes | None, *, look_up: bool) -> VerifiedCode:
        now = self._clock.now()
        self._trust_list.require_usable(now)
        parts = parse_code(text)
        credential = parse_credential(parts.credential)
        claims = credential.claims
        step, nonce = parse_proof(parts.proof)
        trusted = self._issuer(credential)
        if not verify_profile(trusted.key, credential.signature, credential.signed):
            raise CodeRejected("CODE_SIGNATURE_INVALID")
        _check_times(claims, trusted, now)
        _check_domain(claims, trusted, domain)
        _check_proof(parts, claims)
        _check_window(step, now)
        if challenge is not None and nonce != challenge:
            raise CodeRejected("CODE_CHALLENGE_MISMATCH")
        status, as_of = self._status(claims, trusted, now) if look_up else _NOT_CONSULTED
        return VerifiedCode(claims, trusted.key.kid, step, nonce, parts.binary, status, as_of)

    def _issuer(self, credential: Credential) -> TrustedKey:
        trusted = self._trust_list.by_header.get(credential.protected)
        if trusted is None:
            raise self._unknown(credential.protected)
        if trusted.issuer != credential.claims.issuer:
            raise CodeRejected("CODE_ISSUER_UNKNOWN", detail="the key is another issuer's")
        return trusted

    def _unknown(self, protected: bytes) -> CodeRejected:
        pinned = self._trust_list.by_kid(protected[5:])
        if pinned is None:
            return CodeRejected("CODE_ISSUER_UNKNOWN")
        asked = named(-1 - (protected[2] - 0x20))
        return unsupported(f"{asked.name} with a key for {pinned.key.algorithm.name}")

    def _status(self, claims: Claims, trusted: TrustedKey, now: datetime) -> tuple[Status, datetime | None]:
        status_list = self._status_lists.get(trusted.status_uri_of(claims.status_list))
        if status_list is None or status_list.issuer != trusted.issuer:
            return self._unknown_status("STATUS_LIST_MISSING", None)
        if status_list.is_stale(now):
            return self._unknown_status("STATUS_LIST_STALE", status_list.issued_at)
        if status_list.is_revoked(claims.status_index):
            raise CodeRejected("CODE_REVOKED")
        return "valid", status_list.issued_at

    def _unknown_status(self, reason: str, as_of: datetime | None) -> tuple[Status, datetime | None]:
        if self._require_status:
            raise TrustRejected(reason)
        return "unknown", as_of


def _check_times(claims: Claims, trusted: TrustedKey, now: datetime) -> None:
    if claims.expires_at <= claims.issued_at:
        raise malformed("claims: exp isn't after iat")
    if claims.expires_at - claims.issued_at > max_lifetime(claims.domains):
        raise CodeRejected("CODE_LIFETIME_TOO_LONG")
    if not trusted.not_before <= claims.issued_at <= trusted.retire_at:
        raise CodeRejected("CODE_KEY_RETIRED")
    if claims.issued_at > now + CLOCK_SKEW:
        raise CodeRejected("CODE_NOT_YET_VALID")
    if now >= claims.expires_at:
        raise CodeRejected("CODE_EXPIRED")


def _check_domain(claims: Claims, trusted: TrustedKey, domain: Domain) -> None:
    asked = int(domain)
    if not asked or int(claims.domains) & int(trusted.domains) & asked != asked:
        raise CodeRejected("CODE_DOMAIN_NOT_ALLOWED")


def _check_proof(parts: CodeParts, claims: Claims) -> None:
    message = proof_message(parts.credential, parts.proof)
    if not verify_device(claims.device_key, parts.signature, message):
        raise CodeRejected("CODE_PROOF_INVALID")


def _check_window(step: int, now: datetime) -> None:
    steps_off = step - step_at(now)
    if steps_off < -WINDOW_STEPS:
        raise CodeRejected("CODE_PROOF_EXPIRED")
    if steps_off > WINDOW_STEPS:
        raise CodeRejected("CODE_PROOF_FROM_FUTURE")
