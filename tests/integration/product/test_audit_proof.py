"""A resident can prove to anyone that a scan of their code stands in the log as it happened."""

import time
from datetime import UTC, datetime

import pytest

from backend.core.audit.checkpoint import Checkpoints, open_checkpoint, origin_of
from backend.core.audit.proof import BadProof, read_proof, verify_proof
from tests.integration.product.people import VERIFY, attempt, behind, desk_token, register

SCANS = "{ codeScans(first: 5) { edges { node { id accepted city desk auditEntry } } } }"
PROOF = "query ($scan: ID!) { codeScanProof(scan: $scan) { sequence text } }"


def proof_when_placed(product, token: str, scan: str) -> str:
    """The proof, as soon as a checkpoint covers the entry."""
    deadline = time.monotonic() + 90
    while True:
        answer = product.post(PROOF, token, scan=scan)
        if "errors" not in answer:
            return answer["data"]["codeScanProof"]["text"]
        assert answer["errors"][0]["extensions"]["code"] == "AUDIT_PROOF_NOT_YET", answer
        assert time.monotonic() < deadline, "no proof after 90 s"
        time.sleep(0.5)


def test_a_scan_is_proven_by_its_proof_and_the_log_s_public_key_alone(product):
    citizen, stranger = register(product, 1005), register(product, 1006)
    with behind(product) as foundation:
        answer = product.gql(
            VERIFY, desk_token(foundation), **attempt(citizen.phone().code(datetime.now(UTC)))
        )
        assert answer["result"]["__typename"] == "CodeAccepted"
        origin = origin_of(foundation.settings.public_url)
        keys = Checkpoints(foundation.db, foundation.keyring, foundation.clock, origin).current_keys()

    (seen,) = product.gql(SCANS, citizen.token)["codeScans"]["edges"]
    scan = seen["node"]
    text = proof_when_placed(product, citizen.token, scan["id"])
    record = verify_proof(read_proof(text), origin, keys)
    assert record.id == scan["auditEntry"]
    assert record.entry.action == "onecode.scan.accepted"
    assert record.entry.subject == citizen.resident
    assert record.entry.place["city"] == "430100"

    changed = text.replace(text.splitlines()[4], text.splitlines()[4][::-1], 1)
    with pytest.raises((BadProof, ValueError)):
        verify_proof(read_proof(changed), origin, keys)

    nosy = product.post(PROOF, stranger.token, scan=scan["id"])
    assert nosy["errors"][0]["extensions"]["code"] == "NOT_FOUND"

    published = product.http.get("/.well-known/audit-checkpoint")
    assert published.status_code == 200
    assert open_checkpoint(published.text, origin, keys).size > record.seq
