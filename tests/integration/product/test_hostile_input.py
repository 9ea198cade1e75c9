"""Whatever text a stranger, a resident or a desk sends, the answer is coded, and holds nothing of it."""

from collections.abc import Iterator
from itertools import count, cycle
from typing import Any

import pytest

from backend.core.access_tokens import AccessTokens
from backend.core.foundation import Foundation
from backend.core.ids import new_id
from tests.integration.product.hostile import MARK, OTHERS, TEXTS, Leaf, leaves
from tests.integration.product.people import behind
from tests.product import Product

ROLES = ["verifier", "identity_officer", "card_issuer", "auditor"]
_networks = count(1)


class Callers:
    """Callers of whom no two share a limit: other residents, other staff, other networks."""

    def __init__(self, foundation: Foundation) -> None:
        public_url = foundation.settings.public_url
        self._tokens = AccessTokens(foundation.keyring, foundation.clock, public_url)
        self._now = foundation.clock.now
        self._residents = cycle([row["_id"] for row in foundation.db["residents"].find({}, {"_id": 1})])

    def headers(self, access: str) -> dict[str, str]:
        """What a caller sends who passes this access rule, from a network of their own."""
        network = next(_networks)
        sent = {"X-Forwarded-For": f"2001:db8:{network >> 16:x}:{network & 0xFFFF:x}::1"}
        token = self._token(access.partition(":")[0])
        return sent if token is None else {**sent, "Authorization": f"Bearer {token}"}

    def _token(self, audience: str) -> str | None:
        if audience == "resident":
            extra: dict[str, Any] = {"acr": "L3", "device": new_id()}
            issued = self._tokens.issue(
                "resident", next(self._residents), new_id(), auth_time=self._now(), extra=extra
            )
        elif audience == "staff":
            extra = {"roles": ROLES, "domains": ["medical"], "city": "430100", "desk": "3"}
            issued = self._tokens.issue("staff", new_id(), new_id(), auth_time=self._now(), extra=extra)
        else:
            return None
        return issued.token


@pytest.fixture(scope="module")
def callers(product: Product) -> Iterator[Callers]:
    with behind(product) as foundation:
        yield Callers(foundation)


def codes_of(answer: dict[str, Any]) -> list[str]:
    """The codes of all errors, and of the outcome."""
    found = [error["extensions"]["code"] for error in answer.get("errors", ())]
    result = (answer.get("data") or {}).get("result") or {}
    return found + ([result["code"]] if "code" in result else [])


@pytest.mark.parametrize("leaf", leaves(), ids=str)
def test_hostile_text_gets_a_coded_answer_that_holds_nothing_of_it(
    product: Product, callers: Callers, leaf: Leaf
):
    document = leaf.document()
    for name, value in (TEXTS | OTHERS).items():
        body = {"query": document, "variables": leaf.variables(value)}
        response = product.http.post("/graphql", json=body, headers=callers.headers(leaf.access))

        assert response.status_code < 500, (name, response.text)
        answer = response.json()
        codes = codes_of(answer)
        assert "INTERNAL_ERROR" not in codes, (name, answer)
        assert MARK not in response.text, (name, answer)
        assert MARK not in str(answer), (name, answer)
        assert codes or answer["data"]["result"], (name, answer)
        if name in OTHERS:
            assert codes == ["BAD_USER_INPUT"] or not isinstance(value, dict | list), (name, answer)


@pytest.mark.parametrize("surrogate", [r"\ud800", r"\udfff", r"\udfff\ud800"])
def test_a_lone_surrogate_is_refused_before_anything_is_executed(product: Product, surrogate: str):
    body = f'{{"query": "{{ __typename }}", "variables": {{"a": "{surrogate}"}}}}'

    response = product.http.post("/graphql", content=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_BAD_REQUEST"
