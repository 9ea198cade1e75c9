"""Passwords and one-time codes of staff, apart from any database."""

import unicodedata
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from backend.core.errors import Refusal
from backend.core.mongo.client import Client, Db
from backend.core.sealing import Kek, Sealer, Unopenable
from backend.identity.staff.models import StaffScope, parse_username
from backend.identity.staff.passwords import Passwords
from backend.identity.staff.totp import TotpSecrets
from tests.fakes import StandingClock

NOW = datetime(2026, 1, 1, 8, 0, 10, tzinfo=UTC)
GOOD = "correct horse battery"


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


@pytest.fixture
def secrets(db: Db, mongo_client: Client, clock: StandingClock) -> TotpSecrets:
    return TotpSecrets(Sealer(db, Kek.parse(Kek.generate()), clock).system("staff-totp"))


def secret_of(uri: str) -> str:
    return pyotp.parse_uri(uri).secret


def test_a_password_is_hashed_with_the_low_memory_parameters_of_rfc_9106(passwords: Passwords) -> None:
    stored = passwords.choose(GOOD, "zhang.wei")
    parameters = extract_parameters(stored)

    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert (parameters.salt_len, parameters.hash_len) == (16, 32)
    assert passwords.matches(stored, GOOD)
    assert not passwords.matches(stored, GOOD + " ")
    assert passwords.choose(GOOD, "zhang.wei") != stored


def test_the_same_characters_typed_on_another_keyboard_match(passwords: Passwords) -> None:
    composed = unicodedata.normalize("NFC", "pâté-de-campagne")
    decomposed = unicodedata.normalize("NFD", composed)

    assert composed != decomposed
    assert passwords.matches(passwords.choose(composed, "zhang.wei"), decomposed)


@pytest.mark.parametrize("password", ["", "short", "x" * 11, "x" * 129, "my-Zhang.Wei-2026"])
def test_a_password_too_short_too_long_or_with_the_user_name_is_refused(
    passwords: Passwords, password: str
) -> None:
    with pytest.raises(Refusal) as refused:
        passwords.choose(password, "zhang.wei")

    assert refused.value.code == "PASSWORD_WEAK"
    assert "12" in refused.value.message("en")


def test_what_is_no_hash_or_far_too_long_never_matches(passwords: Passwords) -> None:
    stored = passwords.choose("x" * 128, "zhang.wei")

    assert passwords.matches(stored, "x" * 128)
    assert not passwords.matches(stored, "x" * 129)
    assert not passwords.matches("plain text", "plain text")


def test_a_hash_with_weaker_parameters_is_outdated_and_still_matches(passwords: Passwords) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD)
    today = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY).hash(GOOD)

    assert passwords.matches(weaker, GOOD)
    assert (passwords.is_outdated(weaker), passwords.is_outdated(today)) == (True, False)


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)]
)
def test_a_code_counts_one_step_before_and_after_its_own(
    secrets: TotpSecrets, seconds: int, *, accepted: bool
) -> None:
    sealed = secrets.new("s1")
    enrolment = secrets.enrolment("s1", "zhang.wei", sealed, NOW)

    step = secrets.matching_step("s1", sealed, enrolment.code, NOW + timedelta(seconds=seconds))

    assert step == (int(NOW.timestamp()) // 30 if accepted else None)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "000000\n"])
def test_what_is_no_code_matches_nothing(secrets: TotpSecrets, code: str) -> None:
    assert secrets.matching_step("s1", secrets.new("s1"), code, NOW) is None


def test_the_uri_sets_up_an_authenticator_that_shows_the_same_code(secrets: TotpSecrets) -> None:
    enrolment = secrets.enrolment("s1", "zhang.wei", secrets.new("s1"), NOW)
    authenticator = pyotp.parse_uri(enrolment.uri)

    assert isinstance(authenticator, pyotp.TOTP)
    assert authenticator.at(NOW) == enrolment.code
    assert (authenticator.name, authenticator.issuer, authenticator.interval) == ("zhang.wei", "Tongyu", 30)
    assert len(pyotp.TOTP(authenticator.secret).byte_secret()) == 20
    assert enrolment.seconds_left == 20


def test_secrets_are_sealed_and_bound_to_their_account(secrets: TotpSecrets) -> None:
    sealed = secrets.new("s1")
    secret = secret_of(secrets.enrolment("s1", "zhang.wei", sealed, NOW).uri)

    assert secret.encode() not in sealed
    with pytest.raises(ValueError, match="another account"):
        secrets.matching_step("s2", sealed, "123456", NOW)
    with pytest.raises(Unopenable):
        secrets.matching_step("s1", sealed[:-1] + bytes([sealed[-1] ^ 1]), "123456", NOW)


def test_neither_a_secret_nor_a_code_is_in_the_repr(secrets: TotpSecrets) -> None:
    enrolment = secrets.enrolment("s1", "zhang.wei", secrets.new("s1"), NOW)

    assert enrolment.code not in repr(enrolment)
    assert secret_of(enrolment.uri) not in repr(enrolment)


@pytest.mark.parametrize(("typed", "name"), [(" Zhang.Wei ", "zhang.wei"), ("li_4-a", "li_4-a")])
def test_a_user_name_is_kept_in_lower_case(typed: str, name: str) -> None:
    assert parse_username(typed) == name


@pytest.mark.parametrize("typed", ["", "ab", "9lives", "zhang wei", "张伟", "a" * 33, "zhang\x00wei"])
def test_what_is_no_user_name_is_refused(typed: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_username(typed)

    assert refused.value.code == "BAD_INPUT"


@pytest.mark.parametrize(
    "scope",
    [
        StaffScope(),
        StaffScope(city="430100"),
        StaffScope("430200", "株洲市中心医院", "导诊台", frozenset({"medical", "education/exam"})),
    ],
)
def test_a_scope_of_a_city_department_desk_and_domains_is_fine(scope: StaffScope) -> None:
    scope.check()


@pytest.mark.parametrize(
    ("scope", "field"),
    [
        (StaffScope(city="110000"), "city"),
        (StaffScope(city="430102"), "city"),
        (StaffScope(desk="3号窗口"), "department"),
        (StaffScope(department=""), "desk"),
        (StaffScope(department="x" * 81), "desk"),
        (StaffScope(domains=frozenset({"medical", "Medical!"})), "domains"),
    ],
)
def test_what_can_be_no_scope_is_refused(scope: StaffScope, field: str) -> None:
    with pytest.raises(Refusal) as refused:
        scope.check()

    assert (refused.value.code, refused.value.params) == ("BAD_INPUT", {"field": field})
