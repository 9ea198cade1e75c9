"""Holding an identity or a session open for as long as a transaction of another part takes."""

from collections.abc import Callable

from backend.core.errors import Refusal
from backend.core.mongo.client import Db, Session
from backend.identity.devices.repository import DeviceRepository
from backend.identity.repository import ResidentRepository
from backend.identity.sessions.repository import SessionRepository
from backend.identity.viewer import ResidentViewer

Hold = Callable[[ResidentViewer, Session], None]
"""Called with who is given something and the transaction of it; raises Refusal when they mustn't have it."""


class Holding:
    """Asserts in the caller's transaction, with a write that conflicts with an ending at the same moment.

    Of the two transactions one commits first. The other runs again and sees it: an ending finds what was
    given and ends it too, and a giving is refused.
    """

    def __init__(self, db: Db) -> None:
        self._residents = ResidentRepository(db)
        self._sessions = SessionRepository(db)
        self._devices = DeviceRepository(db)

    def identity(self, viewer: ResidentViewer, session: Session) -> None:
        """Holds the viewer's identity active; Refusal IDENTITY_SUSPENDED."""
        if not self._residents.hold_active(viewer.resident, session):
            raise Refusal("IDENTITY_SUSPENDED")

    def signed_in(self, viewer: ResidentViewer, session: Session) -> None:
        """Holds identity, session and, where the token names one, device.

        Raises Refusal: IDENTITY_SUSPENDED, SESSION_ENDED, DEVICE_NOT_REGISTERED.
        """
        self.identity(viewer, session)
        if not self._sessions.hold_open(viewer.session, viewer.resident, session):
            raise Refusal("SESSION_ENDED")
        if viewer.device is not None and not self._devices.hold_active(
            viewer.device, viewer.resident, session
        ):
            raise Refusal("DEVICE_NOT_REGISTERED")
