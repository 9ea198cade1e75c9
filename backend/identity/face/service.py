"""Face checks (人脸核身) at the public-security department."""

from pydantic import TypeAdapter

from backend.core.audit import Actor, Entry
from backend.core.clock import CHINA
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.ids import new_secret
from backend.core.mongo.client import Session
from backend.core.resident_id import IdNumber, parse_id_number, parse_name
from backend.exchange.public_security import FaceResult, FaceTicket, FaceVerification
from backend.identity.client import Client
from backend.identity.commands import Command, Commands
from backend.identity.face.models import CHECK_LIFE, PASS_LASTS, FaceCheck, FaceCheckStarted, ProvenFace
from backend.identity.face.repository import FaceCheckRepository
from backend.identity.models import Assurance
from backend.identity.residents import Residents
from backend.identity.sessions.models import AccessGrant
from backend.identity.sessions.refresh_tokens import token_hash
from backend.identity.sessions.tokens import ResidentTokens
from backend.identity.viewer import ResidentViewer

_STARTED = TypeAdapter(FaceCheckStarted)
_GRANT = TypeAdapter(AccessGrant)


class FaceChecks:
    """Starts checks, completes them for a session, and proves a person without one."""

    def __init__(
        self,
        core: Foundation,
        repository: FaceCheckRepository,
        residents: Residents,
        department: FaceVerification,
        tokens: ResidentTokens,
    ) -> None:
        self._core = core
        self._repository = repository
        self._residents = residents
        self._department = department
        self._tokens = tokens
        self._commands = Commands(core.idempotency)
        self._tickets = core.sealer.system("face-tickets")

    def start(self, viewer: ResidentViewer, key: str) -> FaceCheckStarted:
        """Opens a check of the viewer. Raises Refusal: NOT_FOUND once erased, FACE_NO_PHOTO, UPSTREAM_*."""
        resident = self._residents.find(viewer.resident)
        person = None if resident is None else self._residents.person(resident)
        if person is None or person.name is None or person.id_number is None:
            raise Refusal("NOT_FOUND")
        number = parse_id_number(person.id_number, today=self._core.clock.now().astimezone(CHINA).date())
        return self._start(viewer.resident, viewer.session, person.name, number, key)

    def start_by_name(self, name: str, id_number: str, client: Client, key: str) -> FaceCheckStarted:
        """Opens a check of somebody who isn't signed in, for `register` and `restoreIdentity`.

        Raises Refusal: NAME_INVALID, ID_NUMBER_*, RATE_LIMITED, FACE_NO_PHOTO, UPSTREAM_*.
        """
        person = parse_name(name)
        number = parse_id_number(id_number, today=self._core.clock.now().astimezone(CHINA).date())
        self._core.limits.hit("registration.device", client.installation)
        self._core.limits.hit("registration.address", client.address)
        return self._start(f"installation:{client.installation}", None, person, number, key)

    def complete(self, viewer: ResidentViewer, check: str, key: str) -> AccessGrant:
        """An access token at L3 once the department says that the viewer passed.

        Raises Refusal: FACE_PENDING, FACE_FAILED, FACE_CHECK_INVALID, SESSION_ENDED, UPSTREAM_*.
        """
        check_id = token_hash(check)
        command = Command(viewer.resident, key, "identity.face.complete", {"check": check_id.hex()})
        answered = self._commands.answered(command, _GRANT)
        if answered is not None:
            return answered
        found = self._repository.find(check_id, self._core.clock.now())
        if found is None or found.session != viewer.session:
            raise Refusal("FACE_CHECK_INVALID")
        proven = self._proven(found)
        return self._commands.once(command, _GRANT, lambda session: self._lift(viewer, proven, session))

    def prove(self, check: str, number: IdNumber) -> ProvenFace:
        """A check started by name that the person with this identity number has passed within 5 minutes.

        The caller consumes it in its transaction. Raises Refusal as `complete` does.
        """
        found = self._repository.find(token_hash(check), self._core.clock.now())
        if found is None or found.session is not None or found.id_index != self._residents.id_index(number):
            raise Refusal("FACE_CHECK_INVALID")
        return self._proven(found)

    def consume(self, proven: ProvenFace, session: Session) -> None:
        """Uses the check up; FACE_CHECK_INVALID when another request was quicker."""
        if not self._repository.consume(proven.id, session):
            raise Refusal("FACE_CHECK_INVALID")

    def _start(
        self, actor: str, session_id: str | None, name: str, number: IdNumber, key: str
    ) -> FaceCheckStarted:
        id_index = self._residents.id_index(number)
        request = {"person": id_index.hex(), "session": session_id}
        command = Command(actor, key, "identity.face.start", request)
        answered = self._commands.answered(command, _STARTED)
        if answered is not None:
            return answered
        self._core.limits.hit("face.account", id_index.hex())
        check = new_secret()
        opened = self._department.start(name, number.number, token_hash(check).hex()[:32])
        stored = self._stored(check, id_index, session_id, opened)

        def work(session: Session) -> FaceCheckStarted:
            self._repository.insert(stored, session)
            actor_of_entry = Actor("system", "identity") if session_id is None else Actor("resident", actor)
            self._core.audit.append(Entry("identity.face.started", actor_of_entry), session)
            return FaceCheckStarted(check, opened.url, stored.expires_at)

        return self._commands.once(command, _STARTED, work)

    def _stored(self, check: str, id_index: bytes, session_id: str | None, opened: FaceTicket) -> FaceCheck:
        return FaceCheck(
            id=token_hash(check),
            id_index=id_index,
            session=session_id,
            ticket=self._tickets.seal(opened.ticket.encode()),
            expires_at=self._core.clock.now() + CHECK_LIFE,
            passed_at=None,
        )

    def _proven(self, found: FaceCheck) -> ProvenFace:
        """Asks the department unless it said PASSED before."""
        passed = found if found.passed_at is not None else self._ask(found)
        now = self._core.clock.now()
        if passed is None or passed.passed_at is None or now - passed.passed_at > PASS_LASTS:
            raise Refusal("FACE_CHECK_INVALID")
        return ProvenFace(passed.id, passed.passed_at)

    def _ask(self, found: FaceCheck) -> FaceCheck | None:
        result = self._department.result(self._tickets.open(found.ticket).decode())
        if result is FaceResult.PENDING:
            raise Refusal("FACE_PENDING")
        if result is not FaceResult.PASSED:
            raise Refusal("FACE_FAILED")
        return self._repository.passed(found.id, self._core.clock.now())

    def _lift(self, viewer: ResidentViewer, proven: ProvenFace, session: Session) -> AccessGrant:
        self.consume(proven, session)
        entry = Entry(
            action="identity.assurance.raised",
            actor=Actor("resident", viewer.resident),
            subject=viewer.resident,
            reference=viewer.session,
            detail={"level": Assurance.L3.name},
        )
        self._core.audit.append(entry, session)
        return self._tokens.grant(viewer.resident, viewer.session, viewer.device, Assurance.L3, proven.at)
