"""What the trust list promises is there: the status lists of codes and cards, at the addresses it names."""

from datetime import UTC, datetime

from backend.exchange.sandbox.population import person
from backend.onecode.wire.keys import from_jwk
from backend.onecode.wire.status import load_status_list
from backend.onecode.wire.trust import load_trust_list
from tests.integration.product.people import behind, desk_token, register
from tests.product import new_key

HOLDER = 1006
ISSUE_CARD = """mutation ($name: String!, $number: String!, $key: String!) {
  result: issueCard(name: $name, idNumber: $number, documentSeen: true, idempotencyKey: $key) {
    ... on IssuedCard { serial } ... on Refused { code } } }"""


def test_every_status_list_that_the_trust_list_names_is_served(product):
    one = person(HOLDER)
    register(product, HOLDER).phone()
    with behind(product) as foundation:
        token = desk_token(foundation, "general", "card_issuer")
    issued = product.gql(ISSUE_CARD, token, name=one.name, number=one.id_number, key=new_key())["result"]
    assert issued.keys() == {"serial"}

    now = datetime.now(UTC)
    roots = [from_jwk(key) for key in product.http.get("/.well-known/one-code/roots").json()["keys"]]
    trust_list = load_trust_list(product.http.get("/.well-known/one-code/trust-list").text, roots, now=now)
    addresses = {key.status_uri_of(0) for key in trust_list.keys}

    assert len(addresses) == 2, "one family for codes, one for cards"
    for address in addresses:
        assert address.startswith(product.url)
        answer = product.http.get(address)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/statuslist+cwt")
        assert not load_status_list(answer.content, trust_list, now=now, uri=address).is_revoked(0)
