"""What a test of identity needs: people, their clients, and the steps that they take again and again."""

from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64encode

from backend.core.audit.log import ENTRIES
from backend.core.audit.log import INDEXES as AUDIT_INDEXES
from backend.core.audit.models import Record, parse
from backend.core.foundation import Foundation
from backend.core.idempotency import INDEXES as IDEMPOTENCY_INDEXES
from backend.core.mongo.client import Session
from backend.exchange.wechat import WeChatSession
from backend.identity.client import Client
from backend.identity.devices.keys import registration_text, step_up_text, thumbprint
from backend.identity.devices.models import DeviceRegistered
from backend.identity.login.models import CodePurpose, CodeRequested, RegistrationNeeded
from backend.identity.login.proofs import ProofGiven
from backend.identity.login.registration import RegistrationRequest
from backend.identity.models import Entry
from backend.identity.service import INDEXES, IdentityPorts, build_identity
from backend.identity.sessions.models import SignedIn
from backend.identity.suspension import SuspensionReason
from backend.identity.viewer import ResidentViewer
from tests.fakes import FakeFaces, FakeRegistry, FakeSms, FakeWeChat, StandingClock

LI = ("李明", "430102199003074515", "13000000001")
WANG = ("王芳", "430302198811053022", "13000000002")
ZHAO = ("赵磊", "430182202003074511", "13000000003")
PEOPLE: Final = {number: name for name, number, _ in (LI, WANG, ZHAO)}

PHONE: Final = Client.of(Entry.MINI_PROGRAM, "installation-of-the-phone", "203.0.113.7", "Phone")
LAPTOP: Final = Client.of(Entry.WEB, "installation-of-the-laptop", "203.0.113.8", "Laptop")

_keys = count()


def key() -> str:
    """A fresh idempotency key."""
    return f"key-{next(_keys):016d}"


class DeviceKey:
    """A phone's key pair."""

    def __init__(self) -> None:
        self._private = generate_private_key(SECP256R1())
        jwk = ECKey.import_key(self._private.public_key()).as_dict(private=False)
        self.x, self.y = str(jwk["x"]), str(jwk["y"])

    @property
    def thumbprint(self) -> str:
        return thumbprint({"kty": "EC", "crv": "P-256", "x": self.x, "y": self.y})

    def sign(self, text: bytes) -> str:
        """base64url of r‖s."""
        r, s = decode_dss_signature(self._private.sign(text, ECDSA(SHA256())))
        return urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode().rstrip("=")


class World:
    """Identity with fake ports, and shortcuts that only call public services."""

    indexes = (*INDEXES, *AUDIT_INDEXES, *IDEMPOTENCY_INDEXES)

    def __init__(self, core: Foundation, clock: StandingClock) -> None:
        self.core = core
        self.clock = clock
        self.registry = FakeRegistry(PEOPLE)
        self.faces = FakeFaces()
        self.wechat = FakeWeChat()
        self.sms = FakeSms()
        ports = IdentityPorts(self.registry, self.faces, self.wechat, self.sms)
        self.identity = build_identity(
            core, ports, on_suspend=(self._on_suspend,), on_device_revoked=(self._on_device_revoked,)
        )

    def _on_suspend(self, resident: str, at: datetime, session: Session) -> None:
        row = {"resident": resident, "at": at}
        self.core.db["codes_of_another_feature"].insert_one(row, session=session)

    def _on_device_revoked(self, resident: str, device: str, at: datetime, session: Session) -> None:
        row = {"resident": resident, "device": device, "at": at}
        self.core.db["codes_of_another_feature"].insert_one(row, session=session)

    def ask_code(
        self, mobile: str, purpose: CodePurpose = CodePurpose.SIGN_IN, client: Client = PHONE
    ) -> CodeRequested:
        """A code, two minutes later: past what a number and an installation must wait."""
        self.clock.advance(121)
        return self.identity.codes.request(mobile, purpose, client, key())

    def prove(self, mobile: str, client: Client = PHONE) -> ProofGiven:
        """A challenge and its right code."""
        requested = self.ask_code(mobile, client=client)
        return ProofGiven(challenge=requested.challenge, code=self.sms.last_code(mobile))

    def register(self, who: tuple[str, str, str] = LI, client: Client = PHONE, **more: Any) -> SignedIn:
        """Registers a person by their own mobile."""
        name, number, mobile = who
        request = RegistrationRequest(name, number, self.prove(mobile, client))
        return self.identity.registration.register(replace(request, **more), client, key())

    def sign_in(self, mobile: str, client: Client = PHONE) -> SignedIn | RegistrationNeeded:
        """Signs in by one-time code."""
        proof = self.prove(mobile, client)
        assert proof.challenge is not None
        assert proof.code is not None
        return self.identity.phone.sign_in(proof.challenge, proof.code, client, key())

    def wechat_code(self, openid: str, unionid: str | None = None) -> str:
        """What `wx.login` gives the mini-program."""
        code = f"js-{openid}-{next(_keys)}"
        self.wechat.codes[code] = WeChatSession(openid, unionid)
        return code

    def viewer(self, token: str) -> ResidentViewer:
        """The viewer that a request with this access token would have."""
        return self.identity.resident_viewer(self.identity.tokens.verify(token))

    def counts(self, token: str) -> bool:
        """Whether a request with this access token would be served."""
        return not self.identity.is_revoked(self.identity.tokens.verify(token))

    def register_device(self, token: str, device: DeviceKey) -> DeviceRegistered:
        """Registers a device in the session of this token."""
        viewer = self.viewer(token)
        challenge = self.identity.devices.challenge(viewer, key()).challenge
        signature = device.sign(registration_text(challenge, device.thumbprint))
        return self.identity.devices.register(
            viewer, challenge, (device.x, device.y), signature, name="Phone", key=key()
        )

    def step_up(self, token: str, device: DeviceKey) -> str:
        """An access token at L2."""
        viewer = self.viewer(token)
        challenge = self.identity.devices.challenge(viewer, key()).challenge
        signature = device.sign(step_up_text(challenge, viewer.device or ""))
        return self.identity.devices.step_up(viewer, challenge, signature, key()).access_token

    def suspend(self, token: str) -> None:
        """Suspends the resident of this token."""
        self.identity.suspension.suspend_own(self.viewer(token), SuspensionReason.LOST_PHONE, key())

    def told(self) -> list[str]:
        """The residents whose codes another feature was told to end."""
        return [row["resident"] for row in self.core.db["codes_of_another_feature"].find()]

    def actions(self) -> list[str]:
        """The actions in the audit log, oldest first."""
        return [record.entry.action for record in self.records()]

    def records(self) -> list[Record]:
        """The audit log, oldest first."""
        return [parse(row["content"], row["seq"]) for row in self.core.db[ENTRIES].find().sort("_id", 1)]
