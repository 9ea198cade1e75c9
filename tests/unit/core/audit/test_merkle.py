"""Roots and proofs of our Merkle tree, judged by pymerkle and by the vectors of RFC 6962's reference code."""

import hashlib
import random
from functools import cache

import pytest
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion

from backend.core.audit import merkle
from backend.core.audit.tiles import WIDTH, Edge

SIZES = list(range(1, 301))
LARGE = [511, 512, 513, 1000, 4097, 65_535, 65_536, 65_537, 70_000]


def dice(seed: int) -> random.Random:
    return random.Random(seed)


def data(number: int) -> bytes:
    return b"leaf %d" % number


@cache
def oracle(size: int) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for number in range(size):
        tree.append_entry(data(number))
    return tree


@cache
def leaves(size: int) -> tuple[bytes, ...]:
    return tuple(merkle.leaf_hash(data(number)) for number in range(size))


def nodes(size: int) -> dict[merkle.Node, bytes]:
    """Every complete subtree of the tree, by the definition."""
    found = {(0, index): leaf for index, leaf in enumerate(leaves(size))}
    level = 0
    while size >> (level + 1):
        for index in range(size >> (level + 1)):
            left, right = found[level, 2 * index], found[level, 2 * index + 1]
            found[level + 1, index] = merkle.node_hash(left, right)
        level += 1
    return found


def hashes(spans: list[merkle.Span], size: int) -> list[bytes]:
    known = nodes(size)
    return [merkle.span_hash(span, known) for span in spans]


def root(size: int) -> bytes:
    return oracle(max(LARGE)).get_root(size)


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Edge().root() == hashlib.sha256(b"").digest() == merkle.EMPTY_ROOT


# The leaves of the test in the RFC's own reference implementation (certificate-transparency, merkletree).
REFERENCE = [bytes.fromhex(x) for x in ("", "00", "10", "2021", "3031", "40414243")]
REFERENCE += [bytes.fromhex("5051525354555657"), bytes.fromhex("606162636465666768696a6b6c6d6e6f")]


def test_the_reference_implementations_root_of_eight_leaves() -> None:
    edge, _ = Edge().extended(merkle.leaf_hash(leaf) for leaf in REFERENCE)

    assert edge.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_every_root_up_to_300_is_pymerkles() -> None:
    edge = Edge()
    for size in SIZES:
        edge, _ = edge.extended([leaves(300)[size - 1]])
        assert edge.root() == root(size)
        assert edge.size == size


@pytest.mark.parametrize("size", LARGE)
def test_large_roots_are_pymerkles_however_the_leaves_come(size: int) -> None:
    edge, todo, batch = Edge(), list(leaves(size)), dice(size)
    while todo:
        count = batch.randint(1, 2000)
        edge, _ = edge.extended(todo[:count])
        todo = todo[count:]

    assert edge.root() == root(size)


@pytest.mark.parametrize("size", [255, 256, 257, 600, 65_536, 65_800])
def test_tiles_hold_the_nodes_that_the_specification_says(size: int) -> None:
    _, tiles = Edge().extended(leaves(size))
    known = nodes(size)

    for (level, index), stored in tiles.items():
        width = min(WIDTH, (size >> 8 * level) - index * WIDTH)
        wanted = b"".join(known[8 * level, index * WIDTH + offset] for offset in range(width))
        assert stored == wanted
    whole = {(0, n) for n in range((size + 255) // 256)}
    whole |= {(1, n) for n in range(((size >> 8) + 255) // 256)}
    whole |= {(2, n) for n in range(((size >> 16) + 255) // 256)}
    assert set(tiles) == whole


@pytest.mark.parametrize("step", [1, 5, 255, 256, 257, 512])
def test_tiles_that_grow_batch_by_batch_are_those_of_one_batch(step: int) -> None:
    edge, grown = Edge(), {}
    for start in range(0, 1500, step):
        edge, tiles = edge.extended(leaves(1500)[start : start + step])
        grown |= tiles

    assert (edge, grown) == Edge().extended(leaves(1500))


def test_every_inclusion_proof_up_to_300_verifies_and_is_no_longer_than_the_tree_is_high() -> None:
    known = nodes(300)
    for size in SIZES:
        for seq in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
            path = [merkle.span_hash(span, known) for span in merkle.inclusion_spans(seq, size)]
            assert merkle.verify_inclusion(leaves(300)[seq], seq, size, path, root(size))
            assert len(path) <= (size - 1).bit_length()


def test_pymerkle_and_we_accept_the_same_inclusion_hashes() -> None:
    tree = oracle(300)
    known = nodes(300)
    for size in SIZES:
        seq = (size // 2 + 3) % size
        theirs = tree.prove_inclusion(seq + 1, size)  # It counts leaves from one.
        verify_inclusion(leaves(300)[seq], root(size), theirs, index=seq + 1, size=size)
        ours = [merkle.span_hash(span, known) for span in merkle.inclusion_spans(seq, size)]
        assert sorted(ours) == sorted(h for h in theirs.path if h != leaves(300)[seq])


def test_every_consistency_proof_up_to_80_verifies() -> None:
    known = nodes(80)
    for new in range(81):
        for old in range(new + 1):
            path = [merkle.span_hash(span, known) for span in merkle.consistency_spans(old, new)]
            before = root(old) if old else merkle.EMPTY_ROOT
            after = root(new) if new else merkle.EMPTY_ROOT
            assert merkle.verify_consistency(old, new, before, after, path), (old, new)


def test_large_random_proofs_verify_as_pymerkle_proves_them() -> None:
    size, pick = 70_000, dice(6962)
    known, tree = nodes(size), oracle(max(LARGE))
    for _ in range(100):
        new = pick.randint(2, size)
        old, seq = pick.randint(1, new), pick.randrange(new)
        path = [merkle.span_hash(span, known) for span in merkle.inclusion_spans(seq, new)]
        assert merkle.verify_inclusion(leaves(size)[seq], seq, new, path, root(new))
        proof = [merkle.span_hash(span, known) for span in merkle.consistency_spans(old, new)]
        assert merkle.verify_consistency(old, new, root(old), root(new), proof)
        verify_consistency(root(old), root(new), tree.prove_consistency(old, new), old, new)


def test_a_proof_with_any_part_changed_is_refused() -> None:
    pick = dice(9162)
    for size in range(1, 70):
        seq = pick.randrange(size)
        path, leaf = hashes(merkle.inclusion_spans(seq, size), size), leaves(size)[seq]
        other = bytes(32)
        wrong = [[*path[:i], other, *path[i + 1 :]] for i in range(len(path))]
        wrong += [path[:-1]] if path else []
        wrong += [[*path, other]]
        for bad in wrong:
            assert not merkle.verify_inclusion(leaf, seq, size, bad, root(size))
        assert not merkle.verify_inclusion(other, seq, size, path, root(size))
        assert not merkle.verify_inclusion(leaf, seq, size, path, other)
        for place in set(range(size)) - {seq}:
            assert not merkle.verify_inclusion(leaf, place, size, path, root(size))
        assert not merkle.verify_inclusion(leaf, size, size, path, root(size))
        assert not merkle.verify_inclusion(leaf, -1, size, path, root(size))


def test_a_consistency_proof_with_any_part_changed_is_refused() -> None:
    other = bytes(32)
    for new in range(2, 40):
        for old in range(1, new):
            path = hashes(merkle.consistency_spans(old, new), new)
            wrong = [[*path[:i], other, *path[i + 1 :]] for i in range(len(path))]
            wrong += [path[:-1], [*path, other], []]
            for bad in wrong:
                assert not merkle.verify_consistency(old, new, root(old), root(new), bad)
            assert not merkle.verify_consistency(old, new, other, root(new), path)
            assert not merkle.verify_consistency(old, new, root(old), other, path)
    assert not merkle.verify_consistency(3, 2, root(3), root(2), [])
    assert not merkle.verify_consistency(2, 2, root(2), root(2), [other])
    assert not merkle.verify_consistency(0, 2, other, root(2), [])


@pytest.mark.parametrize("ask", [(-1, 5), (5, 5), (6, 5), (0, 0)])
def test_there_is_no_proof_for_a_leaf_outside_the_tree(ask: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="isn't in a tree"):
        merkle.inclusion_spans(*ask)


def test_a_smaller_tree_continues_none() -> None:
    with pytest.raises(ValueError, match="can't continue"):
        merkle.consistency_spans(3, 2)
