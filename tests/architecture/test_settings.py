"""Every setting is documented, and no secret is ever shown."""

from pydantic import SecretStr

from backend.cli.settings import settings_table, shown
from backend.core.settings import Settings
from tests.architecture.sources import ROOT


def test_the_operations_guide_has_the_table_of_all_settings():
    assert settings_table() in (ROOT / "docs" / "operations.md").read_text("utf-8")


def test_every_setting_says_what_it_is_for():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_secret_is_not_shown():
    settings = Settings(kek="very-secret", sms_access_key="very-secret")
    assert "very-secret" not in f"{settings!r}{settings}{settings.model_dump_json()}"
    assert shown(SecretStr("very-secret")) == "(set)"
