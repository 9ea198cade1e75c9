"""Proofs for strangers."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.core.audit.checkpoint import Checkpoints
from backend.core.audit.log import AuditLog
from backend.core.audit.merkle import verify_consistency
from backend.core.audit.proof import BadProof, Proof, Proofs, read_proof, verify_proof
from backend.core.audit.sequencer import Sequencer
from backend.core.audit.tiles import NODES, DamagedTree, TileStore
from backend.core.errors import Refusal
from backend.core.mongo.client import Db, transact
from tests.integration.core.audit.conftest import ORIGIN, scan

SIZE = 270


@pytest.fixture
def proofs(db: Db, log: AuditLog, checkpoints: Checkpoints) -> Proofs:
    return Proofs(db, log, checkpoints)


@pytest.fixture
def ids(db: Db, log: AuditLog, sequencer: Sequencer, checkpoints: Checkpoints) -> list[str]:
    """The ids of 270 placed entries, which one checkpoint covers."""
    found = transact(db, lambda session: [log.append(scan(n), session) for n in range(SIZE)])
    sequencer.step()
    assert checkpoints.publish() is not None
    return found


@pytest.fixture
def proof(ids: list[str], proofs: Proofs) -> Proof:
    return proofs.proof_for(ids[100])


def test_a_stranger_reads_and_verifies_the_proof_of_every_entry(
    ids: list[str], proofs: Proofs, log: AuditLog, checkpoints: Checkpoints
) -> None:
    keys = checkpoints.current_keys()
    for entry_id in ids:
        record = verify_proof(read_proof(proofs.proof_for(entry_id).text()), ORIGIN, keys)
        assert record == log.find(entry_id)


def test_the_text_names_its_format_the_place_and_the_checkpoint(
    proof: Proof, checkpoints: Checkpoints
) -> None:
    lines = proof.text().split("\n")

    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[2] == f"index {proof.seq}"
    assert proof.text().endswith("\n\n" + checkpoints.latest().note)


def test_a_proof_of_anything_else_is_refused(proof: Proof, checkpoints: Checkpoints) -> None:
    keys = checkpoints.current_keys()
    wrong = [
        replace(proof, content=proof.content.replace(b"ok", b"no")),
        replace(proof, seq=proof.seq + 1),
        replace(proof, path=proof.path[1:]),
        replace(proof, path=(bytes(32), *proof.path[1:])),
        replace(
            proof, checkpoint=replace(proof.checkpoint, note=proof.checkpoint.note.replace("270", "271"))
        ),
    ]
    for bad in wrong:
        with pytest.raises(BadProof):
            verify_proof(bad, ORIGIN, keys)


def test_what_the_checkpoint_object_claims_counts_for_nothing(proof: Proof, checkpoints: Checkpoints) -> None:
    lied = replace(proof, checkpoint=replace(proof.checkpoint, size=1, root=bytes(32)))

    assert verify_proof(lied, ORIGIN, checkpoints.current_keys()).seq == proof.seq


def test_another_logs_name_or_key_is_refused(proof: Proof, checkpoints: Checkpoints) -> None:
    with pytest.raises(BadProof):
        verify_proof(proof, "other.example/audit", checkpoints.current_keys())
    with pytest.raises(BadProof):
        verify_proof(proof, ORIGIN, [Ed25519PrivateKey.generate().public_key()])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "",
        lambda text: text.replace("@v1", "@v2"),
        lambda text: text.replace("index ", "index 0"),
        lambda text: text.replace("extra ", "extra !"),
        lambda text: text.replace("\n\n", "\n", 1),
        lambda text: text.replace("\n\n", "\n" + "AAAA\n" * 70 + "\n", 1),
        lambda text: text.replace("\nindex", "\n!\nindex"),
        lambda text: text + "x" * 200_000,
    ],
)
def test_a_malformed_proof_is_refused(proof: Proof, spoil) -> None:
    with pytest.raises(BadProof):
        read_proof(spoil(proof.text()))


def test_there_is_no_proof_before_a_checkpoint_covers_the_entry(
    log: AuditLog, proofs: Proofs, sequencer: Sequencer, ids: list[str]
) -> None:
    fresh = log.append(scan(), None)

    with pytest.raises(Refusal, match="AUDIT_PROOF_NOT_YET") as waiting:
        proofs.proof_for(fresh)
    sequencer.step()
    with pytest.raises(Refusal, match="AUDIT_PROOF_NOT_YET") as placed:
        proofs.proof_for(fresh)

    assert waiting.value.retry_after == placed.value.retry_after == 60
    assert "60" in placed.value.message("zh-CN")


def test_there_is_no_proof_of_an_unknown_entry(proofs: Proofs) -> None:
    with pytest.raises(Refusal, match="NOT_FOUND"):
        proofs.proof_for("nothing")


def test_a_stored_consistency_proof_links_two_sizes(db: Db, ids: list[str]) -> None:
    tiles = TileStore(db)
    for old in (1, 2, 100, 255, 256, 257, 269, 270):
        path = tiles.consistency_proof(old, SIZE)
        assert verify_consistency(old, SIZE, tiles.root(old), tiles.root(SIZE), path)


def test_a_missing_tile_is_named(db: Db, ids: list[str], proofs: Proofs) -> None:
    db[NODES].delete_one({"_id": "0/0"})

    with pytest.raises(DamagedTree, match="0/0"):
        proofs.proof_for(ids[100])
