"""Checkpoints: the log's size and root, signed and published (C2SP tlog-checkpoint)."""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from joserfc.jwk import ECKey, OKPKey

from backend.core.audit import note as signed_note
from backend.core.audit.head import DamagedLog, Head, Heads
from backend.core.audit.note import BadNote
from backend.core.audit.tiles import TileStore
from backend.core.clock import Clock
from backend.core.keyring import KeyRecord, Keyring, PublicKey, Purpose
from backend.core.mongo.client import Db, Document

CHECKPOINTS: Final = "audit_checkpoints"
_SIZE = re.compile(r"0|[1-9]\d{0,15}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log said: with `size` entries my root is `root`. `note` is the signed text that says it."""

    origin: str
    size: int
    root: bytes
    note: str


def origin_of(public_url: str) -> str:
    """The log's name, a URL without its scheme: `https://tongyu.example/` gives `tongyu.example/audit`."""
    return public_url.partition("://")[2].rstrip("/") + "/audit"


def sign_checkpoint(origin: str, size: int, root: bytes, keyring: Keyring) -> Checkpoint:
    """A checkpoint signed with the active audit key."""
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    note = signed_note.sign(text, origin, keyring.active(Purpose.AUDIT).private)
    return Checkpoint(origin, size, root, note)


def open_checkpoint(note: str, origin: str, keys: Iterable[PublicKey]) -> Checkpoint:
    """The checkpoint in a note that one of `keys` signed for the log `origin`; raises BadNote."""
    checkpoint = read_checkpoint(note)
    signed_note.verify(note, origin, keys)
    if checkpoint.origin != origin:
        raise BadNote("the checkpoint is another log's")
    return checkpoint


def read_checkpoint(note: str) -> Checkpoint:
    """What a note says, with its signatures unchecked; raises BadNote when it isn't a checkpoint."""
    lines = note.split("\n")
    if len(lines) < 5 or lines[3] or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise BadNote("not a checkpoint")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except (binascii.Error, ValueError) as fault:
        raise BadNote("the root isn't base 64") from fault
    if len(root) != 32:
        raise BadNote("the root isn't a SHA-256 hash")
    return Checkpoint(lines[0], int(lines[1]), root, note)


def _public(record: KeyRecord) -> PublicKey:
    kind = OKPKey if record.algorithm == "EdDSA" else ECKey
    public: PublicKey = kind.import_key(dict(record.public)).public_key  # type: ignore[assignment]  # Of our two kinds.
    return public


class Checkpoints:
    """The published checkpoints, `{_id: size, root, note, kid, at}`: all of them are kept."""

    def __init__(self, db: Db, keyring: Keyring, clock: Clock, origin: str) -> None:
        self._rows = db[CHECKPOINTS]
        self._heads = Heads(db)
        self._tiles = TileStore(db)
        self._keyring = keyring
        self._clock = clock
        self._origin = origin

    @property
    def origin(self) -> str:
        """The log's name, which is also its signing keys' name."""
        return self._origin

    def latest(self) -> Checkpoint | None:
        """The newest checkpoint, None before the first: one find."""
        row = self._newest()
        return None if row is None else read_checkpoint(row["note"])

    def current_keys(self) -> tuple[PublicKey, ...]:
        """The public keys whose signatures count now."""
        return tuple(key.public for key in self._keyring.published(Purpose.AUDIT))

    def all_keys(self) -> tuple[PublicKey, ...]:
        """Every public key that ever signed a checkpoint, as history is judged by the roots in it."""
        return tuple(_public(status.record) for status in self._keyring.statuses(Purpose.AUDIT))

    def publish(self) -> Checkpoint | None:
        """Signs and stores a checkpoint if the log has grown or its key has changed; else None.

        A log must never contradict itself, so it raises DamagedLog rather than sign a root that isn't the
        head's, or a tree that doesn't continue the one of the last checkpoint.
        """
        row = self._newest()
        head = self._heads.read()  # After the row, which so can't be of a later, larger log.
        kid = self._keyring.active(Purpose.AUDIT).kid
        if head is None or head.size == 0 or (row and (row["_id"], row["kid"]) == (head.size, kid)):
            return None
        self._refuse_contradiction(head, row)
        checkpoint = sign_checkpoint(self._origin, head.size, head.root, self._keyring)
        fields = {"root": head.root, "note": checkpoint.note, "kid": kid, "at": self._clock.now()}
        self._rows.replace_one({"_id": head.size}, fields, upsert=True)
        return checkpoint

    def _newest(self) -> Document | None:
        return self._rows.find_one({"_id": {"$gte": 0}}, sort=[("_id", -1)])

    def _refuse_contradiction(self, head: Head, last: Document | None) -> None:
        if self._tiles.root(head.size) != head.root:
            raise DamagedLog(f"the tree of {head.size} entries doesn't have the head's root")
        if last is None:
            return
        before = read_checkpoint(last["note"])
        if before.size > head.size or self._tiles.root(before.size) != before.root:
            raise DamagedLog(f"the log contradicts its checkpoint of {before.size} entries")
