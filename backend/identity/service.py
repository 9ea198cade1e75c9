"""The identity feature, wired: what entry points and other features may use of it."""

from dataclasses import dataclass
from typing import Final

from backend.core.access_tokens import AccessTokens, Claims
from backend.core.foundation import Foundation
from backend.core.mongo.schema import Index
from backend.exchange.public_security import FaceVerification, RealNameRegistry
from backend.exchange.wechat import WeChatLogin
from backend.identity import repository as residents_repository
from backend.identity.closing import Closing, OnSuspend
from backend.identity.devices import repository as devices_repository
from backend.identity.devices.service import DeviceService, OnDeviceRevoked
from backend.identity.face import repository as face_repository
from backend.identity.face.service import FaceChecks
from backend.identity.login import repository as login_repository
from backend.identity.login.codes import PhoneCodes
from backend.identity.login.links import WeChatLinks
from backend.identity.login.phone import PhoneSignIn
from backend.identity.login.proofs import MobileProofs
from backend.identity.login.registration import Registration
from backend.identity.login.tickets import Tickets
from backend.identity.login.wechat import WeChatSignIn
from backend.identity.mobiles import Mobiles
from backend.identity.proofing import Proofing
from backend.identity.residents import Residents
from backend.identity.revocation import Revocations
from backend.identity.revocations import repository as revocations_repository
from backend.identity.sessions import repository as sessions_repository
from backend.identity.sessions.ending import OnSessionEnded, SessionEnding
from backend.identity.sessions.refresh import RefreshService
from backend.identity.sessions.refresh_tokens import RefreshTokens
from backend.identity.sessions.service import SessionOpener, SessionService
from backend.identity.sessions.tokens import ResidentTokens, resident_viewer
from backend.identity.suspension import SuspensionService
from backend.identity.viewer import ResidentViewer
from notifications.channels.sms import SmsGateway

INDEXES: Final[tuple[Index, ...]] = (
    *residents_repository.INDEXES,
    *sessions_repository.INDEXES,
    *login_repository.INDEXES,
    *devices_repository.INDEXES,
    *face_repository.INDEXES,
    *revocations_repository.INDEXES,
)


@dataclass(frozen=True, slots=True)
class IdentityPorts:
    """The systems outside that identity asks."""

    registry: RealNameRegistry
    faces: FaceVerification
    wechat: WeChatLogin
    sms: SmsGateway


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that residents can do with their identity, and what other features need to know of it."""

    core: Foundation
    tokens: AccessTokens
    revocations: Revocations
    residents: Residents
    codes: PhoneCodes
    phone: PhoneSignIn
    wechat: WeChatSignIn
    registration: Registration
    refresh: RefreshService
    sessions: SessionService
    devices: DeviceService
    faces: FaceChecks
    mobiles: Mobiles
    suspension: SuspensionService

    def is_revoked(self, claims: Claims) -> bool:
        """Whether a verified token of any audience no longer counts; raises when that can't be known."""
        return self.revocations.is_revoked(claims.session, claims.subject, claims.issued_at)

    def resident_viewer(self, claims: Claims) -> ResidentViewer:
        """The viewer that a verified resident's token makes now."""
        return resident_viewer(claims, self.core.clock.now())


def build_identity(
    core: Foundation,
    ports: IdentityPorts,
    *,
    on_suspend: tuple[OnSuspend, ...] = (),
    on_device_revoked: tuple[OnDeviceRevoked, ...] = (),
    on_session_ended: tuple[OnSessionEnded, ...] = (),
) -> Identity:
    """Wires identity. Hooks of higher features run in the transaction of what they are named after."""
    db = core.db
    repository = residents_repository.ResidentRepository(db)
    sessions = sessions_repository.SessionRepository(db)
    devices = devices_repository.DeviceRepository(db)
    residents = Residents(repository, core.sealer)
    access = AccessTokens(core.keyring, core.clock, core.settings.public_url)
    tokens = ResidentTokens(access)
    refresh_tokens = RefreshTokens(core.keyring.secret("refresh-tokens"))
    revocations = Revocations(revocations_repository.RevocationRepository(db), core.clock)
    opener = SessionOpener(repository, sessions, tokens, refresh_tokens)
    codes = PhoneCodes(core, login_repository.PhoneCodeRepository(db), residents, repository, ports.sms)
    tickets = Tickets(login_repository.TicketRepository(db), core.sealer, core.clock)
    links = WeChatLinks(residents, repository)
    faces = FaceChecks(core, face_repository.FaceCheckRepository(db), residents, ports.faces, tokens)
    mobiles = Mobiles(core, residents, repository, codes)
    proofing = Proofing(core, residents, ports.registry)
    ending = SessionEnding(sessions, revocations, on_session_ended)
    closing = Closing(repository, sessions, devices, revocations, on_suspend)
    proofs = MobileProofs(codes, tickets, residents)
    return Identity(
        core=core,
        tokens=access,
        revocations=revocations,
        residents=residents,
        codes=codes,
        phone=PhoneSignIn(core, codes, tickets, repository, opener),
        wechat=WeChatSignIn(core, ports.wechat, links, tickets, opener),
        registration=Registration(
            core, residents, repository, proofing, proofs, tickets, links, faces, mobiles, opener, closing
        ),
        refresh=RefreshService(core, sessions, refresh_tokens, tokens, ending),
        sessions=SessionService(core, sessions, ending),
        devices=DeviceService(core, repository, devices, sessions, tokens, ending, on_device_revoked),
        faces=faces,
        mobiles=mobiles,
        suspension=SuspensionService(core, repository, closing, proofing, codes, faces),
    )
