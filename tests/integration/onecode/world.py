"""A small city: a foundation on a real mongod, residents, desks, and phones that sign."""

import base64
import secrets
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from pymongo.monitoring import CommandListener, CommandStartedEvent

from backend.core import audit, idempotency
from backend.core.audit import AuditLog
from backend.core.clock import Clock
from backend.core.foundation import Foundation
from backend.core.idempotency import Idempotency
from backend.core.ids import new_id
from backend.core.keyring import INDEXES as KEYRING_INDEXES
from backend.core.keyring import Keyring
from backend.core.limits import RateLimits
from backend.core.mongo.client import Db, transact
from backend.core.mongo.schema import ensure_indexes
from backend.core.resident_id import parse_id_number
from backend.core.sealing import Kek, Sealer
from backend.core.settings import Settings
from backend.identity.devices.models import Device
from backend.identity.devices.repository import DeviceRepository
from backend.identity.holding import Holding
from backend.identity.models import Assurance
from backend.identity.models import Entry as IdentityEntry
from backend.identity.place import Place
from backend.identity.repository import INDEXES as IDENTITY_INDEXES
from backend.identity.repository import BlindIndexes, to_document
from backend.identity.residents import Particulars, seal_resident
from backend.identity.sessions.models import RefreshState, ResidentSession
from backend.identity.sessions.repository import SessionRepository
from backend.identity.viewer import ResidentViewer, StaffViewer
from backend.onecode.scans import ScanRequest
from backend.onecode.service import INDEXES, OneCode, build_onecode
from backend.onecode.wire.code import build_code
from backend.onecode.wire.keys import SigningKey
from backend.onecode.wire.proof import sign_proof, step_at

WOMAN_1988 = "430302198811053022"
MAN_1990 = "430102199003074515"


class Commands(CommandListener):
    """Notes the names of the commands that a client sends."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: object) -> None:
        """Of no interest."""

    def failed(self, event: object) -> None:
        """Of no interest."""


def make_core(db: Db, kek_text: str, clock: Clock) -> Foundation:
    """A foundation on this database, as another process with the same key-encryption key has it."""
    kek = Kek.parse(kek_text)
    sealer, keyring = Sealer(db, kek, clock), Keyring(db, kek, clock)
    return Foundation(
        settings=Settings(public_url="https://code.example", kek=SecretStr(kek_text)),
        db=db,
        clock=clock,
        sealer=sealer,
        keyring=keyring,
        audit=AuditLog(db, clock),
        idempotency=Idempotency(db, sealer, clock),
        limits=RateLimits(db, keyring.secret("rate-limits"), clock),
        metrics=CollectorRegistry(),
    )


def prepare(core: Foundation) -> None:
    """Indexes and first keys."""
    declared = (*audit.INDEXES, *idempotency.INDEXES, *KEYRING_INDEXES, *IDENTITY_INDEXES, *INDEXES)
    ensure_indexes(core.db, declared)
    core.keyring.ensure()


def add_resident(core: Foundation, id_number: str = WOMAN_1988, name: str = "王小芳") -> str:
    """A registered, active resident of Xiangtan, insured there; returns their id."""
    resident_id = new_id()
    key = core.sealer.create(resident_id)
    number = parse_id_number(id_number, today=date(2026, 1, 1))
    given = Particulars(name, number, "13907310001", Place("430300", "430302"), "430300", "photo-1")
    resident = seal_resident(resident_id, given, key, core.clock.now())
    indexes = BlindIndexes(secrets.token_bytes(32), secrets.token_bytes(32))
    core.db["residents"].insert_one(to_document(resident, indexes))
    return resident_id


def signed_in(core: Foundation, resident: str, *, device: bool = False) -> ResidentViewer:
    """A resident in an open session of their own, on a registered device if asked."""
    now = core.clock.now()
    viewer = holder(resident, new_id() if device else None)
    opened = ResidentSession(
        id=viewer.session,
        resident=resident,
        entry=IdentityEntry.APP,
        installation=secrets.token_bytes(32),
        label="Phone",
        device=viewer.device,
        auth_time=now,
        opened_at=now,
        last_used_at=now,
        idle_until=now + timedelta(days=30),
        absolute_until=now + timedelta(days=90),
        refresh=RefreshState(secrets.token_bytes(32), None, None, now),
    )
    transact(core.db, lambda session: SessionRepository(core.db).insert(opened, session))
    if viewer.device is not None:
        jwk = {"kty": "EC", "crv": "P-256", "x": new_id(), "y": new_id()}
        registered = Device(viewer.device, resident, "Phone", jwk, new_id(), now)
        transact(core.db, lambda session: DeviceRepository(core.db).insert(registered, session))
    return viewer


def holder(resident: str, device: str | None = None, assurance: Assurance = Assurance.L2) -> ResidentViewer:
    """A resident as a token says, whose session nobody has opened: for what gives them nothing."""
    return ResidentViewer(resident, new_id(), device, assurance, datetime.now(UTC))


def desk(
    *domains: str, staff: str | None = None, city: str = "430100", roles: str = "verifier"
) -> StaffViewer:
    """A member of staff at a desk in Changsha."""
    return StaffViewer(
        staff or new_id(), new_id(), frozenset({roles}), city, "medical-insurance", "3", frozenset(domains)
    )


def ask(text: str, domain: str = "medical", purpose: str = "treatment", **more: str | None) -> ScanRequest:
    """A scan request with an id of its own."""
    request = more.pop("request", None) or secrets.token_urlsafe(16)
    return ScanRequest(text, domain, purpose, request, **more)


@dataclass
class Phone:
    """A phone with a batch of keys of its own, which signs as the app does."""

    keys: list[SigningKey] = field(
        default_factory=lambda: [SigningKey.of(ec.generate_private_key(ec.SECP256R1())) for _ in range(16)]
    )
    credentials: tuple[bytes, ...] = ()

    def points(self) -> list[str]:
        """The public keys as the app sends them."""
        return [
            base64.urlsafe_b64encode(
                key.private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
            )
            .rstrip(b"=")
            .decode()
            for key in self.keys
        ]

    def code(self, at: datetime, which: int = 0, nonce: bytes | None = None) -> str:
        """The code of one credential at a moment."""
        credential = self.credentials[which]
        proof = sign_proof(credential, step_at(at), nonce or secrets.token_bytes(12), self.keys[which])
        return build_code(credential, proof)


@dataclass(frozen=True)
class World:
    """A foundation, the one code on it, one resident and their session."""

    core: Foundation
    onecode: OneCode
    kek: str
    resident: str
    viewer: ResidentViewer

    def phone(self, domain: str | None = None) -> Phone:
        """A phone of the resident with a fresh batch."""
        phone = Phone()
        batch = self.onecode.issuing.issue_batch(
            self.viewer, phone.points(), domain, secrets.token_urlsafe(16)
        )
        phone.credentials = batch.credentials
        return phone

    def set_status(self, status: str) -> None:
        """Sets the resident's status behind everyone's back."""
        self.core.db["residents"].update_one({"_id": self.resident}, {"$set": {"status": status}})

    def audits(self, action: str) -> list[dict[str, object]]:
        """The stored audit entries of an action."""
        needle = f'"action":"{action}"'.encode()
        return [row for row in self.core.db["audit_entries"].find() if needle in row["content"]]


def make_world(db: Db, clock: Clock) -> World:
    """A prepared world on an empty database."""
    kek = Kek.generate()
    core = make_core(db, kek, clock)
    prepare(core)
    resident = add_resident(core)
    onecode = build_onecode(core, Holding(db).signed_in)
    return World(core, onecode, kek, resident, signed_in(core, resident, device=True))
