"""What the sandbox agrees on with its callers."""

from dataclasses import dataclass, field
from typing import Final

from backend.exchange.sandbox.population import DEFAULT_SEED

DEVELOPMENT_WECHAT_SECRET: Final = "sandbox-wechat-secret"  # noqa: S105 - opens nothing but a stand-in.
DEVELOPMENT_SMS_KEY: Final = "sandbox-sms-key"
DEVELOPMENT_EXCHANGE_KEY: Final = "sandbox-exchange-key"


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Credentials that the stand-ins accept, and the population that the registry knows.

    The registry holds the known people and the first `residents` generated from `seed`.
    `sms_hourly_limit` is messages to one number an hour, as gateways have it. The departments keep their
    registries in `database` at `mongodb_uri`, and are served only where there is one. They accept requests
    signed with `exchange_public_keys` (key id, PEM), or with the development key when there are none.
    """

    wechat_app_id: str = "wx0000000000000000"
    wechat_app_secret: str = field(default=DEVELOPMENT_WECHAT_SECRET, repr=False)
    sms_access_key: str = field(default=DEVELOPMENT_SMS_KEY, repr=False)
    exchange_caller: str = "tongyu"
    exchange_key: str = field(default=DEVELOPMENT_EXCHANGE_KEY, repr=False)
    residents: int = 100_000
    seed: int = DEFAULT_SEED
    face_auto_pass: bool = False
    sms_hourly_limit: int = 60
    mongodb_uri: str | None = field(default=None, repr=False)
    database: str = "tongyu_sandbox"
    exchange_public_keys: tuple[tuple[str, str], ...] = ()
