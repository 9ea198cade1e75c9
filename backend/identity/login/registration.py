"""Registration by real name: one person is one resident, whatever the entry."""

from dataclasses import dataclass, field

from pydantic import TypeAdapter

from backend.core.audit import Actor, Entry
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.mongo.client import Session
from backend.exchange.wechat import WeChatSession
from backend.identity.client import Client
from backend.identity.closing import Closing
from backend.identity.commands import Command, Commands
from backend.identity.face.models import ProvenFace
from backend.identity.face.service import FaceChecks
from backend.identity.login.links import WeChatLinks
from backend.identity.login.phone import signed_in_entry
from backend.identity.login.proofs import MobileProof, MobileProofs, ProofGiven
from backend.identity.login.tickets import Tickets
from backend.identity.mobiles import Mobiles
from backend.identity.models import Resident
from backend.identity.place import Place
from backend.identity.proofing import NamedPerson, Proofing
from backend.identity.repository import ResidentRepository
from backend.identity.residents import Particulars, Residents
from backend.identity.sessions.models import SignedIn
from backend.identity.sessions.service import SessionOpener

_SIGNED_IN = TypeAdapter(SignedIn)


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """What somebody sends to register.

    The mobile is proven by `proof`. `wechat_ticket` links the WeChat account that it came from;
    `division` is where they live, else the identity number hints at it; `face_check` is needed to enter an
    identity that holds another mobile number.
    """

    name: str = field(repr=False)
    id_number: str = field(repr=False)
    proof: ProofGiven
    wechat_ticket: str | None = field(default=None, repr=False)
    face_check: str | None = field(default=None, repr=False)
    division: str | None = None


@dataclass(frozen=True, slots=True)
class _Proven:
    """Everything that was proven before the transaction."""

    person: NamedPerson
    place: Place
    mobile: MobileProof
    face: ProvenFace | None
    wechat: WeChatSession | None


class Registration:
    """Makes a resident of a proven person, or lets the resident that they are in by a new entry."""

    def __init__(  # noqa: PLR0913, PLR0917 - each is one step of the use case.
        self,
        core: Foundation,
        residents: Residents,
        repository: ResidentRepository,
        proofing: Proofing,
        proofs: MobileProofs,
        tickets: Tickets,
        links: WeChatLinks,
        faces: FaceChecks,
        mobiles: Mobiles,
        opener: SessionOpener,
        closing: Closing,
    ) -> None:
        self._core = core
        self._residents = residents
        self._repository = repository
        self._proofing = proofing
        self._proofs = proofs
        self._tickets = tickets
        self._links = links
        self._faces = faces
        self._mobiles = mobiles
        self._opener = opener
        self._closing = closing
        self._commands = Commands(core.idempotency)

    def register(self, request: RegistrationRequest, client: Client, key: str) -> SignedIn:
        """A session of the new resident, or of the one that this person is already.

        The mobile is proven first, so that nobody can try names against numbers for free; nothing is
        written before everything is proven. Raises Refusal: NAME_INVALID, ID_NUMBER_*, DIVISION_UNKNOWN,
        PROOF_REQUIRED, PHONE_CODE_WRONG, TICKET_INVALID, REAL_NAME_*, FACE_*, IDENTITY_SUSPENDED,
        RATE_LIMITED, UPSTREAM_*.
        """
        person = self._proofing.claimed(request.name, request.id_number)
        place = _place(request, person)
        command = self._command(request, person, place, key)
        answered = self._commands.answered(command, _SIGNED_IN)
        if answered is not None:
            return answered
        proven = self._prove(request, person, place, client)
        return self._commands.once(
            command, _SIGNED_IN, lambda session: self._enter(request, proven, client, session)
        )

    def _command(self, request: RegistrationRequest, person: NamedPerson, place: Place, key: str) -> Command:
        body = {
            "name": request.name,
            "person": person.id_index.hex(),
            "district": place.district,
            "wechat": request.wechat_ticket,
            "face": request.face_check,
        }
        return Command(f"proof:{request.proof.reference}", key, "identity.register", body)

    def _prove(
        self, request: RegistrationRequest, person: NamedPerson, place: Place, client: Client
    ) -> _Proven:
        mobile = self._proofs.check(request.proof, client)
        wechat = None if request.wechat_ticket is None else self._wechat_account(request.wechat_ticket)
        self._proofing.check(person, client)
        face = None if request.face_check is None else self._faces.prove(request.face_check, person.number)
        return _Proven(person, place, mobile, face, wechat)

    def _wechat_account(self, ticket: str) -> WeChatSession:
        content = self._tickets.read(ticket)
        if content.openid is None:
            raise Refusal("TICKET_INVALID")
        return WeChatSession(content.openid, content.unionid)

    def _enter(
        self, request: RegistrationRequest, proven: _Proven, client: Client, session: Session
    ) -> SignedIn:
        self._proofs.consume(proven.mobile, session)
        known = self._repository.find_by_id_number(proven.person.id_index, session)
        resident = self._admit(known, proven, session) if known else self._add(proven, session)
        now = self._core.clock.now()
        if request.wechat_ticket is not None and proven.wechat is not None:
            self._tickets.consume(request.wechat_ticket, session)
            self._links.link(resident, proven.wechat, now, session)
        signed_in = self._opener.open(resident, client, now, session)
        self._core.audit.append(signed_in_entry(signed_in, "registration", client), session)
        return signed_in

    def _add(self, proven: _Proven, session: Session) -> str:
        now = self._core.clock.now()
        self._mobiles.release(proven.mobile.mobile_index, None, session)
        person, number = proven.person, proven.person.number
        given = Particulars(person.name, number, proven.mobile.mobile, proven.place)
        resident = self._residents.register(given, now, session)
        self._core.audit.append(_entry("identity.registered", resident.id), session)
        return resident.id

    def _admit(self, known: Resident, proven: _Proven, session: Session) -> str:
        """Lets a registered person in: with the number on file, or with their face.

        A name and an identity number leak, and any number is proven by whoever holds it: together they must
        not open somebody's identity.
        """
        if not known.is_active:
            raise Refusal("IDENTITY_SUSPENDED")
        now = self._core.clock.now()
        holder = self._repository.find_by_mobile(proven.mobile.mobile_index, session)
        if holder is not None and holder.id == known.id:
            self._repository.prove_mobile(known.id, now, session)
            self._core.audit.append(_entry("identity.entry.linked", known.id), session)
            return known.id
        if proven.face is None:
            raise Refusal("FACE_CHECK_REQUIRED", how="startFaceCheckByName")
        self._faces.consume(proven.face, session)
        self._closing.reclaim(known.id, now, session)
        self._mobiles.give(known.id, proven.mobile.mobile, now, session)
        self._core.audit.append(_entry("identity.reclaimed", known.id), session)
        return known.id


def _place(request: RegistrationRequest, person: NamedPerson) -> Place:
    if request.division is not None:
        return Place.given(request.division)
    return Place.hinted(person.number.area_hint)


def _entry(action: str, resident: str) -> Entry:
    return Entry(action=action, actor=Actor("resident", resident), subject=resident)
