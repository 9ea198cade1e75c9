"""Identity through the schema: who may, who may not, that nothing happens then, and what the answers say."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from backend.core.clock import CHINA
from backend.core.foundation import build_foundation
from backend.core.mongo.client import Client as MongoClient
from backend.core.mongo.client import Db
from backend.core.mongo.schema import ensure_indexes
from backend.core.sealing import Kek
from backend.core.settings import Settings
from backend.exchange.public_security import FaceResult
from backend.identity.devices.keys import registration_text, step_up_text
from backend.identity.models import Assurance
from backend.identity.staff.models import StaffRole
from backend.identity.viewer import ResidentViewer, StaffViewer
from backend.services import Ports, Services, build_services
from graphql_schema.resident.base import Viewer
from tests.fakes import StandingClock
from tests.graphql.api import Api as BaseApi
from tests.integration.identity.world import LI, PHONE, WANG, DeviceKey, World, key

CLIENT = {"kind": "MINI_PROGRAM", "installation": PHONE.installation, "label": "Li's phone"}
SIGNED_IN = "__typename ... on SignedIn { resident session accessToken refreshToken assurance }"
REFUSED = "... on Refused { code message retryAfter }"

REQUEST_CODE = f"""mutation (
  $mobile: String!, $purpose: PhoneCodePurpose!, $client: ClientInput!, $key: String!) {{
  result: requestPhoneCode(mobile: $mobile, purpose: $purpose, client: $client, idempotencyKey: $key) {{
    __typename ... on PhoneCodeRequested {{ challenge expiresAt askAgainAt }} {REFUSED} }} }}"""
SIGN_IN_PHONE = f"""mutation ($challenge: ID!, $code: String!, $client: ClientInput!, $key: String!) {{
  result: signInWithPhone(challenge: $challenge, code: $code, client: $client, idempotencyKey: $key) {{
    {SIGNED_IN} ... on RegistrationNeeded {{ ticket expiresAt }} {REFUSED} }} }}"""
SIGN_IN_WECHAT = f"""mutation ($code: String!, $client: ClientInput!, $key: String!) {{
  result: signInWithWechat(jsCode: $code, client: $client, idempotencyKey: $key) {{
    {SIGNED_IN} ... on RegistrationNeeded {{ ticket expiresAt }} {REFUSED} }} }}"""
REGISTER = f"""mutation ($input: RegisterInput!, $client: ClientInput!, $key: String!) {{
  result: register(input: $input, client: $client, idempotencyKey: $key) {{ {SIGNED_IN} {REFUSED} }} }}"""
REFRESH = f"""mutation ($token: String!, $client: ClientInput!, $key: String!) {{
  result: refreshSession(refreshToken: $token, client: $client, idempotencyKey: $key) {{
    {SIGNED_IN} {REFUSED} }} }}"""
SIGN_OUT = f"""mutation ($key: String!) {{
  result: signOut(idempotencyKey: $key) {{ __typename ... on SessionEnded {{ session }} {REFUSED} }} }}"""
REVOKE_SESSION = f"""mutation ($session: ID!, $key: String!) {{
  result: revokeSession(session: $session, idempotencyKey: $key) {{
    __typename ... on SessionEnded {{ session }} {REFUSED} }} }}"""
CHANGE_MOBILE = f"""mutation ($challenge: ID!, $code: String!, $client: ClientInput!, $key: String!) {{
  result: changeMobile(challenge: $challenge, code: $code, client: $client, idempotencyKey: $key) {{
    __typename ... on MobileChanged {{ resident }} {REFUSED} }} }}"""
CHALLENGE = f"""mutation ($key: String!) {{
  result: requestDeviceChallenge(idempotencyKey: $key) {{
    __typename ... on DeviceChallengeGiven {{ challenge expiresAt }} {REFUSED} }} }}"""
REGISTER_DEVICE = f"""mutation (
  $challenge: String!, $point: DeviceKeyInput!, $signature: String!, $key: String!) {{
  result: registerDevice(
    challenge: $challenge, key: $point, signature: $signature, name: "Phone", idempotencyKey: $key) {{
    __typename
    ... on DeviceRegistered {{ device {{ id name thumbprint current }} grant {{ accessToken assurance }} }}
    {REFUSED} }} }}"""
STEP_UP = f"""mutation ($challenge: String!, $signature: String!, $key: String!) {{
  result: stepUpWithDevice(challenge: $challenge, signature: $signature, idempotencyKey: $key) {{
    __typename ... on AccessGrant {{ accessToken assurance }} {REFUSED} }} }}"""
REVOKE_DEVICE = f"""mutation ($device: ID!, $key: String!) {{
  result: revokeDevice(device: $device, idempotencyKey: $key) {{
    __typename ... on DeviceRevoked {{ device }} {REFUSED} }} }}"""
START_FACE = f"""mutation ($key: String!) {{
  result: startFaceCheck(idempotencyKey: $key) {{
    __typename ... on FaceCheckStarted {{ check url expiresAt }} {REFUSED} }} }}"""
START_FACE_BY_NAME = f"""mutation ($name: String!, $number: String!, $client: ClientInput!, $key: String!) {{
  result: startFaceCheckByName(name: $name, idNumber: $number, client: $client, idempotencyKey: $key) {{
    __typename ... on FaceCheckStarted {{ check url expiresAt }} {REFUSED} }} }}"""
COMPLETE_FACE = f"""mutation ($check: String!, $key: String!) {{
  result: completeFaceCheck(check: $check, idempotencyKey: $key) {{
    __typename ... on AccessGrant {{ accessToken assurance }} {REFUSED} }} }}"""
CHANGED = f"__typename ... on IdentityStatusChanged {{ resident status at }} {REFUSED}"
SUSPEND = f"""mutation ($key: String!) {{
  result: suspendIdentity(reason: LOST_PHONE, idempotencyKey: $key) {{ {CHANGED} }} }}"""
SUSPEND_BY_PROOF = f"""mutation (
  $name: String!, $number: String!, $challenge: ID!, $code: String!, $client: ClientInput!, $key: String!) {{
  result: suspendIdentityByProof(name: $name, idNumber: $number, challenge: $challenge, code: $code,
    client: $client, idempotencyKey: $key) {{ {CHANGED} }} }}"""
RESTORE = f"""mutation ($name: String!, $number: String!, $check: String!, $key: String!) {{
  result: restoreIdentity(name: $name, idNumber: $number, faceCheck: $check, idempotencyKey: $key) {{
    {CHANGED} }} }}"""
SUSPEND_RESIDENT = f"""mutation ($resident: ID!, $key: String!) {{
  result: suspendResident(resident: $resident, reason: SUSPECTED_MISUSE, note: "Report 17",
    idempotencyKey: $key) {{ {CHANGED} }} }}"""
RESTORE_RESIDENT = SUSPEND_RESIDENT.replace("suspendResident", "restoreResident").replace(
    "SUSPECTED_MISUSE", "RESOLVED"
)
ME = """{ result: me { id name idKind idNumberMasked mobileMasked sex birthYear city district insuredCity
  status registeredAt assurance } }"""
SESSIONS = """query ($first: Int!, $after: String) { result: sessions(first: $first, after: $after) {
  edges { cursor node { id kind label device openedAt lastUsedAt current } }
  pageInfo { hasNextPage endCursor } } }"""
DEVICES = """query ($first: Int!, $after: String) { result: devices(first: $first, after: $after) {
  edges { node { id name thumbprint current } } pageInfo { hasNextPage endCursor } } }"""


class Api(BaseApi):
    """The composed schema on real services, the outside world in the test's hands."""

    def __init__(self, services: Services, world: World) -> None:
        super().__init__(services)
        self.world = world

    def do(self, viewer: Viewer | None, document: str, **variables: Any) -> Any:
        """The result of what is allowed, under a fresh idempotency key."""
        result, denial = self.ask(viewer, document, key=key(), **variables)
        assert denial is None
        return result

    def viewer(self, token: str) -> ResidentViewer:
        """Who the access token stands for now."""
        return self.world.viewer(token)

    def documents(self) -> dict[str, int]:
        """How many documents each collection has; rate limits aside, which count refused attempts too."""
        db = self.services.foundation.db
        names = [name for name in db.list_collection_names() if "limit" not in name and "window" not in name]
        return {name: db[name].count_documents({}) for name in names}


@pytest.fixture
def api(db: Db, mongo_client: MongoClient, clock: StandingClock) -> Api:
    settings = Settings(kek=Kek.generate(), mongodb_database=db.name)
    foundation = build_foundation(settings, clock=clock, client=mongo_client)
    foundation.keyring.ensure()
    world = World(foundation, clock)
    ensure_indexes(db, world.indexes)
    services = build_services(foundation, Ports(world.wechat, world.registry, world.faces, world.sms))
    world.identity = services.identity
    return Api(services, world)


def officer(city: str | None = None) -> StaffViewer:
    roles = frozenset({StaffRole.IDENTITY_OFFICER})
    return StaffViewer("staff-1", "session-1", roles, city, None, None, frozenset())


VERIFIER = StaffViewer("staff-2", "session-2", frozenset({StaffRole.VERIFIER}), None, None, None, frozenset())

# Field → its document and arguments that are well formed but lead to nothing.
FOR_ANYONE: Mapping[str, tuple[str, dict[str, Any]]] = {
    "requestPhoneCode": (REQUEST_CODE, {"mobile": "1", "purpose": "SIGN_IN", "client": CLIENT}),
    "signInWithPhone": (SIGN_IN_PHONE, {"challenge": "none", "code": "000000", "client": CLIENT}),
    "signInWithWechat": (SIGN_IN_WECHAT, {"code": "none", "client": CLIENT}),
    "register": (
        REGISTER,
        {"input": {"name": LI[0], "idNumber": LI[1], "mobile": {}}, "client": CLIENT},
    ),
    "refreshSession": (REFRESH, {"token": "made.up.token", "client": CLIENT}),
    "startFaceCheckByName": (START_FACE_BY_NAME, {"name": LI[0], "number": "1", "client": CLIENT}),
    "suspendIdentityByProof": (
        SUSPEND_BY_PROOF,
        {"name": LI[0], "number": LI[1], "challenge": "none", "code": "000000", "client": CLIENT},
    ),
    "restoreIdentity": (RESTORE, {"name": LI[0], "number": LI[1], "check": "none"}),
}
FOR_RESIDENTS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "me": (ME, {}),
    "sessions": (SESSIONS, {"first": 5}),
    "devices": (DEVICES, {"first": 5}),
    "signOut": (SIGN_OUT, {"key": "matrix-key-000001"}),
    "revokeSession": (REVOKE_SESSION, {"session": "none", "key": "matrix-key-000002"}),
    "changeMobile": (
        CHANGE_MOBILE,
        {"challenge": "none", "code": "000000", "client": CLIENT, "key": "matrix-key-000003"},
    ),
    "requestDeviceChallenge": (CHALLENGE, {"key": "matrix-key-000004"}),
    "registerDevice": (
        REGISTER_DEVICE,
        {"challenge": "c", "point": {"x": "A", "y": "A"}, "signature": "s", "key": "matrix-key-000005"},
    ),
    "stepUpWithDevice": (STEP_UP, {"challenge": "c", "signature": "s", "key": "matrix-key-000006"}),
    "revokeDevice": (REVOKE_DEVICE, {"device": "none", "key": "matrix-key-000007"}),
    "startFaceCheck": (START_FACE, {"key": "matrix-key-000008"}),
    "completeFaceCheck": (COMPLETE_FACE, {"check": "none", "key": "matrix-key-000009"}),
    "suspendIdentity": (SUSPEND, {"key": "matrix-key-000010"}),
}
FOR_OFFICERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "suspendResident": (SUSPEND_RESIDENT, {"key": "matrix-key-000011"}),
    "restoreResident": (RESTORE_RESIDENT, {"key": "matrix-key-000012"}),
}


@pytest.mark.parametrize("field", FOR_RESIDENTS)
def test_what_is_for_residents_denies_everybody_else_without_effect(api: Api, field: str) -> None:
    api.world.register()
    document, variables = FOR_RESIDENTS[field]
    before = api.documents()
    denials = {
        viewer: api.ask(viewer, document, **variables) for viewer in (None, VERIFIER, officer("430100"))
    }
    assert denials == {
        None: (None, "UNAUTHENTICATED"),
        VERIFIER: (None, "FORBIDDEN"),
        officer("430100"): (None, "FORBIDDEN"),
    }
    assert api.documents() == before


@pytest.mark.parametrize("field", FOR_OFFICERS)
def test_what_is_for_officers_denies_everybody_else_without_effect(api: Api, field: str) -> None:
    signed_in = api.world.register()
    document, variables = FOR_OFFICERS[field]
    variables = variables | {"resident": signed_in.resident}
    before = api.documents()
    viewer = api.viewer(signed_in.access_token)
    strong = replace(viewer, assurance=Assurance.L3)
    for denied, code in (
        (None, "UNAUTHENTICATED"),
        (viewer, "FORBIDDEN"),
        (strong, "FORBIDDEN"),
        (VERIFIER, "FORBIDDEN"),
    ):
        assert api.ask(denied, document, **variables) == (None, code)
    elsewhere, _ = api.ask(officer("430300"), document, **variables)
    assert elsewhere["code"] == "NOT_FOUND"
    assert api.documents() == before
    assert api.world.counts(signed_in.access_token)


@pytest.mark.parametrize("field", FOR_ANYONE)
def test_what_is_for_anyone_refuses_what_leads_to_nothing_without_effect(api: Api, field: str) -> None:
    api.world.register()
    document, variables = FOR_ANYONE[field]
    before = api.documents()
    assert api.do(None, document, **variables)["__typename"] == "Refused"
    assert api.documents() == before


def test_a_level_too_low_is_told_the_way_up_and_changes_nothing(api: Api) -> None:
    signed_in = api.world.register()
    requested = api.world.ask_code("13900000009")
    before = api.documents()
    proof = {"challenge": requested.challenge, "code": api.world.sms.last_code("13900000009")}
    viewer = api.viewer(signed_in.access_token)
    denied = api.ask(viewer, CHANGE_MOBILE, key=key(), client=CLIENT, **proof)
    assert denied == (None, "STEP_UP_REQUIRED")
    assert api.documents() == before
    assert api.world.identity.residents.person(_resident(api, signed_in.resident)).mobile == LI[2]


def _resident(api: Api, resident: str) -> Any:
    found = api.world.identity.residents.find(resident)
    assert found is not None
    return found


def test_another_resident_s_session_and_device_are_not_found_and_stay(api: Api) -> None:
    mine = api.world.register(LI)
    device = api.world.register_device(mine.access_token, DeviceKey())
    other = api.viewer(api.world.register(WANG).access_token)
    before = api.documents()
    assert api.do(other, REVOKE_SESSION, session=mine.session)["code"] == "NOT_FOUND"
    assert api.do(other, REVOKE_DEVICE, device=device.device.id)["code"] == "NOT_FOUND"
    assert api.documents() == before
    assert api.world.counts(device.grant.access_token)
    listed, _ = api.ask(other, SESSIONS, first=100)
    assert mine.session not in [edge["node"]["id"] for edge in listed["edges"]]
    devices, _ = api.ask(other, DEVICES, first=100)
    assert devices["edges"] == []


def test_somebody_comes_in_registers_and_sees_themselves(api: Api) -> None:
    requested = api.do(None, REQUEST_CODE, mobile=LI[2], purpose="SIGN_IN", client=CLIENT)
    code = api.world.sms.last_code(LI[2])
    needed = api.do(None, SIGN_IN_PHONE, challenge=requested["challenge"], code=code, client=CLIENT)
    assert needed["__typename"] == "RegistrationNeeded"
    given = {"name": LI[0], "idNumber": LI[1], "mobile": {"ticket": needed["ticket"]}}
    signed_in = api.do(None, REGISTER, input=given, client=CLIENT)
    viewer = api.viewer(signed_in["accessToken"])
    me, _ = api.ask(viewer, ME)
    now = api.world.clock.now().astimezone(CHINA).isoformat(timespec="seconds")
    assert me == {
        "id": signed_in["resident"],
        "name": LI[0],
        "idKind": "MAINLAND",
        "idNumberMasked": "43**************15",
        "mobileMasked": "130****0001",
        "sex": "MALE",
        "birthYear": 1990,
        "city": "430100",
        "district": "430102",
        "insuredCity": None,
        "status": "ACTIVE",
        "registeredAt": now,
        "assurance": "L1",
    }
    sessions, _ = api.ask(viewer, SESSIONS, first=10)
    assert [(edge["node"]["label"], edge["node"]["current"]) for edge in sessions["edges"]] == [
        ("Li's phone", True)
    ]


def test_wechat_leads_to_registration_and_then_straight_in(api: Api) -> None:
    needed = api.do(None, SIGN_IN_WECHAT, code=api.world.wechat_code("openid-1"), client=CLIENT)
    proof = api.world.prove(LI[2])
    given = {
        "name": LI[0],
        "idNumber": LI[1],
        "mobile": {"challenge": proof.challenge, "code": proof.code},
        "wechatTicket": needed["ticket"],
    }
    registered = api.do(None, REGISTER, input=given, client=CLIENT)
    again = api.do(None, SIGN_IN_WECHAT, code=api.world.wechat_code("openid-1"), client=CLIENT)
    assert (again["__typename"], again["resident"]) == ("SignedIn", registered["resident"])


def test_a_device_and_then_a_face_raise_the_level(api: Api) -> None:
    phone, viewer = DeviceKey(), api.viewer(api.world.register().access_token)
    challenge = api.do(viewer, CHALLENGE)["challenge"]
    signature = phone.sign(registration_text(challenge, phone.thumbprint))
    point = {"x": phone.x, "y": phone.y}
    registered = api.do(viewer, REGISTER_DEVICE, challenge=challenge, point=point, signature=signature)
    assert (registered["device"]["thumbprint"], registered["grant"]["assurance"]) == (phone.thumbprint, "L2")
    bound = api.viewer(registered["grant"]["accessToken"])
    challenge = api.do(bound, CHALLENGE)["challenge"]
    signature = phone.sign(step_up_text(challenge, registered["device"]["id"]))
    assert api.do(bound, STEP_UP, challenge=challenge, signature=signature)["assurance"] == "L2"
    check = api.do(bound, START_FACE)["check"]
    assert api.do(bound, COMPLETE_FACE, check=check)["code"] == "FACE_PENDING"
    api.world.faces.results[LI[1]] = FaceResult.PASSED
    lifted = api.do(bound, COMPLETE_FACE, check=check)
    assert lifted["assurance"] == "L3"
    me, _ = api.ask(api.viewer(lifted["accessToken"]), ME)
    assert me["assurance"] == "L3"


def test_a_lost_phone_is_suspended_by_proof_and_restored_by_face(api: Api) -> None:
    signed_in = api.world.register()
    api.world.clock.advance(121)
    sent = api.do(None, REQUEST_CODE, mobile=LI[2], purpose="SUSPEND", client=CLIENT)
    code = api.world.sms.last_code(LI[2])
    person = {"name": LI[0], "number": LI[1]}
    suspended = api.do(
        None, SUSPEND_BY_PROOF, challenge=sent["challenge"], code=code, client=CLIENT, **person
    )
    assert suspended["status"] == "SUSPENDED"
    assert not api.world.counts(signed_in.access_token)
    refresh = api.do(None, REFRESH, token=signed_in.refresh_token, client=CLIENT)
    assert refresh["code"] == "SESSION_ENDED"
    check = api.do(None, START_FACE_BY_NAME, client=CLIENT, **person)["check"]
    api.world.faces.results[LI[1]] = FaceResult.PASSED
    assert api.do(None, RESTORE, check=check, **person)["status"] == "ACTIVE"


def test_an_officer_suspends_and_restores_a_resident_of_their_city(api: Api) -> None:
    signed_in = api.world.register()
    suspended = api.do(officer("430100"), SUSPEND_RESIDENT, resident=signed_in.resident)
    assert suspended["status"] == "SUSPENDED"
    assert not api.world.counts(signed_in.access_token)
    twice = api.do(officer("430100"), SUSPEND_RESIDENT, resident=signed_in.resident)
    assert twice["code"] == "IDENTITY_SUSPENDED"
    restored = api.do(officer("430100"), RESTORE_RESIDENT, resident=signed_in.resident)
    assert restored["status"] == "ACTIVE"


def test_signing_out_and_renewing(api: Api) -> None:
    signed_in = api.world.register()
    renewed = api.do(None, REFRESH, token=signed_in.refresh_token, client=CLIENT)
    assert renewed["__typename"] == "SignedIn"
    ended = api.do(api.viewer(renewed["accessToken"]), SIGN_OUT)
    assert ended == {"__typename": "SessionEnded", "session": signed_in.session}
    assert not api.world.counts(renewed["accessToken"])


def test_refusals_speak_the_caller_s_language(api: Api) -> None:
    given = {"challenge": "none", "code": "000000", "client": CLIENT}
    english, _ = api.ask(None, SIGN_IN_PHONE, "en", key=key(), **given)
    chinese, _ = api.ask(None, SIGN_IN_PHONE, "zh-CN", key=key(), **given)
    assert english["code"] == chinese["code"] == "PHONE_CODE_WRONG"
    assert english["message"].startswith("The code")
    assert chinese["message"].startswith("验证码")


@pytest.mark.parametrize("installation", ["", "short", "x" * 65, "new\nline-new-line"])
def test_an_installation_id_of_another_shape_is_refused(api: Api, installation: str) -> None:
    client = CLIENT | {"installation": installation}
    refused = api.do(None, REQUEST_CODE, mobile=LI[2], purpose="SIGN_IN", client=client)
    assert refused["code"] == "BAD_INPUT"
    assert api.world.sms.sent == []


def test_a_page_of_more_than_a_hundred_sessions_is_refused(api: Api) -> None:
    refused = api.ask(api.viewer(api.world.register().access_token), SESSIONS, first=101)
    assert refused == (None, "BAD_INPUT")
