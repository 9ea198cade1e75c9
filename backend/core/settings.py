"""All settings, read from `TONGYU_*` environment variables; see docs/operations.md for a table."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator can set. Secrets are SecretStr, so that printing the settings never shows them."""

    model_config = SettingsConfigDict(env_prefix="TONGYU_", frozen=True, extra="ignore")

    environment: Literal["development", "production"] = Field(
        "production", description="`development` opens introspection and documents outside the allow-list."
    )
    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port that the API listens on.")
    processes: int = Field(1, ge=1, le=64, description="API processes.")
    threads: int = Field(8, ge=1, le=256, description="Request threads in each API process.")
    public_url: str = Field(
        "http://127.0.0.1:8000", description="Where clients reach the API; stands in tokens and trust lists."
    )
    sandbox_port: int | None = Field(
        None, ge=1, le=65535, description="Port of the sandbox that `tongyu dev` starts; the API's plus one."
    )
    demo_residents: int = Field(
        2000, ge=0, le=1_000_000, description="Demo residents that `tongyu dev` makes on its first start."
    )
    data_dir: Path = Field(
        Path(".tongyu"), description="Local folder for the embedded database and development secrets."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log event that is written."
    )
    log_format: Literal["json", "console"] = Field("json", description="Shape of the log.")

    mongodb_uri: str = Field(
        "mongodb://127.0.0.1:27017/?replicaSet=rs0", description="A replica set or sharded cluster."
    )
    mongodb_database: str = Field("tongyu", description="Name of the database.")
    kek: SecretStr | None = Field(
        None,
        description="Key-encryption key: a Tink AES-256-GCM keyset in JSON, made by `tongyu keys kek`.",
    )
    kek_file: Path | None = Field(None, description="File that holds the key-encryption key instead.")

    audit_checkpoint_seconds: float = Field(
        60.0, gt=0, le=3600, description="How often a grown audit log gets a newly signed checkpoint."
    )
    allow_list: Path | None = Field(
        None, description="Manifest of persisted documents, sha256 to text; required in production."
    )
    max_body_bytes: int = Field(
        256 * 1024, ge=1024, description="Largest request body; /graphql itself takes 100000."
    )
    trusted_proxies: int = Field(
        0, ge=0, le=5, description="Proxies in front whose X-Forwarded-For is believed."
    )
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token that opens /metrics to other machines; without it, this machine only."
    )

    wechat_url: str = Field("https://api.weixin.qq.com", description="WeChat's API, for sign-in.")
    wechat_app_id: str = Field("wx0000000000000000", description="The mini-program's AppID.")
    wechat_app_secret: SecretStr | None = Field(None, description="The mini-program's AppSecret.")
    sms_url: str = Field("http://127.0.0.1:8001", description="The text-message gateway.")
    sms_access_key: SecretStr | None = Field(None, description="Access key of the text-message gateway.")
    sms_sign_name: str = Field("一码通域", description="Signature (签名) in front of every text message.")
    public_security_url: str = Field(
        "http://127.0.0.1:8001", description="The public-security department: real-name and face checks."
    )
    public_security_caller: str = Field("tongyu", description="Our name at the public-security department.")
    public_security_key: SecretStr | None = Field(
        None, description="Key that signs our calls to the public-security department."
    )
