"""Image, compose file and decision records agree with the code."""

import re
from collections import Counter
from typing import Any

import pytest
import yaml

from backend.cli.main import COMMANDS
from backend.cli.settings import variable
from backend.core.mongo.client import ORPHAN_SECONDS
from backend.core.settings import Settings
from backend.exchange.sandbox.config import SandboxConfig
from tests.architecture.sources import ROOT
from tests.architecture.test_messages import strings_of_source

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
OURS: dict[str, dict[str, Any]] = {
    name: one for name, one in COMPOSE["services"].items() if one.get("image") == "tongyu"
}
SETTINGS = {variable(name) for name in Settings.model_fields}
SECRETS = {
    variable(name) for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)
}
NAMED = ["compose.yaml", "Dockerfile", "Makefile", "README.md", "docs/operations.md"]


@pytest.mark.parametrize("file", NAMED)
def test_every_variable_that_is_named_is_a_setting(file: str):
    named = set(re.findall(r"TONGYU_[A-Z_]*[A-Z]", (ROOT / file).read_text("utf-8")))
    assert named - SETTINGS == set()


def test_compose_has_the_processes_and_each_runs_a_command_that_exists():
    commands = set(COMMANDS)
    started = {name: one.get("command", ["serve"])[0] for name, one in OURS.items()}

    assert started == {"api": "serve", "worker": "worker", "sandbox": "sandbox"}
    assert set(started.values()) <= commands


def test_compose_holds_no_secret_but_those_of_the_stand_ins():
    stand_ins = SandboxConfig()
    expected = {
        "TONGYU_WECHAT_APP_SECRET": stand_ins.wechat_app_secret,
        "TONGYU_SMS_ACCESS_KEY": stand_ins.sms_access_key,
        "TONGYU_PUBLIC_SECURITY_KEY": stand_ins.exchange_key,
    }
    for one in OURS.values():
        given = {name: value for name, value in one["environment"].items() if name in SECRETS}
        assert given == expected
        assert one["environment"]["TONGYU_KEK_FILE"].startswith("/run/secrets/")


def test_no_container_of_ours_may_write_or_gain_rights():
    for one in OURS.values():
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in one["security_opt"]


def test_every_mongod_is_started_with_the_same_time_for_orphaned_transactions():
    assert f"transactionLifetimeLimitSeconds={ORPHAN_SECONDS}" in COMPOSE["services"]["mongo"]["command"]


def test_the_image_runs_unprivileged_has_a_health_check_and_no_secret():
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    (user,) = re.findall(r"^USER (\S+)$", final, re.MULTILINE)

    assert user not in {"root", "0"}
    assert final.index("\nUSER ") < final.index("\nENTRYPOINT ")
    assert re.search(r"^HEALTHCHECK .*\n +CMD .*/readyz", final, re.MULTILINE)
    assert 'ENTRYPOINT ["tongyu"]\nCMD ["serve"]' in final
    assert {name for name in SECRETS if f"{name}=" in DOCKERFILE} == set()


def test_every_decision_has_a_number_of_its_own_and_says_what_was_decided():
    records = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    numbers = Counter(record.name[:4] for record in records)

    assert [number for number, times in numbers.items() if times > 1] == []
    for record in records:
        text = record.read_text("utf-8")
        assert re.match(rf"# {record.name[:4]}[. ]", text), record.name
        assert re.search(r"\*\*Decision[.:]", text), record.name


def test_the_operations_guide_names_every_published_file():
    routes = (one.replace("<int:number>", "N") for one in strings_of_source())
    # A template of an address has braces, and other texts that begin so go on after the path.
    served = {route for route in routes if re.fullmatch(r"/\.well-known/[^\s{]+", route)}
    listed = set(re.findall(r"^\| `(/\.well-known/.*?)`", OPERATIONS, re.MULTILINE))

    assert served == listed
