"""Ending a session: its refresh family, its access tokens and, through hooks, what other parts gave it."""

from collections.abc import Callable, Sequence
from datetime import datetime

from backend.core.mongo.client import Session
from backend.identity.revocation import Revocations
from backend.identity.sessions.models import EndReason
from backend.identity.sessions.repository import SessionRepository

OnSessionEnded = Callable[[str, datetime, Session], None]
"""Called with session, time and transaction when what was given to a session must stop counting."""


class SessionEnding:
    """Ends a session and all that hangs on it, in the caller's transaction."""

    def __init__(
        self,
        sessions: SessionRepository,
        revocations: Revocations,
        on_ended: tuple[OnSessionEnded, ...],
    ) -> None:
        self._sessions = sessions
        self._revocations = revocations
        self._on_ended = on_ended

    def end(self, session_id: str, resident: str, reason: EndReason, at: datetime, session: Session) -> bool:
        """Ends the resident's session; False, with nothing done, when they have no such open one."""
        if not self._sessions.end(session_id, resident, reason, at, session):
            return False
        self._take([session_id], at, session)
        return True

    def end_device(self, device: str, resident: str, at: datetime, session: Session) -> None:
        """Ends the resident's sessions that are bound to a device."""
        reason = EndReason.DEVICE_REVOKED
        self._take(self._sessions.end_all(resident, reason, at, session, device=device), at, session)

    def _take(self, ended: Sequence[str], at: datetime, session: Session) -> None:
        self._revocations.revoke_sessions(ended, session)
        for one in ended:
            for hook in self._on_ended:
                hook(one, at, session)
