"""Staff sign-in, sessions and administration against a real database."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pyotp
import pytest
from argon2 import PasswordHasher

from backend.core.access_tokens import AccessTokens
from backend.core.errors import Refusal
from backend.core.foundation import Foundation, build_foundation
from backend.core.keyring import Purpose
from backend.core.mongo.client import Client, Db
from backend.core.mongo.schema import ensure_indexes
from backend.core.paging import PageRequest
from backend.core.sealing import Kek
from backend.core.settings import Settings
from backend.identity.revocation import Revocations
from backend.identity.revocations.repository import RevocationRepository
from backend.identity.staff.models import StaffRole, StaffScope, StaffSignedIn
from backend.identity.staff.repository import INDEXES
from backend.identity.staff.service import Staff, build_staff
from backend.identity.staff.tokens import staff_viewer
from tests.fakes import StandingClock

PASSWORD = "correct horse battery"  # noqa: S105 - of an account of these tests.
SCOPE = StaffScope("430200", "株洲市中心医院", "导诊台", frozenset({"medical"}))
ADDRESS = "203.0.113.7"


class Desk:
    """A running staff part, a verifier called `verifier` in it, and their authenticator."""

    def __init__(self, core: Foundation, clock: StandingClock) -> None:
        self.core = core
        self.clock = clock
        self.tokens = AccessTokens(core.keyring, clock, core.settings.public_url)
        self.revocations = Revocations(RevocationRepository(core.db), clock)
        self.staff: Staff = build_staff(core, self.tokens, self.revocations)
        self.accounts = self.staff.accounts
        self.member = self.accounts.create("verifier", PASSWORD, frozenset({StaffRole.VERIFIER}), SCOPE)
        self.authenticator = pyotp.parse_uri(self.accounts.totp("verifier").uri)
        self._keys = 0

    def key(self) -> str:
        self._keys += 1
        return f"staff-test-key-{self._keys:06}"

    def code(self) -> str:
        return str(self.authenticator.at(self.clock.now()))

    def sign_in(self, **changed: str) -> StaffSignedIn:
        given = {
            "username": "verifier",
            "password": PASSWORD,
            "totp": self.code(),
            "address": ADDRESS,
            "key": self.key(),
        }
        return self.staff.sign_in.sign_in(**(given | changed))

    def is_revoked(self, signed_in: StaffSignedIn) -> bool:
        claims = self.tokens.verify(signed_in.access_token)
        return self.revocations.is_revoked(claims.session, claims.subject, claims.issued_at)

    def actions(self) -> list[tuple[str, str, str | None]]:
        rows = self.core.db["audit_entries"].find().sort("_id", 1)
        records = [self.core.audit.find(row["_id"]) for row in rows]
        return [(r.entry.action, r.entry.outcome, r.entry.code) for r in records if r is not None]


@pytest.fixture
def desk(db: Db, mongo_client: Client, clock: StandingClock) -> Desk:
    ensure_indexes(db, [one for one in INDEXES if one.expire_after_seconds is None])
    settings = Settings(mongodb_database=db.name, kek=Kek.generate())
    core = build_foundation(settings, clock=clock, client=mongo_client)
    core.keyring.ensure([Purpose.TOKEN])
    return Desk(core, clock)


def code_of(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    with pytest.raises(Refusal) as refused:
        call(*arguments, **named)
    return refused.value.code


def test_password_and_code_together_open_a_session_with_roles_and_scope(desk: Desk) -> None:
    signed_in = desk.sign_in(username=" Verifier ")

    claims = desk.tokens.verify(signed_in.access_token)
    viewer = staff_viewer(claims)

    assert claims.audience == "staff"
    assert (viewer.staff, viewer.session) == (desk.member.id, signed_in.session)
    assert viewer.roles == {"verifier"}
    assert (viewer.city, viewer.department, viewer.desk) == ("430200", "株洲市中心医院", "导诊台")
    assert viewer.domains == {"medical"}
    assert (signed_in.access_expires_at - desk.clock.now()).total_seconds() == 900
    assert desk.staff.sessions.me(viewer).username == "verifier"
    assert ("staff.signed_in", "ok", None) in desk.actions()


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong horse battery"},
        {"totp": "000000"},
        {"username": "nobody"},
        {"username": "no such name!"},
        {"password": "", "totp": ""},
        {"password": "x" * 10_000},
    ],
)
def test_whatever_is_wrong_the_refusal_is_the_same_and_nothing_is_opened(
    desk: Desk, wrong: dict[str, str]
) -> None:
    assert code_of(desk.sign_in, **wrong) == "STAFF_SIGN_IN_FAILED"

    assert desk.core.db["staff_sessions"].count_documents({}) == 0
    assert desk.actions()[-1] == ("staff.sign_in_refused", "refused", "STAFF_SIGN_IN_FAILED")
    assert desk.sign_in().session


def test_a_code_counts_once_and_neither_do_earlier_ones_afterwards(desk: Desk) -> None:
    earlier = str(desk.authenticator.at(desk.clock.now(), counter_offset=-1))
    desk.sign_in()

    assert code_of(desk.sign_in) == "STAFF_SIGN_IN_FAILED"
    assert code_of(desk.sign_in, totp=earlier) == "STAFF_SIGN_IN_FAILED"
    desk.clock.advance(30)
    assert desk.sign_in().session


def test_given_one_code_and_ten_attempts_at_once_one_is_let_in(desk: Desk) -> None:
    code = desk.code()
    attempts = [(f"198.51.100.{number}", desk.key()) for number in range(10)]

    def outcome(one: tuple[str, str]) -> str:
        try:
            desk.sign_in(totp=code, address=one[0], key=one[1])
        except Refusal as refused:
            return refused.code
        return "let in"

    with ThreadPoolExecutor(10) as pool:
        outcomes = sorted(pool.map(outcome, attempts))

    assert outcomes == ["STAFF_SIGN_IN_FAILED"] * 9 + ["let in"]
    assert desk.core.db["staff_sessions"].count_documents({}) == 1


def test_a_repeat_with_the_same_key_gets_the_first_answer(desk: Desk) -> None:
    key, code = desk.key(), desk.code()
    first = desk.sign_in(key=key, totp=code)
    desk.clock.advance(20)

    assert desk.sign_in(key=key, totp=code) == first
    assert code_of(desk.sign_in, key=key, totp=code, password="x" * 20) == "IDEMPOTENCY_KEY_REUSED"


def test_guessing_is_stopped_and_the_right_password_then_too(desk: Desk) -> None:
    refusals = [code_of(desk.sign_in, totp="000000") for _ in range(5)]

    assert set(refusals) == {"STAFF_SIGN_IN_FAILED"}
    assert code_of(desk.sign_in) == "RATE_LIMITED"
    desk.clock.advance(15 * 60)
    assert desk.sign_in().session


def test_a_colleague_at_another_address_is_not_locked_out(desk: Desk) -> None:
    for _ in range(6):
        code_of(desk.sign_in, totp="000000")

    assert desk.sign_in(address="203.0.113.99").session


def test_an_unknown_user_name_takes_the_time_of_a_known_one(desk: Desk) -> None:
    def seconds(username: str, address: str) -> float:
        begun = time.process_time()
        assert code_of(desk.sign_in, username=username, address=address, password="x" * 20) == (
            "STAFF_SIGN_IN_FAILED"
        )
        return time.process_time() - begun

    known = [seconds("verifier", f"198.51.100.{number}") for number in range(5)]
    unknown = [seconds("stranger", f"198.51.100.{number}") for number in range(5)]

    # An Argon2 hash is most of it: without one the unknown name would answer in a tenth of the time.
    assert 0.5 < statistics.median(unknown) / statistics.median(known) < 2.0


def test_disabling_ends_tokens_sessions_and_sign_in(desk: Desk) -> None:
    signed_in = desk.sign_in()
    desk.clock.advance(31)
    assert not desk.is_revoked(signed_in)

    desk.accounts.disable("verifier")

    assert desk.is_revoked(signed_in)
    assert code_of(desk.staff.sessions.refresh, signed_in.refresh_token, desk.key()) == "SESSION_ENDED"
    assert code_of(desk.sign_in) == "STAFF_SIGN_IN_FAILED"
    viewer = staff_viewer(desk.tokens.verify(signed_in.access_token))
    assert code_of(desk.staff.sessions.me, viewer) == "UNAUTHENTICATED"


def test_disabling_reaches_another_process_within_a_second(desk: Desk) -> None:
    elsewhere = Revocations(RevocationRepository(desk.core.db), desk.clock)
    close = elsewhere.start()
    try:
        claims = desk.tokens.verify(desk.sign_in().access_token)
        assert not elsewhere.is_revoked(claims.session, claims.subject, claims.issued_at)
        desk.accounts.disable("verifier")
        begun = time.monotonic()
        while not elsewhere.is_revoked(claims.session, claims.subject, claims.issued_at):
            assert time.monotonic() - begun < 1.0
            time.sleep(0.01)
    finally:
        close()


def test_an_account_enabled_again_signs_in_but_its_old_session_stays_dead(desk: Desk) -> None:
    signed_in = desk.sign_in()
    desk.accounts.disable("verifier")
    desk.clock.advance(31)
    desk.accounts.enable("verifier")

    assert code_of(desk.staff.sessions.refresh, signed_in.refresh_token, desk.key()) == "SESSION_ENDED"
    assert not desk.is_revoked(desk.sign_in())


def test_a_refresh_gives_new_tokens_and_uses_up_the_old_one(desk: Desk) -> None:
    first = desk.sign_in()
    key = desk.key()
    second = desk.staff.sessions.refresh(first.refresh_token, key)
    lost = desk.staff.sessions.refresh(first.refresh_token, key)

    assert lost == second
    assert second.refresh_token != first.refresh_token
    assert code_of(desk.staff.sessions.refresh, first.refresh_token, desk.key()) == "REFRESH_REUSED"
    assert code_of(desk.staff.sessions.refresh, second.refresh_token, desk.key()) == "SESSION_ENDED"
    assert desk.is_revoked(second)
    assert desk.actions()[-1][0] == "staff.session.refresh_reused"


def test_a_session_ends_after_an_hour_without_use(desk: Desk) -> None:
    signed_in = desk.sign_in()
    desk.clock.advance(3600)

    assert code_of(desk.staff.sessions.refresh, signed_in.refresh_token, desk.key()) == "SESSION_ENDED"


def test_a_session_ends_after_eight_hours_whatever_its_use(desk: Desk) -> None:
    signed_in = desk.sign_in()
    opened_at = desk.clock.now()
    for _ in range(9):
        desk.clock.advance(50 * 60)
        signed_in = desk.staff.sessions.refresh(signed_in.refresh_token, desk.key())

    assert (signed_in.refresh_expires_at - opened_at).total_seconds() == 8 * 3600
    desk.clock.advance(30 * 60)
    assert code_of(desk.staff.sessions.refresh, signed_in.refresh_token, desk.key()) == "SESSION_ENDED"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ü.ü.ü", "." * 300])
def test_a_token_that_we_never_made_is_refused(desk: Desk, token: str) -> None:
    assert code_of(desk.staff.sessions.refresh, token, desk.key()) == "SESSION_ENDED"


def test_signing_out_ends_the_session_and_its_tokens(desk: Desk) -> None:
    signed_in = desk.sign_in()
    viewer = staff_viewer(desk.tokens.verify(signed_in.access_token))

    key = desk.key()
    assert desk.staff.sessions.sign_out(viewer, key) == signed_in.session
    assert desk.staff.sessions.sign_out(viewer, key) == signed_in.session

    assert desk.is_revoked(signed_in)
    assert code_of(desk.staff.sessions.refresh, signed_in.refresh_token, desk.key()) == "SESSION_ENDED"
    assert [action for action, _, _ in desk.actions()].count("staff.session.signed_out") == 1


def test_a_changed_role_or_scope_ends_old_tokens_and_a_refresh_brings_the_new_rights(desk: Desk) -> None:
    changes: list[tuple[Callable[[], None], set[str], set[str]]] = [
        (lambda: desk.accounts.grant("verifier", StaffRole.AUDITOR), {"verifier", "auditor"}, {"medical"}),
        (lambda: desk.accounts.revoke("verifier", StaffRole.VERIFIER), {"auditor"}, {"medical"}),
        (lambda: desk.accounts.set_scope("verifier", StaffScope("430100")), {"auditor"}, set()),
    ]
    signed_in = desk.sign_in()
    for change, roles, domains in changes:
        desk.clock.advance(2)
        change()
        assert desk.is_revoked(signed_in)
        desk.clock.advance(1)
        signed_in = desk.staff.sessions.refresh(signed_in.refresh_token, desk.key())
        viewer = staff_viewer(desk.tokens.verify(signed_in.access_token))
        assert (viewer.roles, viewer.domains) == (roles, domains)
        assert not desk.is_revoked(signed_in)


@pytest.mark.parametrize("what", ["password", "totp"])
def test_new_credentials_end_sessions_and_the_old_ones_no_longer_count(desk: Desk, what: str) -> None:
    signed_in = desk.sign_in()
    desk.clock.advance(31)
    if what == "password":
        desk.accounts.set_password("verifier", "another long password")
    else:
        desk.accounts.renew_totp("verifier")

    assert desk.is_revoked(signed_in)
    assert code_of(desk.sign_in) == "STAFF_SIGN_IN_FAILED"
    renewed = desk.accounts.totp("verifier").code
    password = "another long password" if what == "password" else PASSWORD
    assert desk.sign_in(password=password, totp=renewed).session


def test_a_hash_of_weaker_parameters_is_replaced_at_the_next_sign_in(desk: Desk) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    desk.core.db["staff"].update_one({"_id": desk.member.id}, {"$set": {"password": weaker}})

    desk.sign_in()

    row = desk.core.db["staff"].find_one({"_id": desk.member.id})
    assert row is not None
    assert row["password"].startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    desk.clock.advance(30)
    assert desk.sign_in().session


def test_no_password_code_or_secret_is_stored_or_audited_in_clear(desk: Desk) -> None:
    code = desk.code()
    desk.sign_in(totp=code)
    stored = str([list(desk.core.db[name].find()) for name in desk.core.db.list_collection_names()])

    assert PASSWORD not in stored
    assert desk.authenticator.secret not in stored
    assert f"'{code}'" not in stored


def test_a_staff_token_is_no_residents_token_and_the_other_way_round(desk: Desk) -> None:
    signed_in = desk.sign_in()
    unverified: dict[str, Any] = jwt.decode(signed_in.access_token, options={"verify_signature": False})

    assert unverified["aud"] == "staff"
    assert {"name", "username", "mobile"}.isdisjoint(unverified)


def test_every_administrative_change_is_audited(desk: Desk) -> None:
    desk.accounts.grant("verifier", StaffRole.CARD_ISSUER)
    desk.accounts.revoke("verifier", StaffRole.CARD_ISSUER)
    desk.accounts.set_scope("verifier", SCOPE)
    desk.accounts.set_password("verifier", "another long password")
    desk.accounts.renew_totp("verifier")
    desk.accounts.disable("verifier")
    desk.accounts.enable("verifier")

    assert [action for action, _, _ in desk.actions()] == [
        "staff.created",
        "staff.totp.shown",
        "staff.role.granted",
        "staff.role.revoked",
        "staff.scope.set",
        "staff.password.set",
        "staff.totp.renewed",
        "staff.disabled",
        "staff.enabled",
    ]


def test_what_cannot_be_done_is_refused_and_leaves_no_audit_entry(desk: Desk) -> None:
    before = desk.actions()

    assert code_of(desk.accounts.create, "Verifier", PASSWORD, frozenset(), SCOPE) == "STAFF_EXISTS"
    assert code_of(desk.accounts.create, "weak.one", "short", frozenset(), SCOPE) == "PASSWORD_WEAK"
    assert code_of(desk.accounts.create, "b@d", PASSWORD, frozenset(), SCOPE) == "BAD_INPUT"
    assert code_of(desk.accounts.disable, "stranger") == "STAFF_UNKNOWN"
    assert code_of(desk.accounts.enable, "verifier") == "STALE_WRITE"
    assert code_of(desk.accounts.grant, "verifier", StaffRole.VERIFIER) == "STALE_WRITE"
    assert code_of(desk.accounts.revoke, "verifier", StaffRole.AUDITOR) == "STALE_WRITE"
    assert code_of(desk.accounts.set_scope, "verifier", StaffScope(city="1")) == "BAD_INPUT"

    assert desk.actions() == before


def test_accounts_are_listed_in_pages_by_user_name(desk: Desk) -> None:
    desk.accounts.create("auditor", PASSWORD, frozenset({StaffRole.AUDITOR}), StaffScope())

    first = desk.accounts.list(PageRequest.of(1))
    second = desk.accounts.list(PageRequest.of(1, first.cursors[-1]))

    assert [member.username for member in (*first.items, *second.items)] == ["auditor", "verifier"]
    assert (first.has_next, second.has_next) == (True, False)
