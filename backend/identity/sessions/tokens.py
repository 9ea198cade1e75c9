"""Residents' access tokens: which claims they carry, and the viewer that they make."""

from datetime import datetime, timedelta
from typing import Any, Final

from backend.core.access_tokens import AccessTokens, Claims
from backend.identity.models import Assurance
from backend.identity.sessions.models import AccessGrant
from backend.identity.viewer import ResidentViewer

FACE_LASTS: Final = timedelta(minutes=5)


class ResidentTokens:
    """Issues access tokens of the audience `resident`."""

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens

    def grant(
        self, resident: str, session_id: str, device: str | None, assurance: Assurance, auth_time: datetime
    ) -> AccessGrant:
        """An access token of this session; `auth_time` is when `assurance` was proven."""
        extra: dict[str, Any] = {"acr": assurance.name}
        if device is not None:
            extra["device"] = device
        issued = self._tokens.issue("resident", resident, session_id, auth_time=auth_time, extra=extra)
        return AccessGrant(issued.token, issued.expires_at, assurance)


def resident_viewer(claims: Claims, now: datetime) -> ResidentViewer:
    """The viewer that a verified token of the audience `resident` makes at `now`.

    A face check counts for 5 minutes; then only the sign-in does, until the device proves itself again.
    """
    assurance = Assurance[claims.extra["acr"]]
    if assurance is Assurance.L3 and now - claims.auth_time > FACE_LASTS:
        assurance = Assurance.L1
    return ResidentViewer(
        resident=claims.subject,
        session=claims.session,
        device=claims.extra.get("device"),
        assurance=assurance,
        auth_time=claims.auth_time,
    )
