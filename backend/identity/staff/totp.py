"""Time-based one-time passwords (RFC 6238): 6 digits, 30 s, SHA-1, as authenticator apps know them."""

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import pyotp

from backend.core.clock import epoch
from backend.core.sealing import SystemKey

STEP_SECONDS: Final = 30
_ISSUER: Final = "Tongyu"
_AROUND: Final = (-1, 0, 1)  # RFC 6238 §5.2: at most one step for the time that a code travels.


@dataclass(frozen=True, slots=True)
class TotpEnrolment:
    """What an authenticator app is set up with, and the code that it must show now."""

    uri: str = field(repr=False)
    code: str = field(repr=False)
    seconds_left: int


class TotpSecrets:
    """Makes secrets of 160 bits (RFC 4226 §4 R6), seals them for one member of staff, and checks codes."""

    def __init__(self, key: SystemKey) -> None:
        self._key = key

    def new(self, owner: str) -> bytes:
        """A fresh secret, sealed; it opens for this member of staff only."""
        return self._key.seal(f"{owner}|{pyotp.random_base32()}".encode())

    def matching_step(self, owner: str, sealed: bytes, code: str, now: datetime) -> int | None:
        """The step within ±1 of `now` whose code this is; the caller sees to it that a step counts once."""
        totp = pyotp.TOTP(self._open(owner, sealed))
        given = code.encode()
        steps = [epoch(now) // STEP_SECONDS + offset for offset in _AROUND]
        matched = [step for step in steps if hmac.compare_digest(totp.generate_otp(step).encode(), given)]
        return matched[0] if matched else None

    def enrolment(self, owner: str, username: str, sealed: bytes, now: datetime) -> TotpEnrolment:
        """The otpauth URI for an authenticator app, and the present code to compare with."""
        totp = pyotp.TOTP(self._open(owner, sealed))
        uri = totp.provisioning_uri(name=username, issuer_name=_ISSUER)
        return TotpEnrolment(
            uri, totp.generate_otp(epoch(now) // STEP_SECONDS), STEP_SECONDS - epoch(now) % STEP_SECONDS
        )

    def _open(self, owner: str, sealed: bytes) -> str:
        sealed_for, _, secret = self._key.open(sealed).decode().partition("|")
        if sealed_for != owner:
            raise ValueError("a TOTP secret stands in another account")
        return secret
