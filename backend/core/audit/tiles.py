"""The tree's nodes, kept in tiles of 256 hashes (C2SP tlog-tiles): two hundredths of a document an entry.

Tile `(level, index)` holds, side by side, the hashes of the complete subtrees of `256**level` leaves from
number `index * 256` on. Levels between are hashed again when they are asked for. A tile is only ever
lengthened, so what an older, smaller tree needs is a beginning of what is stored.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pymongo import ReplaceOne

from backend.core.audit.merkle import (
    Node,
    Span,
    complete,
    consistency_spans,
    fold,
    inclusion_spans,
    nodes_of,
    span_hash,
)
from backend.core.mongo.client import Db, Session

NODES: Final = "audit_nodes"
HEIGHT: Final = 8
WIDTH: Final = 2**HEIGHT
HASH: Final = 32

Tile = tuple[int, int]


class DamagedTree(Exception):
    """Hashes that the tree's size asks for aren't stored."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The tree's right-hand edge: per tile level the hashes of the unfinished tile, lowest level first."""

    rows: tuple[tuple[bytes, ...], ...] = ()

    @property
    def size(self) -> int:
        """The tree's number of leaves."""
        return sum(len(row) * WIDTH**level for level, row in enumerate(self.rows))

    def root(self) -> bytes:
        """The tree's root hash."""
        hashes = [
            complete(row[index << level : (index + 1) << level])
            for row in reversed(self.rows)
            for level, index in nodes_of((0, len(row)))
        ]
        return fold(hashes)

    def extended(self, leaves: Iterable[bytes]) -> tuple["Edge", dict[Tile, bytes]]:
        """The edge after more leaf hashes, and every tile that they finished or lengthened."""
        old = size = self.size
        rows = [list(row) for row in self.rows]
        tiles: dict[Tile, bytes] = {}
        for leaf in leaves:
            size += 1
            _push(rows, leaf, size, tiles)
        for level, row in enumerate(rows):
            if row and size >> HEIGHT * level != old >> HEIGHT * level:
                tiles[level, size >> HEIGHT * (level + 1)] = b"".join(row)
        return Edge(tuple(tuple(row) for row in rows)), tiles


def _push(rows: list[list[bytes]], leaf: bytes, size: int, tiles: dict[Tile, bytes]) -> None:
    """Adds the leaf that makes the tree `size` large; a tile that it fills is one hash of the next level."""
    carried, level = leaf, 0
    while True:
        if level == len(rows):
            rows.append([])
        rows[level].append(carried)
        if len(rows[level]) < WIDTH:
            return
        full = rows[level]
        tiles[level, (size >> HEIGHT * (level + 1)) - 1] = b"".join(full)
        carried, rows[level], level = complete(full), [], level + 1


class TileStore:
    """Tiles in MongoDB, `{_id: "level/index", hashes: bytes}`: one find a proof, whatever the tree's size."""

    def __init__(self, db: Db) -> None:
        self._nodes = db[NODES]

    def save(self, tiles: Mapping[Tile, bytes], session: Session) -> None:
        """Stores new and lengthened tiles: one bulk write in the caller's transaction."""
        self._nodes.bulk_write(
            [ReplaceOne({"_id": _key(t)}, {"hashes": hashes}, upsert=True) for t, hashes in tiles.items()],
            ordered=False,
            session=session,
        )

    def edge(self, size: int, session: Session | None = None) -> Edge:
        """The right-hand edge of the tree of `size` leaves; raises DamagedTree."""
        widths = _widths(size)
        tiles = {level: (level, size >> HEIGHT * (level + 1)) for level, width in enumerate(widths) if width}
        found = self.load(tiles.values(), session)
        return Edge(
            tuple(
                tuple(_cut(found, tiles[level], 0, width)) if width else ()
                for level, width in enumerate(widths)
            )
        )

    def root(self, size: int) -> bytes:
        """The root hash of the tree as it was with `size` leaves; raises DamagedTree."""
        return self._hashes([(0, size)])[0]

    def inclusion_proof(self, seq: int, size: int) -> tuple[bytes, ...]:
        """PATH(seq, D[size]) of RFC 6962 §2.1.1; ValueError unless seq < size, DamagedTree."""
        return self._hashes(inclusion_spans(seq, size))

    def consistency_proof(self, old: int, new: int) -> tuple[bytes, ...]:
        """PROOF(old, D[new]) of RFC 6962 §2.1.2; ValueError unless old ≤ new, DamagedTree."""
        return self._hashes(consistency_spans(old, new))

    def load(self, tiles: Iterable[Tile], session: Session | None = None) -> dict[Tile, bytes]:
        """The stored ones among these tiles: one find."""
        wanted = {_key(tile): tile for tile in tiles}
        rows = self._nodes.find({"_id": {"$in": list(wanted)}}, session=session) if wanted else ()
        return {wanted[row["_id"]]: row["hashes"] for row in rows}

    def _hashes(self, spans: Sequence[Span]) -> tuple[bytes, ...]:
        nodes = {node for span in spans for node in nodes_of(span)}
        found = self.load({_tile(node) for node in nodes})
        hashes = {node: _hash(found, node) for node in nodes}
        return tuple(span_hash(span, hashes) for span in spans)


def _widths(size: int) -> list[int]:
    widths: list[int] = []
    while size:
        widths.append(size % WIDTH)
        size >>= HEIGHT
    return widths


def _tile(node: Node) -> Tile:
    level, index = node
    return level // HEIGHT, index >> (HEIGHT - level % HEIGHT)


def _hash(tiles: Mapping[Tile, bytes], node: Node) -> bytes:
    level, index = node
    rise = level % HEIGHT
    start = (index << rise) % WIDTH
    return complete(_cut(tiles, _tile(node), start, start + (1 << rise)))


def _cut(tiles: Mapping[Tile, bytes], tile: Tile, start: int, end: int) -> list[bytes]:
    stored = tiles.get(tile, b"")
    if len(stored) < end * HASH:
        raise DamagedTree(f"tile {_key(tile)} holds {len(stored) // HASH} hashes of {end}")
    return [stored[i * HASH : (i + 1) * HASH] for i in range(start, end)]


def _key(tile: Tile) -> str:
    return f"{tile[0]}/{tile[1]}"
