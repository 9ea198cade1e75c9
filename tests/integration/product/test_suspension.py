"""A suspended identity is out everywhere at once: sessions and codes, on every API process."""

import time
from datetime import UTC, datetime

import httpx2

from tests.integration.product.people import VERIFY, attempt, behind, desk_token, register
from tests.product import new_key

SUSPEND = """mutation ($key: String!) { suspendIdentity(reason: LOST_PHONE, idempotencyKey: $key) {
  __typename ... on IdentityStatusChanged { status } } }"""


def statuses(product, token: str, connections: int = 24) -> set[int]:
    """What fresh connections, spread over the API processes, are answered."""
    found = set()
    for _ in range(connections):
        with httpx2.Client(base_url=product.url, trust_env=False) as client:
            answer = client.post(
                "/graphql", json={"query": "{ me { id } }"}, headers={"Authorization": f"Bearer {token}"}
            )
            found.add(answer.status_code)
    return found


def test_a_suspension_reaches_every_process_within_a_second(product):
    citizen = register(product, 1003)
    phone = citizen.phone()
    assert statuses(product, citizen.token) == {200}

    changed = product.gql(SUSPEND, citizen.token, key=new_key())["suspendIdentity"]
    suspended = time.monotonic()
    assert changed == {"__typename": "IdentityStatusChanged", "status": "SUSPENDED"}

    with behind(product) as foundation:
        scanned = product.gql(VERIFY, desk_token(foundation), **attempt(phone.code(datetime.now(UTC))))
    assert scanned["result"]["__typename"] == "CodeRejected"
    assert scanned["result"]["code"] in {"CODE_REVOKED", "IDENTITY_SUSPENDED"}

    time.sleep(max(0.0, suspended + 1.0 - time.monotonic()))
    assert statuses(product, citizen.token) == {401}
