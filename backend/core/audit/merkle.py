"""The Merkle tree of RFC 6962 §2.1 as pure functions of hashes: roots, proofs and their verification.

A node `(level, index)` stands for the complete subtree over the leaves from `index * 2**level` up to
`(index + 1) * 2**level`. Anything a root or a proof needs is made of such nodes, and they never change once
their last leaf is there.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

Node = tuple[int, int]
Span = tuple[int, int]
"""Leaves from the first number up to, but without, the second."""

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """MTH of one leaf: SHA-256(0x00 ‖ data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """MTH of two subtrees: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def complete(hashes: Sequence[bytes]) -> bytes:
    """The hash of a complete subtree from its row of hashes at one level; their number is a power of two."""
    row = hashes
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def nodes_of(span: Span) -> Iterator[Node]:
    """The complete subtrees that a span consists of, left to right.

    The span starts where RFC 6962 splits a tree, so the subtrees come in falling size.
    """
    start, end = span
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def fold(hashes: Sequence[bytes]) -> bytes:
    """The hash of a span from those of its complete subtrees, left to right; EMPTY_ROOT of none."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def span_hash(span: Span, nodes: Mapping[Node, bytes]) -> bytes:
    """MTH(D[start:end]) from the hashes of its complete subtrees; KeyError when one is missing."""
    return fold([nodes[node] for node in nodes_of(span)])


def inclusion_spans(seq: int, size: int) -> list[Span]:
    """The spans whose hashes are PATH(seq, D[size]) of RFC 6962 §2.1.1, from the leaf's sibling upwards.

    ValueError unless 0 ≤ seq < size.
    """
    if not 0 <= seq < size:
        raise ValueError(f"leaf {seq} isn't in a tree of {size}")
    spans: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if seq < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """The spans whose hashes are PROOF(old, D[new]) of RFC 6962 §2.1.2.

    ValueError unless 0 ≤ old ≤ new; nothing needs proving from an empty tree or to the same one.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} can't continue one of {old}")
    if old in {0, new}:
        return []
    spans: list[Span] = []
    start, end = 0, new
    while old < end:
        middle = start + _split(end - start)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    if start > 0:
        spans.append((start, end))
    return spans[::-1]


def _split(size: int) -> int:
    """The largest power of two smaller than `size`, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def verify_inclusion(leaf: bytes, seq: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that the leaf hash stands at `seq` in the tree (RFC 9162 §2.1.3.2)."""
    if not 0 <= seq < size:
        return False
    fn, sn, found = seq, size - 1, leaf
    for sibling in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            found = node_hash(sibling, found)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            found = node_hash(found, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and found == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether `path` proves that the new tree only adds leaves to the old one (RFC 9162 §2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == EMPTY_ROOT
    hashes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not hashes:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    return _climb(fn, sn, hashes) == (old_root, new_root)


def _climb(fn: int, sn: int, hashes: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Both roots as the proof's hashes give them; None when there are too few or too many."""
    first = second = hashes[0]
    for sibling in hashes[1:]:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node_hash(second, sibling)
        fn, sn = fn >> 1, sn >> 1
    return (first, second) if sn == 0 else None
