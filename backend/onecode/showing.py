"""Showing a code for a client that can't sign: the service signs the proof, in the same format.

A server-held credential is for one showing: it serves until a desk has accepted it, or for five minutes. So
two desks never see the same handle, and a code that refreshes every 15 seconds costs two finds.
"""

import hashlib
import hmac
from datetime import timedelta
from typing import Final

from backend.core.clock import Clock, epoch
from backend.identity.viewer import ResidentViewer
from backend.onecode.challenges import parse_challenge
from backend.onecode.issuing import Issuing
from backend.onecode.models import Held, IssuedCredential, Reach, ShownCode
from backend.onecode.repository import CredentialRepository
from backend.onecode.scan_repository import ScanRepository
from backend.onecode.wire import qr
from backend.onecode.wire.code import build_code
from backend.onecode.wire.proof import STEP_SECONDS, WINDOW_STEPS, sign_proof, step_at, step_start

SHOWING: Final = timedelta(minutes=5)
_NONCE_BYTES: Final = 12


class Showing:
    """The current code of a session."""

    def __init__(
        self,
        issuing: Issuing,
        credentials: CredentialRepository,
        scans: ScanRepository,
        clock: Clock,
        nonce_secret: bytes,
    ) -> None:
        self._issuing = issuing
        self._credentials = credentials
        self._scans = scans
        self._clock = clock
        self._nonce_secret = nonce_secret

    def current(
        self, viewer: ResidentViewer, domain: str | None = None, challenge: str | None = None
    ) -> ShownCode:
        """The code of this 15-second step: asked again within the step, it is the same one.

        `domain` as in `Reach.of`; `challenge` is a desk's, 12 bytes in hex, and is signed in place of the
        nonce. Refuses: CODE_DOMAIN_NOT_ALLOWED, BAD_INPUT, and as `Issuing.issue_held`.
        """
        reach, asked = Reach.of(domain), None if challenge is None else parse_challenge(challenge)
        credential = self._credential(viewer, reach)
        now = self._clock.now()
        step = step_at(now)
        nonce = asked or self._nonce(credential.handle, step)
        key = self._issuing.proof_key(credential.handle)
        proof = sign_proof(credential.signed, step, nonce, key, deterministic=True)
        return ShownCode(
            text=build_code(credential.signed, proof),
            domains=reach.domains.names,
            level=Held.SERVER.level,
            expires_at=min(step_start(step + WINDOW_STEPS + 1), credential.expires_at),
            refresh_seconds=(step + 1) * STEP_SECONDS - epoch(now),
            server_time=now,
        )

    def _credential(self, viewer: ResidentViewer, reach: Reach) -> IssuedCredential:
        now = self._clock.now()
        latest = self._credentials.latest_shown(viewer.session, reach.domains, now - SHOWING, now)
        if latest is None or self._scans.was_accepted(latest.handle):
            return self._issuing.issue_held(viewer, reach)
        return latest

    def _nonce(self, handle: bytes, step: int) -> bytes:
        message = handle + step.to_bytes(4, "big")
        return hmac.digest(self._nonce_secret, message, hashlib.sha256)[:_NONCE_BYTES]


def draw_svg(text: str) -> str:
    """The code as an SVG image (QR Code, level M), which scales to any size."""
    return qr.svg(text)


def draw_png(text: str, scale: int = 8) -> bytes:
    """The code as a PNG image (QR Code, level M), `scale` pixels a module."""
    return qr.png(text, scale=scale)
