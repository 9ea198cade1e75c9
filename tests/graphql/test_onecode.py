"""The one code through the schema: who may, who may not, and that a denial leaves nothing behind."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from backend.core.clock import SystemClock
from backend.core.mongo.client import connect
from backend.identity.models import Assurance
from backend.services import Services, build_ports, build_services
from tests.graphql.api import Api as BaseApi
from tests.integration.onecode.world import Commands, Phone, World, add_resident, desk, holder, make_world

MY_CODE = """query MyCode($domain: String) {
  result: myCode(domain: $domain) { text expiresAt refreshSeconds domains level serverTime svg }
}"""
SCANS = """query CodeScans($first: Int!, $after: String) {
  result: codeScans(first: $first, after: $after) {
    edges { cursor node {
      id at medium accepted city department desk domain purpose purposeTitle level disclosed
      withheld { attribute title reason message } refusal refusalMessage auditEntry
    } }
    pageInfo { hasNextPage endCursor }
  }
}"""
PROOF = "query Proof($scan: ID!) { result: codeScanProof(scan: $scan) { sequence text } }"
ISSUE = """mutation Issue($keys: [String!]!, $key: String!) {
  result: issueCredentials(publicKeys: $keys, idempotencyKey: $key) {
    __typename ... on CredentialBatch { credentials domains serverTimeMs } ... on Refused { code }
  }
}"""
VERIFY = """mutation Verify($code: String!, $domain: String!, $purpose: String!, $request: String!) {
  result: verifyCode(code: $code, domain: $domain, purpose: $purpose, requestId: $request) {
    __typename
    ... on CodeAccepted {
      scan level subject disclosed { attribute title value } withheld { attribute reason message }
    }
    ... on CodeRejected { code message }
    ... on Refused { code message }
  }
}"""
CHALLENGE = """mutation Challenge($domain: String!, $purpose: String!, $request: String!) {
  result: createChallenge(domain: $domain, purpose: $purpose, requestId: $request) {
    __typename ... on ScanChallenge { challenge expiresAt } ... on Refused { code }
  }
}"""
REQUEST = "scan-request-000001"
TREATMENT = {"domain": "medical", "purpose": "treatment", "request": REQUEST}
MIGRATION = {"domain": "household", "purpose": "migration", "request": REQUEST}
WRITTEN = ("scans", "credentials", "audit_entries", "scan_challenges", "idempotency")


class Api(BaseApi):
    """The composed schema on real services, with a resident, and the commands that it costs."""

    def __init__(self, world: World, services: Services, commands: Commands) -> None:
        super().__init__(services)
        self.world = world
        self.commands = commands

    def written(self) -> dict[str, int]:
        """How many documents each collection holds."""
        return {name: self.world.core.db[name].count_documents({}) for name in WRITTEN}

    def shown(self) -> str:
        """A code of the resident's, as the mini-program shows it."""
        result, _ = self.ask(self.world.viewer, MY_CODE)
        return str(result["text"])


@pytest.fixture
def api(mongo: str) -> Iterator[Api]:
    commands, name = Commands(), f"tongyu_test_{uuid4().hex}"
    with connect(mongo, listeners=[commands]) as client:
        world = make_world(client[name], SystemClock())
        yield Api(world, build_services(world.core, build_ports(world.core)), commands)
        client.drop_database(name)


def test_a_resident_shows_a_desk_scans_and_the_resident_sees_it(api: Api):
    accepted, _ = api.ask(desk("medical"), VERIFY, code=api.shown(), **TREATMENT)
    scans, _ = api.ask(api.world.viewer, SCANS, first=10)

    assert accepted["__typename"] == "CodeAccepted"
    assert {"attribute": "NAME", "title": "Name", "value": "王小芳"} in accepted["disclosed"]
    assert [one["reason"] for one in accepted["withheld"]] == ["DISCLOSURE_CONSENT_NEEDED"]
    assert accepted["level"] == "L1"
    node = scans["edges"][0]["node"]
    assert node["id"] == accepted["scan"]
    assert (node["city"], node["desk"], node["purposeTitle"]) == ("430100", "3", "Registration for treatment")
    assert node["disclosed"] == ["NAME", "SEX", "BIRTH_YEAR", "INSURANCE_PLACE"]


def test_a_replay_is_rejected_in_the_callers_language_and_shown_to_the_resident(api: Api):
    code = api.shown()
    api.ask(desk("medical"), VERIFY, code=code, **TREATMENT)

    second, _ = api.ask(desk("medical"), VERIFY, "zh-CN", code=code, **TREATMENT)
    scans, _ = api.ask(api.world.viewer, SCANS, first=10)

    assert second == {
        "__typename": "CodeRejected",
        "code": "CODE_REPLAYED",
        "message": "此码已被使用过，请让持码人刷新后重试",
    }
    assert [one["node"]["refusal"] for one in scans["edges"]] == ["CODE_REPLAYED", None]


def test_the_same_request_for_another_code_is_refused(api: Api):
    viewer = desk("medical")
    api.ask(viewer, VERIFY, code=api.shown(), **TREATMENT)

    second, _ = api.ask(viewer, VERIFY, code=api.shown(), **TREATMENT)

    assert second["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_a_code_refreshes_with_the_step_and_not_before(api: Api):
    first, _ = api.ask(api.world.viewer, MY_CODE)

    assert 1 <= first["refreshSeconds"] <= 15
    assert first["svg"].startswith("<svg")
    assert first["level"] == "L1"
    assert first["domains"][0] == "medical"


def test_a_device_gets_one_credential_for_each_key(api: Api):
    points = Phone().points()

    batch, _ = api.ask(api.world.viewer, ISSUE, keys=points, key="issue-key-0000001")
    again, _ = api.ask(api.world.viewer, ISSUE, keys=points, key="issue-key-0000001")

    assert len(set(batch["credentials"])) == 16
    assert again["credentials"] == batch["credentials"]
    assert api.world.core.db["credentials"].count_documents({}) == 16


@pytest.mark.parametrize(
    ("viewer", "document", "variables", "code"),
    [
        (None, MY_CODE, {}, "UNAUTHENTICATED"),
        (desk("medical"), MY_CODE, {}, "FORBIDDEN"),
        (None, SCANS, {"first": 1}, "UNAUTHENTICATED"),
        (desk("medical"), SCANS, {"first": 1}, "FORBIDDEN"),
        (None, PROOF, {"scan": "x"}, "UNAUTHENTICATED"),
        (desk("medical"), PROOF, {"scan": "x"}, "FORBIDDEN"),
        (None, ISSUE, {"keys": [], "key": REQUEST}, "UNAUTHENTICATED"),
        (desk("medical"), ISSUE, {"keys": [], "key": REQUEST}, "FORBIDDEN"),
        (holder("r", "d", Assurance.L1), ISSUE, {"keys": [], "key": REQUEST}, "STEP_UP_REQUIRED"),
        (None, VERIFY, {"code": "x", **TREATMENT}, "UNAUTHENTICATED"),
        (holder("r"), VERIFY, {"code": "x", **TREATMENT}, "FORBIDDEN"),
        (desk("medical", roles="auditor"), VERIFY, {"code": "x", **TREATMENT}, "FORBIDDEN"),
        (None, CHALLENGE, MIGRATION, "UNAUTHENTICATED"),
        (holder("r"), CHALLENGE, MIGRATION, "FORBIDDEN"),
        (desk("household", roles="auditor"), CHALLENGE, MIGRATION, "FORBIDDEN"),
    ],
)
def test_who_may_not_changes_nothing(api: Api, viewer, document, variables, code):
    before = api.written()

    result, denial = api.ask(viewer, document, **variables)

    assert (result, denial) == (None, code)
    assert api.written() == before


def test_another_residents_scans_are_invisible(api: Api):
    accepted, _ = api.ask(desk("medical"), VERIFY, code=api.shown(), **TREATMENT)
    stranger = holder(add_resident(api.world.core, "430182202003074511", "李雷"))

    scans, _ = api.ask(stranger, SCANS, first=10)
    proof, denial = api.ask(stranger, PROOF, scan=accepted["scan"])

    assert scans["edges"] == []
    assert (proof, denial) == (None, "NOT_FOUND")


def test_a_page_of_a_hundred_costs_what_a_page_of_one_costs(api: Api):
    for number in range(12):
        api.ask(desk("medical"), VERIFY, code=api.shown(), **TREATMENT | {"request": f"{REQUEST}{number}"})
    counts = []
    for first in (1, 100):
        api.commands.names.clear()
        page, _ = api.ask(api.world.viewer, SCANS, first=first)
        counts.append((len(page["edges"]), list(api.commands.names)))

    assert counts == [(1, ["find"]), (12, ["find"])]


def test_pages_follow_each_other_newest_first_without_gap_or_repeat(api: Api):
    made = []
    for number in range(5):
        answer, _ = api.ask(
            desk("medical"), VERIFY, code=api.shown(), **TREATMENT | {"request": f"{REQUEST}{number}"}
        )
        made.append(answer["scan"])
    seen: list[str] = []
    cursor = None
    while len(seen) < 5:
        page, _ = api.ask(api.world.viewer, SCANS, first=2, after=cursor)
        seen += [edge["node"]["id"] for edge in page["edges"]]
        cursor = page["pageInfo"]["endCursor"]

    assert seen == made[::-1]
    assert page["pageInfo"]["hasNextPage"] is False


def test_a_high_value_purpose_needs_this_desks_challenge(api: Api):
    viewer = desk("household")

    without, _ = api.ask(viewer, VERIFY, code=api.shown(), **MIGRATION)
    made, _ = api.ask(viewer, CHALLENGE, **MIGRATION)
    again, _ = api.ask(viewer, CHALLENGE, **MIGRATION)

    assert without["code"] == "CODE_CHALLENGE_REQUIRED"
    assert made["__typename"] == "ScanChallenge"
    assert again == made
