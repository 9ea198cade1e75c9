"""Taking a resident's ways in away, all of them in one transaction."""

from collections.abc import Callable
from datetime import datetime

from backend.core.mongo.client import Session
from backend.identity.devices.repository import DeviceRepository
from backend.identity.repository import ResidentRepository
from backend.identity.revocation import Revocations
from backend.identity.sessions.models import EndReason
from backend.identity.sessions.repository import SessionRepository

OnSuspend = Callable[[str, datetime, Session], None]
"""Called with resident, time and transaction when all that stands for the resident must stop counting."""


class Closing:
    """Ends sessions, refresh families and, through hooks of other parts, codes."""

    def __init__(
        self,
        residents: ResidentRepository,
        sessions: SessionRepository,
        devices: DeviceRepository,
        revocations: Revocations,
        on_suspend: tuple[OnSuspend, ...],
    ) -> None:
        self._residents = residents
        self._sessions = sessions
        self._devices = devices
        self._revocations = revocations
        self._on_suspend = on_suspend

    def close(self, resident: str, at: datetime, session: Session) -> None:
        """Ends what a suspended resident has open; devices and WeChat links wait for the restoration.

        Sessions are revoked by name too: a token from a machine whose clock is ahead seems issued later.
        """
        ended = self._sessions.end_all(resident, EndReason.SUSPENDED, at, session)
        self._revocations.revoke_sessions(ended, session)
        self._revocations.revoke_subject(resident, session)
        self._call_hooks(resident, at, session)

    def reclaim(self, resident: str, at: datetime, session: Session) -> None:
        """Ends what anybody has opened in the resident's name, devices and WeChat links included.

        Sessions are revoked one by one, so that the one opened next in the same second counts.
        """
        ended = self._sessions.end_all(resident, EndReason.IDENTITY_RECLAIMED, at, session)
        self._revocations.revoke_sessions(ended, session)
        self._devices.revoke_all(resident, at, session)
        self._residents.unlink_wechat(resident, session)
        self._call_hooks(resident, at, session)

    def _call_hooks(self, resident: str, at: datetime, session: Session) -> None:
        for hook in self._on_suspend:
            hook(resident, at, session)
