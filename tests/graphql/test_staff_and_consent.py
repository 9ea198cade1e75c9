"""Staff sessions and consents through the schema: who may, who may not, and what then happens."""

from typing import Any

import pyotp
import pytest
import strawberry
from strawberry.tools import merge_types

from backend.core.clock import SystemClock
from backend.core.foundation import build_foundation
from backend.core.keyring import Purpose
from backend.core.mongo.client import Client, Db
from backend.core.mongo.schema import ensure_indexes
from backend.core.sealing import Kek
from backend.core.settings import Settings
from backend.identity.consent import repository as consent_repository
from backend.identity.consent.models import consent_texts
from backend.identity.models import Assurance
from backend.identity.staff import repository as staff_repository
from backend.identity.staff.models import StaffRole, StaffScope
from backend.identity.viewer import ResidentViewer, StaffViewer
from backend.services import Services, build_ports, build_services
from graphql_schema.resident.base import Viewer
from graphql_schema.resident.consent import ConsentMutation, ConsentQuery
from graphql_schema.resident.staff import StaffMutation, StaffQuery
from tests.graphql.api import Api as BaseApi

PASSWORD = "correct horse battery"  # noqa: S105 - of an account of these tests.
TEXT = consent_texts()["medical_contact"]

SCHEMA = strawberry.Schema(
    merge_types("Query", (StaffQuery, ConsentQuery)),
    merge_types("Mutation", (StaffMutation, ConsentMutation)),
)

SIGN_IN = """mutation SignIn($username: String!, $password: String!, $totp: String!, $key: String!) {
  result: signInStaff(username: $username, password: $password, totp: $totp, idempotencyKey: $key) {
    __typename
    ... on StaffSignedIn {
      accessToken accessExpiresAt refreshToken refreshExpiresAt
      staff { username roles city department desk domains }
    }
    ... on Refused { code message retryAfter }
  }
}"""
REFRESH = """mutation Refresh($token: String!, $key: String!) {
  result: refreshStaffSession(refreshToken: $token, idempotencyKey: $key) {
    __typename
    ... on StaffSignedIn { accessToken refreshToken }
    ... on Refused { code }
  }
}"""
SIGN_OUT = """mutation SignOut($key: String!) {
  result: signOutStaff(idempotencyKey: $key) {
    __typename ... on StaffSignedOut { session } ... on Refused { code }
  }
}"""
ME = "{ result: staffMe { username roles city domains } }"
CONSENTS = "{ result: consents { purpose resource version title body status decidedAt } }"
HISTORY = """query History($first: Int!, $after: String) {
  result: consentHistory(first: $first, after: $after) {
    edges { cursor node { purpose resource state version at } } pageInfo { hasNextPage endCursor }
  }
}"""
GIVE = """mutation Give($purpose: String!, $resource: String!, $version: String!, $key: String!) {
  result: giveConsent(purpose: $purpose, resource: $resource, version: $version, idempotencyKey: $key) {
    __typename ... on ConsentDecision { state } ... on Refused { code message }
  }
}"""
REFUSE = GIVE.replace("giveConsent", "refuseConsent")
WITHDRAW = """mutation Withdraw($purpose: String!, $resource: String!, $key: String!) {
  result: withdrawConsent(purpose: $purpose, resource: $resource, idempotencyKey: $key) {
    __typename ... on ConsentDecision { state } ... on Refused { code }
  }
}"""

KEY = "matrix-test-key-0001"
CHOICE = {"purpose": TEXT.purpose, "resource": "mobile", "version": TEXT.version, "key": KEY}
TO_WITHDRAW = {name: CHOICE[name] for name in ("purpose", "resource", "key")}


class Api(BaseApi):
    """The schema of these types on real services, with a verifier's account."""

    def __init__(self, services: Services) -> None:
        super().__init__(services, SCHEMA)

    def sign_in(self, key: str = KEY, step: int = 0, **changed: str) -> Any:
        """`signInStaff` as `verifier`, by the code of the present TOTP step or one `step` away."""
        authenticator = pyotp.parse_uri(self.services.staff.accounts.totp("verifier").uri)
        code = str(authenticator.at(SystemClock().now(), counter_offset=step))
        given = {"username": "verifier", "password": PASSWORD, "totp": code, "key": key}
        result, denial = self.ask(None, SIGN_IN, **(given | changed))
        assert denial is None
        return result

    def staff_viewer(self, signed_in: Any) -> Viewer | None:
        """Who the access token stands for."""
        return self.services.viewer(self.services.identity.tokens.verify(signed_in["accessToken"]))


@pytest.fixture
def api(db: Db, mongo_client: Client) -> Api:
    ensure_indexes(db, (*staff_repository.INDEXES, *consent_repository.INDEXES))
    settings = Settings(mongodb_database=db.name, kek=Kek.generate())
    foundation = build_foundation(settings, client=mongo_client)
    foundation.keyring.ensure([Purpose.TOKEN])
    services = build_services(foundation, build_ports(foundation))
    scope = StaffScope("430200", "株洲市中心医院", "导诊台", frozenset({"medical"}))
    services.staff.accounts.create("verifier", PASSWORD, frozenset({StaffRole.VERIFIER}), scope)
    return Api(services)


def resident(name: str = "resident-1", level: Assurance = Assurance.L1) -> ResidentViewer:
    return ResidentViewer(name, "session-1", None, level, SystemClock().now())


def staff(*roles: str) -> StaffViewer:
    return StaffViewer("staff-1", "session-2", frozenset(roles), None, None, None, frozenset())


ANONYMOUS = None
VIEWERS: dict[str, Viewer | None] = {
    "anonymous": ANONYMOUS,
    "resident at L1": resident(),
    "resident at L3": resident(level=Assurance.L3),
    "staff without a role": staff(),
    "verifier": staff("verifier"),
    "every role": staff(*StaffRole),
}
FOR_STAFF = {"resident at L1": "FORBIDDEN", "resident at L3": "FORBIDDEN", "anonymous": "UNAUTHENTICATED"}
FOR_RESIDENTS = {
    "anonymous": "UNAUTHENTICATED",
    "staff without a role": "FORBIDDEN",
    "verifier": "FORBIDDEN",
    "every role": "FORBIDDEN",
}
MATRIX: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "signOutStaff": (SIGN_OUT, {"key": KEY}, FOR_STAFF),
    "staffMe": (
        ME,
        {},
        FOR_STAFF | dict.fromkeys(("staff without a role", "verifier", "every role"), "UNAUTHENTICATED"),
    ),
    "consents": (CONSENTS, {}, FOR_RESIDENTS),
    "consentHistory": (HISTORY, {"first": 5}, FOR_RESIDENTS),
    "giveConsent": (GIVE, CHOICE, FOR_RESIDENTS),
    "refuseConsent": (REFUSE, CHOICE, FOR_RESIDENTS),
    "withdrawConsent": (WITHDRAW, TO_WITHDRAW, FOR_RESIDENTS),
    "signInStaff": (SIGN_IN, {"username": "verifier", "password": "x", "totp": "000000", "key": KEY}, {}),
    "refreshStaffSession": (REFRESH, {"token": "made up", "key": KEY}, {}),
}


@pytest.mark.parametrize("field", MATRIX)
def test_each_field_denies_those_whom_it_is_not_for_without_effect_and_lets_in_the_others(
    api: Api, field: str
) -> None:
    document, variables, denials = MATRIX[field]
    written = ("consents", "consent_history", "staff_sessions", "revocations")

    denied = {viewer: api.ask(VIEWERS[viewer], document, **variables) for viewer in denials}
    left_behind = [api.services.foundation.db[name].count_documents({}) for name in written]
    let_in = {name: api.ask(VIEWERS[name], document, **variables) for name in VIEWERS if name not in denials}

    assert denied == {viewer: (None, code) for viewer, code in denials.items()}
    assert left_behind == [0, 0, 0, 0]
    assert all(result is not None and denial is None for result, denial in let_in.values())


def test_the_matrix_has_every_field_of_these_types() -> None:
    fields = {
        field.name
        for type_ in (SCHEMA.get_type_by_name("Query"), SCHEMA.get_type_by_name("Mutation"))
        for field in type_.fields  # type: ignore[union-attr]
    }

    assert {SCHEMA.config.name_converter.apply_naming_config(name) for name in fields} == set(MATRIX)


def test_a_verifier_signs_in_and_sees_their_account(api: Api) -> None:
    signed_in = api.sign_in()
    me, denial = api.ask(api.staff_viewer(signed_in), ME)

    assert signed_in["__typename"] == "StaffSignedIn"
    assert signed_in["staff"]["desk"] == "导诊台"
    assert denial is None
    assert me == {"username": "verifier", "roles": ["VERIFIER"], "city": "430200", "domains": ["medical"]}


def test_a_wrong_password_is_a_member_of_the_union_in_the_callers_language(api: Api) -> None:
    given = {"username": "verifier", "password": "wrong", "totp": "000000"}
    english, _ = api.ask(None, SIGN_IN, "en", key="matrix-test-key-0002", **given)
    chinese, _ = api.ask(None, SIGN_IN, "zh-CN", key="matrix-test-key-0003", **given)

    assert english == {
        "__typename": "Refused",
        "code": "STAFF_SIGN_IN_FAILED",
        "message": "The user name, password or one-time code is not right",
        "retryAfter": None,
    }
    assert chinese["message"] == "用户名、密码或动态验证码不正确"


def test_too_many_attempts_say_when_to_come_back(api: Api) -> None:
    for number in range(5):
        api.sign_in(key=f"matrix-test-key-1{number:03}", totp="000000")

    refused = api.sign_in(key="matrix-test-key-1999")

    assert refused["code"] == "RATE_LIMITED"
    assert 0 < refused["retryAfter"] <= 900


def test_a_session_is_renewed_and_ended(api: Api) -> None:
    signed_in = api.sign_in()
    renewed, _ = api.ask(None, REFRESH, token=signed_in["refreshToken"], key="matrix-test-key-0004")
    viewer = api.staff_viewer(renewed)
    ended, _ = api.ask(viewer, SIGN_OUT, key="matrix-test-key-0005")
    after, _ = api.ask(None, REFRESH, token=renewed["refreshToken"], key="matrix-test-key-0006")

    assert renewed["__typename"] == "StaffSignedIn"
    assert isinstance(viewer, StaffViewer)
    assert ended == {"__typename": "StaffSignedOut", "session": viewer.session}
    assert after == {"__typename": "Refused", "code": "SESSION_ENDED"}
    assert api.services.identity.is_revoked(api.services.identity.tokens.verify(renewed["accessToken"]))


def test_what_is_asked_is_listed_in_the_residents_language_with_what_stands(api: Api) -> None:
    api.ask(resident(), GIVE, **CHOICE)

    english, _ = api.ask(resident(), CONSENTS, "en")
    chinese, _ = api.ask(resident(), CONSENTS, "zh-CN")
    others, _ = api.ask(resident("resident-2"), CONSENTS, "en")

    assert len(english) == len(chinese) == sum(len(text.resources) for text in consent_texts().values())
    assert [one["purpose"] for one in english if one["status"] == "GIVEN"] == [TEXT.purpose]
    assert {one["status"] for one in others} == {"NEVER_ASKED"}
    assert (english[0]["title"], chinese[0]["title"]) == (TEXT.titles["en"], TEXT.titles["zh-CN"])


def test_a_consent_is_given_withdrawn_and_kept_in_the_history(api: Api) -> None:
    given, _ = api.ask(resident(), GIVE, **CHOICE)
    withdrawn, _ = api.ask(resident(), WITHDRAW, **(TO_WITHDRAW | {"key": "matrix-test-key-0007"}))
    page, _ = api.ask(resident(), HISTORY, first=1)
    rest, _ = api.ask(resident(), HISTORY, first=1, after=page["pageInfo"]["endCursor"])

    assert (given["state"], withdrawn["state"]) == ("GIVEN", "WITHDRAWN")
    assert page["pageInfo"]["hasNextPage"]
    assert [one["edges"][0]["node"]["state"] for one in (page, rest)] == ["WITHDRAWN", "GIVEN"]
    assert not rest["pageInfo"]["hasNextPage"]


def test_consent_to_an_old_text_is_refused_with_the_reason(api: Api) -> None:
    result, _ = api.ask(resident(), GIVE, **(CHOICE | {"version": "2019-01"}))

    assert (result["__typename"], result["code"]) == ("Refused", "CONSENT_TEXT_CHANGED")
