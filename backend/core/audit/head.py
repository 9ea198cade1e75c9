"""The log's head: how far it goes and the hashes that stand for all of it, moved by compare-and-set."""

import hashlib
from dataclasses import dataclass
from typing import Final

from backend.core.audit.merkle import EMPTY_ROOT
from backend.core.mongo.client import Db, Document, Session

STATE: Final = "audit_state"
_HEAD: Final = "head"
GENESIS: Final = hashlib.sha256(b"tongyu audit log 1").digest()
"""What stands before the first entry in the hash chain."""


class Superseded(Exception):
    """The head isn't where it was read, or a later leader has been there: another sequencer is at work."""


class DamagedLog(Exception):
    """Head, entries and tree contradict each other; the text says where. The log must not be continued."""


@dataclass(frozen=True, slots=True)
class Head:
    """The number of placed entries, the last one's chain hash, and the tree's root."""

    size: int = 0
    chain: bytes = GENESIS
    root: bytes = EMPTY_ROOT


def link(previous: bytes, seq: int, entry_digest: bytes) -> bytes:
    """The chain hash of an entry: SHA-256(previous chain hash ‖ seq as 8 bytes, big-endian ‖ its digest)."""
    return hashlib.sha256(previous + seq.to_bytes(8, "big") + entry_digest).digest()


class Heads:
    """The head's one document, `{_id: "head", size, chain, root, token}`."""

    def __init__(self, db: Db) -> None:
        self._state = db[STATE]

    def read(self, session: Session | None = None) -> Head | None:
        """The head as committed, None before the first entry; raises DamagedLog when it isn't one."""
        row = self._state.find_one({"_id": _HEAD}, session=session)
        if row is None:
            return None
        try:
            return Head(_whole(row["size"]), _hash(row["chain"]), _hash(row["root"]))
        except (KeyError, TypeError) as fault:
            raise DamagedLog("the head lacks its size or hashes") from fault

    def start(self) -> None:
        """Makes the head of an empty log if there is none yet."""
        row = _fields(Head(), 0)
        self._state.update_one({"_id": _HEAD}, {"$setOnInsert": row}, upsert=True)

    def move(self, old: Head, new: Head, token: int, session: Session) -> None:
        """Moves the head on inside the caller's transaction.

        Raises Superseded unless the head is exactly `old` and no leader with a later token has moved it.
        """
        done = self._state.update_one(
            {"_id": _HEAD, "size": old.size, "chain": old.chain, "token": {"$lte": token}},
            {"$set": _fields(new, token)},
            session=session,
        )
        if done.matched_count != 1:
            raise Superseded


def _fields(head: Head, token: int) -> Document:
    return {"size": head.size, "chain": head.chain, "root": head.root, "token": token}


def _whole(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise TypeError
    return value


def _hash(value: object) -> bytes:
    if not isinstance(value, bytes) or len(value) != len(GENESIS):
        raise TypeError
    return value
