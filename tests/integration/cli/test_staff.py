"""`tongyu staff`, run against a real database; what it made is then used to sign in."""

import os
import subprocess
import sys
from collections.abc import Callable

import pyotp
import pytest
from click.testing import Result
from typer.testing import CliRunner

from backend.cli.staff import app
from backend.core.access_tokens import AccessTokens
from backend.core.clock import SystemClock
from backend.core.errors import Refusal
from backend.core.foundation import Foundation, build_foundation
from backend.core.keyring import Purpose
from backend.core.mongo.client import Client, Db
from backend.core.mongo.schema import ensure_indexes
from backend.core.sealing import Kek
from backend.core.settings import Settings
from backend.identity.revocation import Revocations
from backend.identity.revocations.repository import RevocationRepository
from backend.identity.staff.models import StaffSignedIn
from backend.identity.staff.repository import INDEXES
from backend.identity.staff.service import build_staff

PASSWORD = "correct horse battery"  # noqa: S105 - of an account of these tests.
Tongyu = Callable[..., Result]


@pytest.fixture
def settings(db: Db, mongo: str) -> Settings:
    ensure_indexes(db, INDEXES)
    return Settings(mongodb_uri=mongo, mongodb_database=db.name, kek=Kek.generate())


@pytest.fixture
def tongyu(settings: Settings) -> Tongyu:
    assert settings.kek is not None
    environment = {
        "TONGYU_MONGODB_URI": settings.mongodb_uri,
        "TONGYU_MONGODB_DATABASE": settings.mongodb_database,
        "TONGYU_KEK": settings.kek.get_secret_value(),
        "COLUMNS": "250",
    }

    def run(*arguments: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(app, list(arguments), input=typed, env=environment)

    return run


@pytest.fixture
def core(settings: Settings, mongo_client: Client) -> Foundation:
    core = build_foundation(settings, client=mongo_client)
    core.keyring.ensure([Purpose.TOKEN])
    return core


def sign_in(core: Foundation, uri: str, password: str, number: int) -> StaffSignedIn:
    tokens = AccessTokens(core.keyring, core.clock, core.settings.public_url)
    staff = build_staff(core, tokens, Revocations(RevocationRepository(core.db), core.clock))
    # The step after the present one still counts, so that each sign-in of a test has a code of its own.
    code = str(pyotp.parse_uri(uri).at(SystemClock().now(), counter_offset=number))
    return staff.sign_in.sign_in("li.na", password, code, "203.0.113.7", f"staff-cli-key-{number:06}")


def create(tongyu: Tongyu, *more: str) -> Result:
    arguments = ("create", "li.na", "--role", "verifier", "--city", "430200", "--domain", "medical", *more)
    return tongyu(*arguments, "--password-stdin", typed=f"{PASSWORD}\n")


def test_an_account_made_at_the_command_line_signs_in(tongyu: Tongyu, core: Foundation) -> None:
    made = create(tongyu, "--department", "株洲市中心医院", "--desk", "导诊台")

    signed_in = sign_in(core, made.stdout.splitlines()[-1], PASSWORD, 0)

    assert made.exit_code == 0
    assert signed_in.member.scope.desk == "导诊台"
    assert signed_in.member.roles == {"verifier"}


def test_the_password_is_asked_for_twice_without_showing_it(tongyu: Tongyu) -> None:
    differing = tongyu("create", "li.na", typed=f"{PASSWORD}\nsomething else\n{PASSWORD}\n{PASSWORD}\n")

    assert differing.exit_code == 0
    assert "do not match" in differing.output
    assert PASSWORD not in differing.output


def test_a_password_is_no_argument_of_any_command(tongyu: Tongyu) -> None:
    refused = tongyu("create", "li.na", "--password", PASSWORD)

    assert refused.exit_code == 2


def test_the_list_shows_roles_and_scope_and_no_secret(tongyu: Tongyu) -> None:
    create(tongyu)
    tongyu("create", "wang.fang", "--password-stdin", typed=f"{PASSWORD}\n")

    listed = tongyu("list").stdout

    assert [name in listed for name in ("li.na", "株洲市", "verifier", "medical", "never")] == [True] * 5
    assert listed.index("li.na") < listed.index("wang.fang")
    assert "argon2" not in listed


def test_the_code_that_it_prints_is_the_authenticators(tongyu: Tongyu) -> None:
    create(tongyu)

    uri, shown = tongyu("totp-uri", "li.na").stdout.splitlines()

    code = shown.split()[0]
    now = SystemClock().now()
    assert code in {pyotp.parse_uri(uri).at(now, counter_offset=offset) for offset in (-1, 0)}


def test_a_renewed_secret_is_another(tongyu: Tongyu) -> None:
    create(tongyu)

    before = tongyu("totp-uri", "li.na").stdout.splitlines()[0]
    after = tongyu("totp-uri", "li.na", "--renew").stdout.splitlines()[0]

    assert pyotp.parse_uri(before).secret != pyotp.parse_uri(after).secret


def test_disabled_and_enabled_again(tongyu: Tongyu, core: Foundation) -> None:
    uri = create(tongyu).stdout.splitlines()[-1]
    assert tongyu("disable", "li.na").exit_code == 0
    with pytest.raises(Refusal):
        sign_in(core, uri, PASSWORD, 0)

    assert tongyu("enable", "li.na").exit_code == 0
    assert sign_in(core, uri, PASSWORD, 1).session


def test_roles_scope_and_password_can_be_changed(tongyu: Tongyu, core: Foundation) -> None:
    uri = create(tongyu).stdout.splitlines()[-1]
    done = [
        tongyu("grant", "li.na", "auditor"),
        tongyu("revoke", "li.na", "verifier"),
        tongyu("scope", "li.na", "--city", "430100", "--domain", "medical/pharmacy"),
        tongyu("set-password", "li.na", "--password-stdin", typed="another long password\n"),
    ]

    signed_in = sign_in(core, uri, "another long password", 1)

    assert [one.exit_code for one in done] == [0, 0, 0, 0]
    assert signed_in.member.roles == {"auditor"}
    assert (signed_in.member.scope.city, signed_in.member.scope.domains) == ("430100", {"medical/pharmacy"})


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("disable", "nobody"), 1, "no such staff account"),
        (("enable", "li.na"), 1, "has changed in the meantime"),
        (("scope", "li.na", "--city", "110000"), 1, "city"),
        (("scope", "li.na", "--domain", "astrology"), 2, "astrology"),
        (("grant", "li.na", "emperor"), 2, "emperor"),
        (("set-password", "li.na", "--password-stdin"), 1, "12 to 128 characters"),
    ],
)
def test_a_mistake_is_one_line_and_a_status(
    tongyu: Tongyu, arguments: tuple[str, ...], status: int, says: str
) -> None:
    create(tongyu)

    done = tongyu(*arguments, typed="short\n")

    assert done.exit_code == status
    assert says in done.stderr
    assert "Traceback" not in done.output


def test_without_mongodb_a_command_ends_in_one_short_line() -> None:
    away = {"TONGYU_MONGODB_URI": "mongodb://127.0.0.1:1/?replicaSet=rs0", "TONGYU_KEK": Kek.generate()}
    command = [sys.executable, "-m", "backend.cli", "staff", "list"]

    done = subprocess.run(command, env=os.environ | away, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("✗ MongoDB doesn't answer")
    assert len(done.stderr.splitlines()) == 1
