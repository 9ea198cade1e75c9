"""Challenges: random bytes that a desk shows and a phone signs, against codes relayed from elsewhere."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.identity.viewer import StaffViewer
from backend.onecode.policies import DeskScope, find_policy
from backend.onecode.scan_repository import Challenge, ScanRepository

CHALLENGE_BYTES: Final = 12
"""As long as an ordinary nonce, so that the symbol stays within QR version 12."""
LIFETIME: Final = timedelta(seconds=120)
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{16,128}")


@dataclass(frozen=True, slots=True)
class ShownChallenge:
    """What the desk shows: 12 random bytes in hex, good for one scan until `expires_at`."""

    challenge: str
    expires_at: datetime


class Challenges:
    """Makes challenges for desks. The scan that answers one uses it up."""

    def __init__(self, core: Foundation, scans: ScanRepository) -> None:
        self._core = core
        self._scans = scans
        self._secret = core.keyring.secret("onecode-challenges")

    def create(self, viewer: StaffViewer, domain: str, purpose: str, request: str) -> ShownChallenge:
        """A challenge for one scan by this member of staff for this purpose within 120 s: one command.

        The same `request` id gets the same challenge again. Refuses: BAD_INPUT, PURPOSE_UNKNOWN,
        DESK_OUT_OF_SCOPE, RATE_LIMITED, IDEMPOTENCY_KEY_REUSED.
        """
        check_request_id(request)
        find_policy(domain, purpose)
        if not DeskScope(viewer.domains).covers(domain, purpose):
            raise Refusal("DESK_OUT_OF_SCOPE")
        self._core.limits.hit("scan.staff", viewer.staff)
        expires_at = self._core.clock.now() + LIFETIME
        kept = self._scans.keep_challenge(
            Challenge(self._value(viewer.staff, request), viewer.staff, domain, purpose, expires_at)
        )
        if (kept.domain, kept.purpose) != (domain, purpose):
            raise Refusal("IDEMPOTENCY_KEY_REUSED")
        return ShownChallenge(kept.value.hex(), kept.expires_at)

    def _value(self, staff: str, request: str) -> bytes:
        """Nobody can foretell it without the secret, and a retry finds it again."""
        return hmac.digest(self._secret, f"{staff}\0{request}".encode(), hashlib.sha256)[:CHALLENGE_BYTES]


def check_request_id(request: str) -> None:
    """Raises Refusal BAD_INPUT unless it is 16 to 128 characters of `[A-Za-z0-9_-]`."""
    if not _REQUEST_ID.fullmatch(request):
        raise Refusal("BAD_INPUT", field="requestId")


def parse_challenge(text: str) -> bytes:
    """The 12 bytes of a challenge in hex; Refusal BAD_INPUT for anything else."""
    try:
        challenge = bytes.fromhex(text) if len(text) == 2 * CHALLENGE_BYTES else b""
    except ValueError:
        challenge = b""
    if len(challenge) != CHALLENGE_BYTES:
        raise Refusal("BAD_INPUT", field="challenge")
    return challenge
