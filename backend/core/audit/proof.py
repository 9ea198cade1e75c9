"""Proofs for strangers: an entry's bytes, its path to the root, and the checkpoint that signs the root.

The text form is C2SP tlog-proof: whoever holds it and the log's public key needs nothing else from us.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from backend.core.audit.checkpoint import Checkpoint, Checkpoints, open_checkpoint, read_checkpoint
from backend.core.audit.log import AuditLog
from backend.core.audit.merkle import leaf_hash, verify_inclusion
from backend.core.audit.models import Record, parse
from backend.core.audit.note import MAX_NOTE, BadNote
from backend.core.audit.sequencer import CHECKPOINT_SECONDS
from backend.core.audit.tiles import TileStore
from backend.core.errors import Refusal
from backend.core.keyring import PublicKey
from backend.core.mongo.client import Db

_FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9]\d{0,15})")
_MAX_PATH: Final = 64


class BadProof(ValueError):
    """The proof is malformed or doesn't prove what it should; the text says which."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That the entry with these canonical bytes is number `seq` of the log that `checkpoint` signs."""

    content: bytes
    seq: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    def text(self) -> str:
        """The proof as C2SP tlog-proof, with the entry's bytes as its extra data."""
        lines = [_FIRST_LINE, f"extra {_base64(self.content)}", f"index {self.seq}"]
        lines += [_base64(sibling) for sibling in self.path]
        return "\n".join(lines) + "\n\n" + self.checkpoint.note


class Proofs:
    """Makes proofs from what is stored: three finds each, whatever the log's size."""

    def __init__(self, db: Db, log: AuditLog, checkpoints: Checkpoints) -> None:
        self._tiles = TileStore(db)
        self._log = log
        self._checkpoints = checkpoints

    def proof_for(self, entry_id: str) -> Proof:
        """The entry's proof in the latest checkpoint.

        Raises Refusal: NOT_FOUND, or AUDIT_PROOF_NOT_YET while no checkpoint covers the entry.
        """
        record = self._log.find(entry_id)
        if record is None:
            raise Refusal("NOT_FOUND")
        checkpoint = self._checkpoints.latest()
        if checkpoint is None or record.seq is None or record.seq >= checkpoint.size:
            seconds = int(CHECKPOINT_SECONDS)
            raise Refusal("AUDIT_PROOF_NOT_YET", retry_after=seconds, seconds=seconds)
        path = self._tiles.inclusion_proof(record.seq, checkpoint.size)
        return Proof(record.content, record.seq, path, checkpoint)


def verify_proof(proof: Proof, origin: str, keys: Iterable[PublicKey]) -> Record:
    """The entry that the proof proves, for a stranger who knows the log's name and public keys.

    Raises BadProof when the checkpoint isn't signed by one of `keys`, the path doesn't lead to its root, or
    the content isn't an audit entry.
    """
    try:
        checkpoint = open_checkpoint(proof.checkpoint.note, origin, keys)
    except BadNote as fault:
        raise BadProof(str(fault)) from fault
    leaf = leaf_hash(proof.content)
    if not verify_inclusion(leaf, proof.seq, checkpoint.size, proof.path, checkpoint.root):
        raise BadProof("the entry isn't in the tree that the checkpoint signs")
    try:
        return parse(proof.content, proof.seq)
    except ValueError as fault:
        raise BadProof(str(fault)) from fault


def read_proof(text: str) -> Proof:
    """The proof of its text form, nothing of it verified yet; raises BadProof."""
    top, gap, note = text.partition("\n\n")
    lines = top.split("\n")
    index = _INDEX.fullmatch(lines[2]) if len(lines) > 2 else None
    if len(text) > 2 * MAX_NOTE or not gap or lines[0] != _FIRST_LINE or index is None:
        raise BadProof("not a tlog-proof of ours")
    if not lines[1].startswith("extra ") or len(lines) > 3 + _MAX_PATH:
        raise BadProof("not a tlog-proof of ours")
    try:
        content = base64.b64decode(lines[1].removeprefix("extra "), validate=True)
        path = tuple(base64.b64decode(line, validate=True) for line in lines[3:])
        return Proof(content, int(index[1]), path, read_checkpoint(note))
    except (binascii.Error, ValueError) as fault:
        raise BadProof("the proof's hashes or checkpoint are malformed") from fault


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
