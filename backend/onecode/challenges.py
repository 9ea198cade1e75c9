"""Challenges: random bytes that a desk shows and a phone signs, against codes relayed from elsewhere."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.identity.viewer import StaffViewer
from backend.onecode.policies import DeskScope, find_policy
from backend.onecode.scan_repository import Challenge, ScanRepository

CHALLENGE_BYTES: Final = 16
LIFETIME: Final = timedelta(seconds=120)


@dataclass(frozen=True, slots=True)
class ShownChallenge:
    """What the desk shows: 16 random bytes in hex, good for one scan until `expires_at`."""

    challenge: str
    expires_at: datetime


class Challenges:
    """Makes challenges for desks. The scan that answers one uses it up."""

    def __init__(self, core: Foundation, scans: ScanRepository) -> None:
        self._core = core
        self._scans = scans

    def create(self, viewer: StaffViewer, domain: str, purpose: str) -> ShownChallenge:
        """A challenge for one scan by this member of staff for this purpose within 120 s: one insert.

        Refuses: PURPOSE_UNKNOWN, DESK_OUT_OF_SCOPE, RATE_LIMITED.
        """
        find_policy(domain, purpose)
        if not DeskScope(viewer.domains).covers(domain, purpose):
            raise Refusal("DESK_OUT_OF_SCOPE")
        self._core.limits.hit("scan.staff", viewer.staff)
        value, expires_at = secrets.token_bytes(CHALLENGE_BYTES), self._core.clock.now() + LIFETIME
        self._scans.add_challenge(Challenge(value, viewer.staff, domain, purpose, expires_at))
        return ShownChallenge(value.hex(), expires_at)


def parse_challenge(text: str) -> bytes:
    """The 16 bytes of a challenge in hex; Refusal BAD_INPUT for anything else."""
    try:
        challenge = bytes.fromhex(text) if len(text) == 2 * CHALLENGE_BYTES else b""
    except ValueError:
        challenge = b""
    if len(challenge) != CHALLENGE_BYTES:
        raise Refusal("BAD_INPUT", field="challenge")
    return challenge
