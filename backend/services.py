"""The services that resolvers and pages call: one frozen dataclass, one field and one line per feature.

A feature folder offers `build_<feature>(foundation, …ports) -> <Feature>` in its `service.py`.
"""

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from backend.core.access_tokens import Claims
from backend.core.audit.checkpoint import Checkpoints, origin_of
from backend.core.audit.proof import Proofs
from backend.core.foundation import Foundation
from backend.core.mongo.client import Session
from backend.core.outbound import Outbound
from backend.exchange.public_security import FaceVerification, HttpPublicSecurity, RealNameRegistry
from backend.exchange.wechat import HttpWeChatLogin, WeChatLogin
from backend.identity.closing import OnSuspend
from backend.identity.consent.service import ConsentService, build_consents
from backend.identity.devices.service import OnDeviceRevoked
from backend.identity.holding import Holding
from backend.identity.service import Identity, IdentityPorts, build_identity
from backend.identity.sessions.ending import OnSessionEnded
from backend.identity.staff.service import Staff, build_staff
from backend.identity.staff.tokens import staff_viewer
from backend.identity.viewer import ResidentViewer, StaffViewer
from backend.onecode.service import OneCode, build_onecode
from notifications.channels.sms import HttpSmsGateway, SmsGateway

Viewer = ResidentViewer | StaffViewer


@dataclass(frozen=True, slots=True)
class Ports:
    """The systems outside that features ask."""

    wechat: WeChatLogin
    registry: RealNameRegistry
    faces: FaceVerification
    sms: SmsGateway


def build_ports(foundation: Foundation) -> Ports:
    """HTTP clients for everything outside, at the addresses in the settings."""
    settings = foundation.settings
    public_security = HttpPublicSecurity(
        Outbound("public_security", settings.public_security_url),
        settings.public_security_caller,
        _secret(settings.public_security_key).encode(),
        foundation.clock,
    )
    return Ports(
        wechat=HttpWeChatLogin(
            Outbound("wechat", settings.wechat_url),
            settings.wechat_app_id,
            _secret(settings.wechat_app_secret),
        ),
        registry=public_security,
        faces=public_security,
        sms=HttpSmsGateway(
            Outbound("sms", settings.sms_url), _secret(settings.sms_access_key), settings.sms_sign_name
        ),
    )


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that an entry point may call. Nothing else reaches the database."""

    foundation: Foundation
    identity: Identity
    staff: Staff
    consents: ConsentService
    onecode: OneCode
    audit_checkpoints: Checkpoints
    audit_proofs: Proofs

    def viewer(self, claims: Claims | None) -> Viewer | None:
        """Who asks, from a verified access token of either audience."""
        if claims is None:
            return None
        if claims.audience == "staff":
            return staff_viewer(claims)
        return self.identity.resident_viewer(claims)


def build_services(foundation: Foundation, ports: Ports) -> Services:
    """Wires every feature on the foundation, a lower one's hooks with what higher ones do at them."""
    onecode = build_onecode(foundation, Holding(foundation.db).signed_in)
    identity = build_identity(
        foundation,
        IdentityPorts(ports.registry, ports.faces, ports.wechat, ports.sms),
        on_suspend=(_revoke_codes_of_resident(onecode),),
        on_device_revoked=(_revoke_codes_of_device(onecode),),
        on_session_ended=(_revoke_codes_of_session(onecode),),
    )
    checkpoints = Checkpoints(
        foundation.db, foundation.keyring, foundation.clock, origin_of(foundation.settings.public_url)
    )
    return Services(
        foundation=foundation,
        identity=identity,
        staff=build_staff(foundation, identity.tokens, identity.revocations),
        consents=build_consents(foundation),
        onecode=onecode,
        audit_checkpoints=checkpoints,
        audit_proofs=Proofs(foundation.db, foundation.audit, checkpoints),
    )


def _revoke_codes_of_resident(onecode: OneCode) -> OnSuspend:
    def revoke(resident: str, _at: datetime, session: Session) -> None:
        onecode.revocation.resident_suspended(resident, session)

    return revoke


def _revoke_codes_of_device(onecode: OneCode) -> OnDeviceRevoked:
    def revoke(_resident: str, device: str, _at: datetime, session: Session) -> None:
        onecode.revocation.device_removed(device, session)

    return revoke


def _revoke_codes_of_session(onecode: OneCode) -> OnSessionEnded:
    def revoke(ended: str, _at: datetime, session: Session) -> None:
        onecode.revocation.session_ended(ended, session)

    return revoke


def _secret(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
