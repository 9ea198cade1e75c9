"""Printed cards through the schema: who may, who may not, and that a denial leaves nothing behind."""

import pytest

from backend.core.resident_id import IdKind, IdNumber
from backend.identity.repository import ResidentRepository
from backend.identity.residents import Residents
from tests.graphql.test_onecode import REQUEST, Api, api  # noqa: F401 - a fixture.
from tests.integration.onecode.world import WOMAN_1988, desk, holder

ISSUE = """mutation Issue($name: String!, $number: String!, $key: String!) {
  result: issueCard(name: $name, idNumber: $number, documentSeen: true, idempotencyKey: $key) {
    __typename ... on IssuedCard { serial expiresAt cardSvg sheetSvg } ... on Refused { code message }
  }
}"""
REVOKE_AT_DESK = """mutation Revoke($name: String!, $number: String!, $key: String!) {
  result: revokeCardsAtDesk(name: $name, idNumber: $number, idempotencyKey: $key) {
    __typename ... on CardsRevoked { count } ... on Refused { code }
  }
}"""
REVOKE = """mutation Revoke($serial: ID!, $key: String!) {
  result: revokeCard(serial: $serial, idempotencyKey: $key) {
    __typename ... on CardRevoked { serial } ... on Refused { code }
  }
}"""
VERIFY = """mutation Verify($card: String!, $request: String!) {
  result: verifyCard(card: $card, domain: "medical", purpose: "treatment", requestId: $request) {
    __typename ... on CodeAccepted { level } ... on CodeRejected { code } ... on Refused { code }
  }
}"""
MINE = "query Mine($first: Int!) { result: myCards(first: $first) { edges { node { serial revokedAt } } } }"
PERSON = {"name": "王小芳", "number": WOMAN_1988, "key": REQUEST}


@pytest.fixture(autouse=True)
def findable(api: Api) -> None:  # noqa: F811 - the fixture above.
    """Gives the resident the blind index under which a desk finds them."""
    core = api.world.core
    residents = Residents(ResidentRepository(core.db), core.sealer)
    index = residents.id_index(IdNumber(IdKind.MAINLAND, WOMAN_1988, None, None, ""))
    core.db["residents"].update_one({"_id": api.world.resident}, {"$set": {"id_index": index}})


def test_a_card_is_issued_seen_by_its_holder_and_revoked(api: Api):  # noqa: F811 - as above.
    issued, _ = api.ask(desk("medical", roles="card_issuer"), ISSUE, **PERSON)
    revoked, _ = api.ask(api.world.viewer, REVOKE, serial=issued["serial"], key=REQUEST)
    mine, _ = api.ask(api.world.viewer, MINE, first=10)

    assert issued["cardSvg"].startswith("<svg")
    assert issued["sheetSvg"].startswith("<svg")
    assert revoked == {"__typename": "CardRevoked", "serial": issued["serial"]}
    assert mine["edges"][0]["node"]["revokedAt"] is not None


def test_a_mismatch_is_refused_in_words(api: Api):  # noqa: F811 - as above.
    refused, _ = api.ask(desk("medical", roles="card_issuer"), ISSUE, **PERSON | {"name": "王大芳"})

    assert refused["code"] == "CARD_IDENTITY_MISMATCH"
    assert "王大芳" not in refused["message"]


@pytest.mark.parametrize(
    ("viewer", "document", "variables", "code"),
    [
        (None, ISSUE, PERSON, "UNAUTHENTICATED"),
        (holder("r"), ISSUE, PERSON, "FORBIDDEN"),
        (desk("medical"), ISSUE, PERSON, "FORBIDDEN"),
        (None, REVOKE_AT_DESK, PERSON, "UNAUTHENTICATED"),
        (holder("r"), REVOKE_AT_DESK, PERSON, "FORBIDDEN"),
        (desk("medical"), REVOKE_AT_DESK, PERSON, "FORBIDDEN"),
        (None, REVOKE, {"serial": "x", "key": REQUEST}, "UNAUTHENTICATED"),
        (desk("medical", roles="card_issuer"), REVOKE, {"serial": "x", "key": REQUEST}, "FORBIDDEN"),
        (None, VERIFY, {"card": "x", "request": REQUEST}, "UNAUTHENTICATED"),
        (holder("r"), VERIFY, {"card": "x", "request": REQUEST}, "FORBIDDEN"),
        (desk("medical", roles="card_issuer"), VERIFY, {"card": "x", "request": REQUEST}, "FORBIDDEN"),
        (None, MINE, {"first": 1}, "UNAUTHENTICATED"),
        (desk("medical"), MINE, {"first": 1}, "FORBIDDEN"),
    ],
)
def test_who_may_not_changes_nothing(api: Api, viewer, document, variables, code):  # noqa: F811 - as above.
    before = api.written() | {"cards": api.world.core.db["cards"].count_documents({})}

    result, denial = api.ask(viewer, document, **variables)

    assert (result, denial) == (None, code)
    assert api.written() | {"cards": api.world.core.db["cards"].count_documents({})} == before
