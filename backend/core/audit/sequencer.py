"""The sequencer: gives entries their place in the log, after they were written and without their writers.

Order of placement is what counts. Entries that are waiting together are placed by time and id; one whose
transaction commits late comes after entries with a later time, and keeps the time at which it was made.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from pymongo import UpdateOne
from pymongo.errors import PyMongoError

from backend.core.audit.checkpoint import Checkpoints
from backend.core.audit.head import DamagedLog, Head, Heads, Superseded, link
from backend.core.audit.lease import Lease
from backend.core.audit.log import ENTRIES, AuditLog
from backend.core.audit.merkle import leaf_hash
from backend.core.audit.models import digest
from backend.core.audit.note import BadNote
from backend.core.audit.tiles import DamagedTree, Edge, Tile, TileStore
from backend.core.clock import Clock
from backend.core.keyring import Keyring, NoActiveKey
from backend.core.mongo.client import Db, Document, Session, transact_in
from backend.core.sealing import BadKek

BATCH: Final = 1000
POLL_SECONDS: Final = 0.2
LEASE_SECONDS: Final = 3.0
CHECKPOINT_SECONDS: Final = 60.0
WATCH_SECONDS: Final = 10.0
ALARM_AGE: Final = timedelta(seconds=60)

# What an operator has to mend; placing goes on as soon as they have, and before that as far as it can.
_FAULTS: Final = (PyMongoError, DamagedLog, DamagedTree, BadNote, NoActiveKey, BadKek)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Tip:
    """Where the log ends: its head and the tree's edge, which always belong together."""

    head: Head
    edge: Edge


@dataclass(frozen=True, slots=True)
class Placement:
    """What one batch changes: the new tip, each entry's place, and the tree's tiles."""

    tip: Tip
    places: tuple[UpdateOne, ...]
    tiles: dict[Tile, bytes]


def place(tip: Tip, rows: Sequence[Document]) -> Placement:
    """Puts entries, in the order given, behind the tip: a pure function."""
    chain, places = tip.head.chain, []
    for seq, row in enumerate(rows, tip.head.size):
        previous, chain = chain, link(chain, seq, digest(row["content"]))
        change = {"$set": {"seq": seq, "previous": previous, "chain": chain}}
        places.append(UpdateOne({"_id": row["_id"], "seq": None}, change))
    edge, tiles = tip.edge.extended(leaf_hash(row["content"]) for row in rows)
    return Placement(Tip(Head(edge.size, chain, edge.root()), edge), tuple(places), tiles)


class Sequencer:
    """Places waiting entries in batches, one transaction each, and publishes checkpoints.

    Run as many as there are workers: one leads, by lease, the others stand by; `owner` tells people which.
    Two that both believe to lead can't harm the log, as each batch moves the head by compare-and-set.
    Writers take no part in any of this, and so never wait for it. `origin` names the log in checkpoints.
    """

    def __init__(
        self,
        db: Db,
        keyring: Keyring,
        clock: Clock,
        owner: str,
        *,
        origin: str,
        batch: int = BATCH,
        lease_seconds: float = LEASE_SECONDS,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        self._entries = db[ENTRIES]
        self._heads = Heads(db)
        self._tiles = TileStore(db)
        self._log = AuditLog(db, clock)
        self._checkpoints = Checkpoints(db, keyring, clock, origin)
        self._lease = Lease(db, owner, lease_seconds)
        self._batch = batch
        self._tip: Tip | None = None
        self._checkpoint_due = _Every(checkpoint_seconds)
        self._watch_due = _Every(WATCH_SECONDS)

    def run(self, stop: threading.Event) -> None:
        """Places entries until `stop` is set; faults are logged and tried again after a second.

        It looks for entries every 0.2 s rather than follow a change stream: what waits together is placed
        together, and an idle log costs one look into a small index.
        """
        while not stop.is_set():
            try:
                if self._turn() < self._batch:
                    stop.wait(POLL_SECONDS)
            except _FAULTS as fault:
                self._tip = None
                _log.error("audit_sequencer_failed", kind=type(fault).__name__, reason=str(fault)[:300])
                stop.wait(1)
        self._release()

    def step(self) -> int:
        """Places one batch if there is one and we lead; returns the number of entries placed.

        Raises DamagedLog or DamagedTree rather than continue a log whose parts contradict each other.
        """
        token = self._lease.hold()
        if token is None:
            self._tip = None
            return 0
        tip, self._tip = self._tip or self._start(), None
        rows = self._waiting()
        if rows:
            try:
                tip = self._commit(tip.head, place(tip, rows), token)
            except Superseded:
                return 0
        self._tip = tip
        return len(rows)

    def _turn(self) -> int:
        placed = self.step()
        if self._tip is not None and self._checkpoint_due():
            self._checkpoints.publish()
        if self._watch_due():
            self._alarm()
        return placed

    def _alarm(self) -> None:
        age = self._log.oldest_unplaced_age()
        if age > ALARM_AGE:
            _log.error("audit_entry_unplaced", seconds=int(age.total_seconds()))

    def _release(self) -> None:
        try:
            self._lease.release()
        except PyMongoError as fault:
            _log.warning("audit_lease_kept", kind=type(fault).__name__, seconds=LEASE_SECONDS)

    def _waiting(self) -> list[Document]:
        # What has no content was never written by us; it waits until the alarm brings somebody to look at it.
        query = {"seq": None, "content": {"$type": "binData"}}
        found = self._entries.find(query, {"content": 1}).sort([("at", 1), ("_id", 1)])
        return list(found.limit(self._batch))

    def _commit(self, old: Head, placement: Placement, token: int) -> Tip:
        def work(session: Session) -> None:
            self._heads.move(old, placement.tip.head, token, session)
            done = self._entries.bulk_write(list(placement.places), ordered=False, session=session)
            if done.modified_count != len(placement.places):
                raise Superseded
            self._tiles.save(placement.tiles, session)

        transact_in(self._lease.session, work)
        return placement.tip

    def _start(self) -> Tip:
        self._heads.start()
        return transact_in(self._lease.session, self._load)

    def _load(self, session: Session) -> Tip:
        """The tip as of one snapshot, once head, tree and last entry are seen to agree."""
        head = self._heads.read(session) or Head()
        edge = self._tiles.edge(head.size, session)
        if edge.root() != head.root:
            raise DamagedLog(f"the tree of {head.size} entries doesn't have the head's root")
        query = {"seq": {"$gte": max(head.size - 1, 0)}}
        last = self._entries.find(query, session=session).sort("seq", 1).limit(2)
        wanted = [(head.size - 1, head.chain)] if head.size else []
        if [(row["seq"], row.get("chain")) for row in last] != wanted:
            raise DamagedLog(f"the head says {head.size} entries, but the last ones placed say otherwise")
        return Tip(head, edge)


class _Every:
    """True at most once in so many seconds, by the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True
