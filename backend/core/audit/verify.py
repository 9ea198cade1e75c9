"""Verification of the whole log: every digest, link and hash computed again, every signature checked.

It needs no trust in the database, only in the public keys; against a checkpoint that somebody else has kept,
not even in the operator, who could sign a history of their own.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pymongo

from backend.core.audit import note as signed_note
from backend.core.audit.checkpoint import CHECKPOINTS, Checkpoint, Checkpoints, read_checkpoint
from backend.core.audit.findings import Finding, Findings, Kind
from backend.core.audit.head import GENESIS, DamagedLog, Head, Heads
from backend.core.audit.log import ENTRIES
from backend.core.audit.note import BadNote
from backend.core.audit.places import Judge, Leaves, Seen, look
from backend.core.audit.tiles import HASH, WIDTH, DamagedTree, Edge, Tile, TileStore
from backend.core.keyring import PublicKey
from backend.core.mongo.client import Db, Document

CHUNK: Final = 16 * WIDTH
PAGE: Final = 100
_SCAN_SECONDS: Final = 3600
_NO_HASH: Final = bytes(HASH)

Progress = Callable[[int, int], None]
"""Called with the number of entries verified so far and in all."""


@dataclass(frozen=True, slots=True)
class Report:
    """What verification saw: the log's size and root, the checkpoints it agreed with, and what is wrong."""

    start: int
    size: int
    root: bytes
    checkpoints: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def verify(
    db: Db,
    checkpoints: Checkpoints,
    *,
    start: int = 0,
    kept: Sequence[Checkpoint] = (),
    progress: Progress | None = None,
) -> Report:
    """Walks the log from entry `start` to its head, in bounded memory, while it may go on growing.

    With `start` above 0 the entries before it are taken from the stored tree, which every later checkpoint
    still has to confirm. `kept` are checkpoints from outside, such as files that an auditor put away.
    Raises ValueError when the log doesn't reach to `start`, or a kept checkpoint only to before it.
    """
    if any(checkpoint.size < start for checkpoint in kept):
        raise ValueError("start before the smallest of the kept checkpoints, which else can't be compared")
    newest = _newest(db)  # Before the head is read, which so can't be behind it.
    walk = _Walk(db, checkpoints, start)
    ours = (_Stop(checkpoint, outside=False) for checkpoint in _rows(db, newest, walk.findings))
    theirs = sorted((_Stop(checkpoint, outside=True) for checkpoint in kept), key=_size)
    walk.run(heapq.merge(ours, theirs, key=_size), progress or _silent)
    return Report(start, walk.end, walk.edge.root(), walk.agreed, walk.findings.sorted())


def _silent(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


def _newest(db: Db) -> int:
    row = db[CHECKPOINTS].find_one({"_id": {"$gte": 0}}, {"_id": 1}, sort=[("_id", -1)])
    return int(row["_id"]) if row else 0


def _rows(db: Db, newest: int, findings: Findings) -> Iterator[Checkpoint]:
    """The stored checkpoints by size; one that says another size than it is filed under is a finding.

    Read page by page, as the walk between two pages can take longer than a cursor lives.
    """
    above = -1
    while page := list(
        db[CHECKPOINTS].find({"_id": {"$gt": above, "$lte": newest}}).sort("_id", 1).limit(PAGE)
    ):
        for row in page:
            above = row["_id"]
            checkpoint = _read(row)
            if checkpoint is None:
                findings.add(Finding(Kind.SIGNATURE, int(above), int(above), size=int(above)))
            else:
                yield checkpoint


def _read(row: Document) -> Checkpoint | None:
    try:
        checkpoint = read_checkpoint(row["note"])
    except (BadNote, KeyError, AttributeError, TypeError):
        return None
    return checkpoint if checkpoint.size == row["_id"] else None


@dataclass(frozen=True, slots=True)
class _Stop:
    """A checkpoint to compare the tree with, from the database or from outside."""

    checkpoint: Checkpoint
    outside: bool


def _size(stop: _Stop) -> int:
    return stop.checkpoint.size


class _Walk:
    """The state of one verification between chunks."""

    def __init__(self, db: Db, checkpoints: Checkpoints, start: int) -> None:
        self.findings = Findings()
        self.agreed = 0
        self._entries = db[ENTRIES]
        self._tiles = TileStore(db)
        self._current, self._all = checkpoints.current_keys(), checkpoints.all_keys()
        # The entries first: the head moves in one transaction with them, so it can't be behind.
        top = self._top()
        self._head = self._read_head(Heads(db), top)
        self.end = self._find_end(top)
        if start > self.end:
            raise ValueError(f"the log has {self.end} entries, so there is no entry {start} to start from")
        self._start = start
        # How far the checkpoints agree, by where they come from: who rewrites the log can rewrite ours.
        self._agreed_to = {False: start, True: start}
        self._contradicted = {False: False, True: False}
        self.edge = self._edge(start)
        self._leaves = Leaves(self._tiles, self.end)
        self._judge = Judge(self._leaves, GENESIS if start == 0 else None)

    def run(self, history: Iterator[_Stop], progress: Progress) -> None:
        """Verifies chunk by chunk, with the checkpoints that fall into each."""
        at = self._start
        last: Checkpoint | None = None
        pending = next(history, None)
        while True:
            end = min((at // CHUNK + 1) * CHUNK, self.end)
            leaves = self._chunk(at, end)
            passed: list[_Stop] = []
            while pending is not None and (_size(pending) <= end or end == self.end):
                passed.append(pending)
                last = last if pending.outside else pending.checkpoint
                pending = next(history, None)
            self._grow(leaves, passed)
            at = end
            progress(at - self._start, self.end - self._start)
            if at == self.end or self.findings.too_many:
                break
        self._finish(last)
        if self._start == 0:
            self._count_strays()

    def _chunk(self, start: int, end: int) -> list[bytes]:
        """The leaf hashes of the places from `start` to `end`, after judging what stands there."""
        self._leaves.load(start - 1, end + 1)
        rows: dict[int, list[Seen]] = defaultdict(list)
        for row in self._entries.find({"seq": {"$gte": start, "$lte": end}}).sort("seq", 1):
            rows[row["seq"]].append(look(row))
        leaves: list[bytes] = []
        for seq in range(start, end):
            leaf, findings = self._judge.judge(seq, rows)
            leaves.append(leaf or _NO_HASH)
            for finding in findings:
                self.findings.add(finding)
        return leaves

    def _grow(self, leaves: Sequence[bytes], passed: Sequence[_Stop]) -> None:
        """Lengthens the tree, stopping where a checkpoint names a root, and compares the stored tiles."""
        tiles: dict[Tile, bytes] = {}
        done, start = 0, self.edge.size
        for stop in passed:
            upto = max(min(_size(stop) - start, len(leaves)), done)
            self.edge, changed = self.edge.extended(leaves[done:upto])
            tiles |= changed
            done = upto
            self._compare(stop)
        self.edge, changed = self.edge.extended(leaves[done:])
        self._compare_tiles(tiles | changed)

    def _compare(self, stop: _Stop) -> None:
        checkpoint, size = stop.checkpoint, _size(stop)
        if not _signed(checkpoint, self._all):
            self.findings.add(Finding(Kind.SIGNATURE, size, size, size=size))
        if size > self.end:
            self.findings.add(Finding(Kind.TRUNCATED, self.end, size - 1, size=size))
        elif size == self.edge.size and self.edge.root() == checkpoint.root:
            self._agreed_to[stop.outside] = size
            self.agreed += 1
        elif size == self.edge.size and not self._contradicted[stop.outside]:
            self._contradicted[stop.outside] = True
            first = min(self._agreed_to[stop.outside], size - 1)
            self.findings.add(Finding(Kind.REWRITTEN, first, size - 1, size=size))

    def _compare_tiles(self, tiles: Mapping[Tile, bytes]) -> None:
        """Compares every finished or lengthened tile above the leaves, which are compared one by one."""
        upper = {tile: hashes for tile, hashes in tiles.items() if tile[0] > 0}
        stored = self._tiles.load(upper)
        for tile, hashes in upper.items():
            there = stored.get(tile, b"")
            wrong = next((n for n in range(0, len(hashes), HASH) if _differ(hashes, there, n)), None)
            if wrong is not None:
                span = WIDTH ** tile[0]
                first = (tile[1] * WIDTH + wrong // HASH) * span
                self.findings.add(Finding(Kind.TREE, first, first + span - 1))

    def _finish(self, last: Checkpoint | None) -> None:
        """Holds the head against what was found, and the newest checkpoint against the keys of today."""
        if last is not None and not _signed(last, self._current):
            self.findings.add(Finding(Kind.SIGNATURE, last.size, last.size, size=last.size))
        if self._head is None or self.findings.too_many:
            return
        chain = self._judge.chain if self.end else GENESIS
        same_chain = chain is None or self._head.chain == chain
        if self._head.size == self.end and not (same_chain and self._head.root == self.edge.root()):
            self.findings.add(Finding(Kind.HEAD, self.end, self.end))

    def _count_strays(self) -> None:
        """Looks through all entries for numbers that are no places, which no index and no walk would show."""
        place = {"$type": ["int", "long", "null"]}
        with pymongo.timeout(_SCAN_SECONDS):
            strays = self._entries.count_documents({"$or": [{"seq": {"$not": place}}, {"seq": {"$lt": 0}}]})
        if strays:
            self.findings.add(Finding(Kind.STRAY, self.end, self.end, size=strays))

    def _top(self) -> int:
        """The number of places up to the last numbered entry."""
        row = self._entries.find_one({"seq": {"$gte": 0}}, {"seq": 1}, sort=[("seq", -1)])
        return int(row["seq"]) + 1 if row else 0

    def _read_head(self, heads: Heads, top: int) -> Head | None:
        try:
            head = heads.read()
        except DamagedLog:
            head = None
        if head is None and top:
            self.findings.add(Finding(Kind.HEAD, top, top))
        return head

    def _find_end(self, top: int) -> int:
        """How far the log goes, by head and tree where the entries say otherwise."""
        size = top if self._head is None else self._head.size
        if size < top:
            if not self._in_tree(size):
                self.findings.add(Finding(Kind.INSERTED, size, top - 1))
                return size
            self.findings.add(Finding(Kind.HEAD, size, size))
        elif size > top and not self._in_tree(size - 1):
            self.findings.add(Finding(Kind.HEAD, top, top))
            return top
        return max(size, top)

    def _in_tree(self, seq: int) -> bool:
        return Leaves(self._tiles, seq).at(seq) is not None

    def _edge(self, start: int) -> Edge:
        try:
            return self._tiles.edge(start)
        except DamagedTree as fault:
            raise ValueError(f"the stored tree doesn't reach to entry {start}; start from 0") from fault


def _differ(wanted: bytes, stored: bytes, at: int) -> bool:
    return wanted[at : at + HASH] != stored[at : at + HASH]


def _signed(checkpoint: Checkpoint, keys: Sequence[PublicKey]) -> bool:
    try:
        signed_note.verify(checkpoint.note, checkpoint.origin, keys)
    except BadNote:
        return False
    return True
