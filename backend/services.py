"""The services that resolvers and pages call: one frozen dataclass, one field and one line per feature.

A feature folder offers `build_<feature>(foundation, …ports) -> <Feature>` in its `service.py`.
"""

from dataclasses import dataclass

from pydantic import SecretStr

from backend.core.foundation import Foundation
from backend.core.outbound import Outbound
from backend.exchange.public_security import HttpPublicSecurity
from backend.exchange.wechat import HttpWeChatLogin
from notifications.channels.sms import HttpSmsGateway


@dataclass(frozen=True, slots=True)
class Ports:
    """The systems outside, as production reaches them: over HTTP."""

    wechat: HttpWeChatLogin
    public_security: HttpPublicSecurity
    sms: HttpSmsGateway


def build_ports(foundation: Foundation) -> Ports:
    """HTTP clients for everything outside, at the addresses in the settings."""
    settings = foundation.settings
    return Ports(
        wechat=HttpWeChatLogin(
            Outbound("wechat", settings.wechat_url),
            settings.wechat_app_id,
            _secret(settings.wechat_app_secret),
        ),
        public_security=HttpPublicSecurity(
            Outbound("public_security", settings.public_security_url),
            settings.public_security_caller,
            _secret(settings.public_security_key).encode(),
            foundation.clock,
        ),
        sms=HttpSmsGateway(
            Outbound("sms", settings.sms_url), _secret(settings.sms_access_key), settings.sms_sign_name
        ),
    )


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that an entry point may call. Nothing else reaches the database."""

    foundation: Foundation


def build_services(foundation: Foundation, ports: Ports) -> Services:
    """Wires every feature on the foundation."""
    return Services(foundation=foundation)


def _secret(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
