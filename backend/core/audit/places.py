"""Judging what stands at a place of the log by its neighbours in the chain and its leaf in the tree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from backend.core.audit.findings import Finding, Kind
from backend.core.audit.head import link
from backend.core.audit.merkle import leaf_hash
from backend.core.audit.models import digest, parse
from backend.core.audit.tiles import HASH, WIDTH, Tile, TileStore
from backend.core.mongo.client import Document

_KEPT_TILES: Final = 64
_SEARCHES: Final = 8


class Leaves:
    """The leaf hashes that the tree stores, read by the tile; a few tiles are kept."""

    def __init__(self, tiles: TileStore, size: int) -> None:
        self._tiles = tiles
        self._size = size
        self._kept: dict[Tile, bytes] = {}
        self._searches = 0

    def load(self, start: int, end: int) -> None:
        """Has the tiles at hand that span from `start` to `end`: one find."""
        wanted = [(0, n) for n in range(max(start, 0) // WIDTH, end // WIDTH + 1)]
        self._kept = self._tiles.load(wanted)

    def at(self, seq: int) -> bytes | None:
        """The stored leaf hash of a place, None when the tree has none."""
        if seq < 0:
            return None
        tile = (0, seq // WIDTH)
        if tile not in self._kept:
            if len(self._kept) >= _KEPT_TILES:
                self._kept.clear()
            self._kept |= {tile: b""} | self._tiles.load([tile])
        start = seq % WIDTH * HASH
        return self._kept[tile][start : start + HASH] or None

    def find(self, leaf: bytes, guesses: Iterable[int]) -> int | None:
        """The place of a leaf hash: one of the guesses, else by searching the tree, a few times at most."""
        for guess in guesses:
            if self.at(guess) == leaf:
                return guess
        if self._searches >= _SEARCHES:
            return None
        self._searches += 1
        for first in range(0, self._size // WIDTH + 1, _KEPT_TILES):
            found = self._tiles.load((0, n) for n in range(first, first + _KEPT_TILES))
            for (_, number), hashes in found.items():
                for offset in range(0, len(hashes), HASH):
                    if hashes[offset : offset + HASH] == leaf:
                        return number * WIDTH + offset // HASH
        return None


@dataclass(frozen=True, slots=True)
class Seen:
    """A stored entry, and what of it holds: `leaf` None when it has no content at all."""

    leaf: bytes | None
    digest: bytes | None
    previous: object
    chain: object
    sound: bool

    def linked(self, seq: int, before: bytes | None) -> bool:
        """Whether its chain hash is right for this place, after `before` where that is known."""
        if self.digest is None or not isinstance(self.previous, bytes):
            return False
        follows = before is None or self.previous == before
        return follows and self.chain == link(self.previous, seq, self.digest)


def look(row: Document) -> Seen:
    """What a stored entry holds."""
    content = row.get("content")
    if not isinstance(content, bytes):
        return Seen(None, None, row.get("previous"), row.get("chain"), sound=False)
    return Seen(
        leaf_hash(content), digest(content), row.get("previous"), row.get("chain"), _sound(row, content)
    )


def _sound(row: Document, content: bytes) -> bool:
    """Whether digest and the fields beside the content are those of the content."""
    try:
        record = parse(content, None)
    except ValueError:
        return False
    entry = record.entry
    said = (record.id, record.at, digest(content), entry.subject, entry.reference)
    stored = (row["_id"], row.get("at"), row.get("digest"), row.get("subject"), row.get("reference"))
    return said == stored


class Judge:
    """Goes from place to place, and remembers the last one's chain hash and how far entries are displaced."""

    def __init__(self, leaves: Leaves, chain: bytes | None) -> None:
        self._leaves = leaves
        self._shift = 0
        self.chain = chain
        """The chain hash before the next place, None when what stood there can't be trusted."""

    def judge(self, seq: int, rows: Mapping[int, list[Seen]]) -> tuple[bytes | None, list[Finding]]:
        """The leaf hash that belongs to the place, as well as can be known, and what is wrong there."""
        wanted = self._leaves.at(seq)
        here = rows.get(seq, [])
        if not here:
            self.chain = None
            return wanted, [Finding(Kind.REMOVED, seq, seq)]
        seen = next((one for one in here if one.leaf == wanted), here[0])
        extra = [Finding(Kind.INSERTED, seq, seq)] if len(here) > 1 else []
        following = next(iter(rows.get(seq + 1, [])), None)
        kind = self._kind(seq, seen, wanted, following)
        self.chain = seen.chain if seen.linked(seq, self.chain) and isinstance(seen.chain, bytes) else None
        if kind is None:
            return wanted, extra
        leaf = seen.leaf if kind is Kind.TREE else wanted
        return leaf, [*extra, *self._findings(kind, seq, seen, following)]

    def _kind(self, seq: int, seen: Seen, wanted: bytes | None, following: Seen | None) -> Kind | None:
        linked = seen.linked(seq, self.chain)
        if seen.leaf == wanted and wanted is not None:
            if not seen.sound:
                return Kind.CHANGED
            return None if linked else Kind.CHAIN
        confirmed = following is None or following.previous == seen.chain
        return Kind.TREE if linked and confirmed else Kind.MOVED

    def _findings(self, kind: Kind, seq: int, seen: Seen, following: Seen | None) -> list[Finding]:
        if kind is not Kind.MOVED:
            return [Finding(kind, seq, seq)]
        guesses = (seq + self._shift, seq + 1, seq - 1)
        placed = None if seen.leaf is None else self._leaves.find(seen.leaf, guesses)
        if placed is None:
            # Unknown to the tree. If the entry that belongs here comes next, this one was put before it.
            pushed = following is not None and following.leaf == self._leaves.at(seq)
            return [Finding(Kind.INSERTED if pushed else Kind.CHANGED, seq, seq)]
        closed = self._closes_a_gap(seq, placed, following)
        self._shift = placed - seq
        return [*closed, Finding(Kind.MOVED, seq, seq, placed)]

    def _closes_a_gap(self, seq: int, placed: int, following: Seen | None) -> list[Finding]:
        """That entries were removed here, when those behind them have moved up together."""
        shift = placed - seq
        together = following is None or following.leaf == self._leaves.at(placed + 1)
        if shift <= self._shift or shift <= 0 or not together:
            return []
        return [Finding(Kind.REMOVED, seq, seq + shift - 1)]
