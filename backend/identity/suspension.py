"""Suspending an identity, for a lost phone or by the authority, and restoring it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import TypeAdapter

from backend.core.audit import Actor, Entry
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.mongo.client import Session
from backend.identity.client import Client
from backend.identity.closing import Closing
from backend.identity.commands import Command, Commands
from backend.identity.face.service import FaceChecks
from backend.identity.login.codes import PhoneCodes
from backend.identity.login.models import CodePurpose
from backend.identity.models import IdentityStatus
from backend.identity.proofing import Proofing
from backend.identity.repository import ResidentRepository
from backend.identity.staff.models import StaffRole
from backend.identity.viewer import ResidentViewer, StaffViewer

_LONGEST_NOTE: Final = 200


class SuspensionReason(StrEnum):
    """Why an identity was suspended or restored."""

    LOST_PHONE = "LOST_PHONE"
    SUSPECTED_MISUSE = "SUSPECTED_MISUSE"
    IDENTITY_DISPUTED = "IDENTITY_DISPUTED"
    BY_REQUEST = "BY_REQUEST"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """An identity's new status, and since when."""

    resident: str
    status: IdentityStatus
    at: datetime


_CHANGED = TypeAdapter(StatusChanged)


class SuspensionService:
    """Changes the status of an identity; a suspension ends sessions, refreshes and codes with it."""

    def __init__(
        self,
        core: Foundation,
        repository: ResidentRepository,
        closing: Closing,
        proofing: Proofing,
        codes: PhoneCodes,
        faces: FaceChecks,
    ) -> None:
        self._core = core
        self._repository = repository
        self._closing = closing
        self._proofing = proofing
        self._codes = codes
        self._faces = faces
        self._commands = Commands(core.idempotency)

    def suspend_own(self, viewer: ResidentViewer, reason: SuspensionReason, key: str) -> StatusChanged:
        """Suspends the viewer, from any of their sessions, which all end. IDENTITY_SUSPENDED if it was."""
        actor = Actor("resident", viewer.resident)
        command = Command(viewer.resident, key, "identity.suspend", {"reason": reason})
        return self._once(command, lambda session: self._suspend(viewer.resident, actor, reason, session))

    def suspend_by_proof(
        self, name: str, id_number: str, challenge: str, code: str, client: Client, key: str
    ) -> StatusChanged:
        """Suspends the person whose name, identity number and mobile number are proven, without a session.

        Raises Refusal: PHONE_CODE_WRONG, REAL_NAME_*, NOT_FOUND (the number isn't this person's),
        IDENTITY_SUSPENDED, RATE_LIMITED, UPSTREAM_*.
        """
        person = self._proofing.claimed(name, id_number)
        request = {"name": name, "person": person.id_index.hex(), "code": code}
        command = Command(f"challenge:{challenge}", key, "identity.suspend", request)
        answered = self._commands.answered(command, _CHANGED)
        if answered is not None:
            return answered
        proven = self._codes.check(challenge, code, CodePurpose.SUSPEND, client)
        self._proofing.check(person, client)

        def work(session: Session) -> StatusChanged:
            self._codes.consume(proven, session)
            holder = self._repository.find_by_mobile(proven.mobile_index, session)
            owner = self._repository.find_by_id_number(person.id_index, session)
            if owner is None or holder is None or owner.id != holder.id:
                raise Refusal("NOT_FOUND")
            actor = Actor("resident", owner.id)
            return self._suspend(owner.id, actor, SuspensionReason.LOST_PHONE, session)

        return self._once(command, work)

    def suspend_by_staff(
        self, staff: StaffViewer, resident: str, reason: SuspensionReason, note: str, key: str
    ) -> StatusChanged:
        """Suspends a resident for the authority; the note says why and must hold no personal data.

        Raises Refusal: FORBIDDEN without the role or outside the staff's city, NOT_FOUND,
        IDENTITY_SUSPENDED, BAD_INPUT.
        """
        work = self._staff_work(staff, resident, reason, note, self._suspend)
        request = {"resident": resident, "reason": reason, "note": note}
        return self._once(Command(staff.staff, key, "identity.suspend", request), work)

    def restore_own(self, name: str, id_number: str, face_check: str, key: str) -> StatusChanged:
        """Restores the person who passed a face check within 5 minutes; there is no session to do it from.

        Raises Refusal: FACE_*, NOT_FOUND, IDENTITY_NOT_SUSPENDED, UPSTREAM_*.
        """
        person = self._proofing.claimed(name, id_number)
        request = {"name": name, "face": face_check}
        command = Command(f"person:{person.id_index.hex()}", key, "identity.restore", request)
        answered = self._commands.answered(command, _CHANGED)
        if answered is not None:
            return answered
        proven = self._faces.prove(face_check, person.number)

        def work(session: Session) -> StatusChanged:
            self._faces.consume(proven, session)
            owner = self._repository.find_by_id_number(person.id_index, session)
            if owner is None:
                raise Refusal("NOT_FOUND")
            return self._restore(owner.id, Actor("resident", owner.id), SuspensionReason.RESOLVED, session)

        return self._once(command, work)

    def restore_by_staff(
        self, staff: StaffViewer, resident: str, reason: SuspensionReason, note: str, key: str
    ) -> StatusChanged:
        """Restores a resident for the authority; refuses as `suspend_by_staff`, or IDENTITY_NOT_SUSPENDED."""
        work = self._staff_work(staff, resident, reason, note, self._restore)
        request = {"resident": resident, "reason": reason, "note": note}
        return self._once(Command(staff.staff, key, "identity.restore", request), work)

    def _once(self, command: Command, work: Callable[[Session], StatusChanged]) -> StatusChanged:
        return self._commands.once(command, _CHANGED, work)

    def _staff_work(
        self,
        staff: StaffViewer,
        resident: str,
        reason: SuspensionReason,
        note: str,
        change: Callable[..., StatusChanged],
    ) -> Callable[[Session], StatusChanged]:
        if StaffRole.IDENTITY_OFFICER not in staff.roles:
            raise Refusal("FORBIDDEN")
        if not note.strip() or len(note) > _LONGEST_NOTE or not _may_be_audited(note):
            raise Refusal("BAD_INPUT", field="note")

        def work(session: Session) -> StatusChanged:
            found = self._repository.find(resident, session)
            if found is None or (staff.city is not None and staff.city != found.city):
                raise Refusal("NOT_FOUND")
            return change(resident, Actor("staff", staff.staff), reason, session, note=note)

        return work

    def _suspend(
        self, resident: str, actor: Actor, reason: SuspensionReason, session: Session, *, note: str = ""
    ) -> StatusChanged:
        now = self._core.clock.now()
        changed = self._repository.set_status(
            resident, IdentityStatus.ACTIVE, IdentityStatus.SUSPENDED, now, session
        )
        if changed is None:
            raise Refusal("IDENTITY_SUSPENDED")
        self._closing.close(resident, now, session)
        self._core.audit.append(_entry("identity.suspended", resident, actor, reason, note), session)
        return StatusChanged(resident, IdentityStatus.SUSPENDED, now)

    def _restore(
        self, resident: str, actor: Actor, reason: SuspensionReason, session: Session, *, note: str = ""
    ) -> StatusChanged:
        now = self._core.clock.now()
        changed = self._repository.set_status(
            resident, IdentityStatus.SUSPENDED, IdentityStatus.ACTIVE, now, session
        )
        if changed is None:
            raise Refusal("IDENTITY_NOT_SUSPENDED")
        self._core.audit.append(_entry("identity.restored", resident, actor, reason, note), session)
        return StatusChanged(resident, IdentityStatus.ACTIVE, now)


def _may_be_audited(note: str) -> bool:
    """Whether the audit log takes the note: it refuses what looks like an identity or mobile number."""
    try:
        Entry("identity.note", Actor("system", "identity"), detail={"note": note})
    except ValueError:
        return False
    return True


def _entry(action: str, resident: str, actor: Actor, reason: SuspensionReason, note: str) -> Entry:
    detail = {"reason": str(reason)} | ({"note": note} if note else {})
    return Entry(action=action, actor=actor, subject=resident, detail=detail)
