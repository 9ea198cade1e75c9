"""Mobile numbers that change hands: a resident's new number, and numbers that operators give out again."""

from datetime import datetime

from pydantic import TypeAdapter

from backend.core.audit import Actor, Entry
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.mongo.client import Session
from backend.identity.client import Client
from backend.identity.commands import Command, Commands
from backend.identity.login.codes import PhoneCodes
from backend.identity.login.models import CodePurpose, ProvenMobile
from backend.identity.models import Assurance
from backend.identity.repository import ResidentRepository
from backend.identity.residents import COLLECTION, Residents
from backend.identity.viewer import ResidentViewer

_ID = TypeAdapter(str)


class Mobiles:
    """Gives a proven number to one resident, and takes it from whoever held it before."""

    def __init__(
        self, core: Foundation, residents: Residents, repository: ResidentRepository, codes: PhoneCodes
    ) -> None:
        self._core = core
        self._residents = residents
        self._repository = repository
        self._codes = codes
        self._commands = Commands(core.idempotency)

    def change(self, viewer: ResidentViewer, challenge: str, code: str, client: Client, key: str) -> str:
        """Makes the number that answered the code the viewer's; returns the resident's id.

        Needs L2, or a stolen phone session could move the account to another phone. Raises Refusal:
        STEP_UP_REQUIRED, PHONE_CODE_WRONG, IDENTITY_SUSPENDED, RATE_LIMITED.
        """
        viewer.require(Assurance.L2)
        command = Command(viewer.resident, key, "identity.mobile.change", {"challenge": challenge})
        answered = self._commands.answered(command, _ID)
        if answered is not None:
            return answered
        proven = self._codes.check(challenge, code, CodePurpose.CHANGE_MOBILE, client)
        return self._commands.once(command, _ID, lambda session: self._change(viewer, proven, session))

    def give(self, resident: str, mobile: str, at: datetime, session: Session) -> None:
        """Makes a proven number the resident's alone; IDENTITY_SUSPENDED unless they are active."""
        mobile_index = self._residents.mobile_index(mobile)
        self.release(mobile_index, resident, session)
        sealed = self._residents.seal(resident, COLLECTION, "mobile", mobile, session)
        if self._repository.set_mobile(resident, sealed, mobile_index, at, session) is None:
            raise Refusal("IDENTITY_SUSPENDED")

    def release(self, mobile_index: bytes, but: str | None, session: Session) -> None:
        """Takes a number from whoever holds it, except `but`; their sessions stay, as those are their own."""
        former = self._repository.release_mobile(mobile_index, but, session)
        if former is not None:
            entry = Entry("identity.mobile.released", Actor("system", "identity"), subject=former)
            self._core.audit.append(entry, session)

    def _change(self, viewer: ResidentViewer, proven: ProvenMobile, session: Session) -> str:
        self._codes.consume(proven, session)
        self.give(viewer.resident, proven.mobile, self._core.clock.now(), session)
        entry = Entry("identity.mobile.changed", Actor("resident", viewer.resident), subject=viewer.resident)
        self._core.audit.append(entry, session)
        return viewer.resident
