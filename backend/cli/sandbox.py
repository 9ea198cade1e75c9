"""`tongyu sandbox`: the systems outside, as stand-ins on one port."""

from typing import Annotated

import typer
from pydantic import SecretStr

from backend.cli.current import command_settings
from backend.exchange.sandbox.config import SandboxConfig
from backend.exchange.sandbox.server import run_sandbox


def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8001,
    residents: Annotated[int, typer.Option(help="People whom the registry knows.", min=0)] = 100_000,
    face_auto_pass: Annotated[bool, typer.Option(help="Pass every face check at once.")] = False,
) -> None:
    """Serves stand-ins for WeChat, text messages, the people registry, face checks and the departments.

    The departments keep registries of their own, so they are there when TONGYU_MONGODB_URI is set.
    """
    run_sandbox(host, port, sandbox_config(residents, face_auto_pass=face_auto_pass))


def sandbox_config(residents: int, *, face_auto_pass: bool = False) -> SandboxConfig:
    """The stand-ins' side of the credentials in the settings; development ones where none are set."""
    settings = command_settings()
    standard = SandboxConfig()
    return SandboxConfig(
        wechat_app_id=settings.wechat_app_id,
        wechat_app_secret=_shown(settings.wechat_app_secret, standard.wechat_app_secret),
        sms_access_key=_shown(settings.sms_access_key, standard.sms_access_key),
        exchange_caller=settings.public_security_caller,
        exchange_key=_shown(settings.public_security_key, standard.exchange_key),
        residents=residents,
        face_auto_pass=face_auto_pass,
        mongodb_uri=settings.mongodb_uri if "mongodb_uri" in settings.model_fields_set else None,
    )


def _shown(secret: SecretStr | None, standard: str) -> str:
    return secret.get_secret_value() if secret is not None else standard
