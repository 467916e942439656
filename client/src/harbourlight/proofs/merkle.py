"""The Merkle tree of RFC 6962: its hashes, which of them prove something, and whether they do.

A tree over `size` leaves is made of perfect subtrees. One is named by its level (0: a leaf) and
its number within the level, and its hash never changes once its last leaf is there. So whoever
keeps these hashes can prove anything about every earlier size, too.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

HASH_BYTES = 32
MOST_HASHES = 63
"""Longest proof that is read: a tree of that height has more leaves than any log will."""
LARGEST_SIZE = 2**63 - 1

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""


class BadProof(Exception):
    """The proof does not prove what it was given for; the message says what does not fit."""


class Node(NamedTuple):
    """A perfect subtree: leaves `number` * 2**`level` up to the next one's first."""

    level: int
    number: int

    @property
    def last_leaf(self) -> int:
        """The leaf that completes it."""
        return ((self.number + 1) << self.level) - 1


class Span(NamedTuple):
    """The leaves from `start` up to `end`, without it."""

    start: int
    end: int


def leaf_hash(entry: bytes) -> bytes:
    """Hash of a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two below `size`, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def perfect_subtrees(span: Span) -> list[Node]:
    """The perfect subtrees that a span of the tree is made of, from left to right.

    `start` must be a multiple of the largest power of two that fits in, as it is for every span
    of a proof.
    """
    nodes, start = [], span.start
    while start < span.end:
        level = (span.end - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return nodes


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over the hashes of `perfect_subtrees`, in their order."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def grow(
    size: int, edge: Mapping[Node, bytes], leaves: Iterable[bytes]
) -> list[tuple[Node, list[bytes]]]:
    """The perfect subtrees that appending these leaf hashes completes.

    For each level the first one, and the hashes of it and of those to its right. `edge` has the
    hashes of the perfect subtrees of a tree of `size`.
    """
    done = []
    level, number, row = 0, size, list(leaves)
    while row:
        done.append((Node(level, number), row))
        if number % 2:
            number -= 1
            row = [edge[Node(level, number)], *row]
        row = [node_hash(*pair) for pair in zip(row[::2], row[1::2], strict=False)]
        level, number = level + 1, number // 2
    return done


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over all leaf hashes of a tree."""
    rows = {first.level: row for first, row in grow(0, {}, leaves)}
    nodes = perfect_subtrees(Span(0, len(leaves)))
    return fold([rows[node.level][node.number] for node in nodes])


def inclusion_spans(index: int, size: int) -> list[Span]:
    """What the hashes of an inclusion proof are of, from the leaf's sibling up.

    Raises ValueError where the tree has no such leaf.
    """
    if not 0 <= index < size <= LARGEST_SIZE:
        raise ValueError(f"a tree of size {size} has no leaf {index}")
    spans, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """What the hashes of a consistency proof are of, in the proof's order.

    Raises ValueError where `old` is not a size from 0 to `new`.
    """
    if not 0 <= old <= new <= LARGEST_SIZE:
        raise ValueError(f"a tree of size {new} did not grow out of one of size {old}")
    if old in (0, new):
        return []
    spans, start, end = [], 0, new
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(start, middle))
            start = middle
    # The old tree's own root is known to whoever asks.
    if start:
        spans.append(Span(start, end))
    return spans[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Returns where the leaf with this hash is number `index` of the tree. Raises BadProof."""
    try:
        spans = inclusion_spans(index, size)
    except ValueError as error:
        raise BadProof(str(error)) from None
    _expect_length(proof, len(spans))
    found = leaf
    for span, sibling in zip(spans, proof, strict=True):
        found = node_hash(sibling, found) if span.end <= index else node_hash(found, sibling)
    if found != root:
        raise BadProof("the inclusion proof does not lead to the root of the tree")


def verify_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Returns where the new tree begins with the leaves of the old one. Raises BadProof."""
    try:
        spans = consistency_spans(old, new)
    except ValueError as error:
        raise BadProof(str(error)) from None
    _expect_length(proof, len(spans))
    if old == 0 and old_root != EMPTY_ROOT:
        raise BadProof("the old tree is empty, and its root is not the empty tree's")
    if old == new and old_root != new_root:
        raise BadProof(f"two trees of size {old} have different roots")
    if not spans:
        return
    hashes = list(proof)
    # Where the old tree is perfect, the proof starts from its root; else it brings the start.
    if spans[0].end > old:
        found_old = found_new = old_root
    else:
        found_old = found_new = hashes.pop(0)
        spans = spans[1:]
    for span, one in zip(spans, hashes, strict=True):
        if span.start >= old:
            found_new = node_hash(found_new, one)
        else:
            found_old, found_new = node_hash(one, found_old), node_hash(one, found_new)
    if found_old != old_root:
        raise BadProof("the consistency proof does not lead to the old root")
    if found_new != new_root:
        raise BadProof("the consistency proof does not lead to the new root")


def _expect_length(proof: Sequence[bytes], length: int) -> None:
    if len(proof) != length:
        raise BadProof(f"the proof has {len(proof)} hashes, and it takes {length}")
    if any(len(one) != HASH_BYTES for one in proof):
        raise BadProof(f"a hash of the proof is not {HASH_BYTES} bytes long")
