"""What a log is: how it grows, what it may sign, and what contradicts it. No I/O, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harbourlight.proofs import merkle
from harbourlight.proofs.checkpoints import Checkpoint
from harbourlight.proofs.merkle import HASH_BYTES, BadProof, Node, Span
from harbourlight.proofs.notes import BadNote, Note

LONGEST_NOTE = 8192
"""Bytes of a directory entry."""
LATEST_COSIGNATURE_SECONDS = 300
"""How far a witness's clock may be ahead."""


@dataclass(frozen=True)
class Row:
    """An entry as it is stored: with the hash of every subtree that it completes."""

    index: int
    value: bytes
    leaf: bytes
    subtrees: bytes
    """From level 1 up."""

    def hash_of(self, node: Node) -> bytes:
        """Hash of a subtree whose last leaf this is."""
        if node.level == 0:
            return self.leaf
        end = node.level * HASH_BYTES
        return self.subtrees[end - HASH_BYTES : end]


Hashes = Mapping[Node, bytes]


def grown(size: int, edge: Hashes, values: Sequence[bytes]) -> list[Row]:
    """The rows of the next entries of a log that has `size`; `edge` are its `edge_nodes`."""
    leaves = [merkle.leaf_hash(value) for value in values]
    subtrees = [bytearray() for _ in values]
    for first, hashes in merkle.grow(size, edge, leaves)[1:]:
        step = 1 << first.level
        for n, found in enumerate(hashes):
            subtrees[first.last_leaf + n * step - size] += found
    return [
        Row(size + n, value, leaf, bytes(larger))
        for n, (value, leaf, larger) in enumerate(zip(values, leaves, subtrees, strict=True))
    ]


def edge_nodes(size: int) -> list[Node]:
    """The perfect subtrees that a tree of this size is made of."""
    return merkle.perfect_subtrees(Span(0, size))


def nodes_of(spans: Iterable[Span]) -> list[Node]:
    """The perfect subtrees in these spans."""
    return [node for span in spans for node in merkle.perfect_subtrees(span)]


def fold(span: Span, hashes: Hashes) -> bytes:
    """Hash over a span of the tree."""
    return merkle.fold([hashes[node] for node in merkle.perfect_subtrees(span)])


def needed_to_compare(size: int, old: int) -> list[Node]:
    """The subtrees that `contradiction` looks at."""
    spans = merkle.consistency_spans(old, size) if old <= size else []
    return nodes_of([Span(0, size), *spans])


def contradiction(size: int, hashes: Hashes, old: Checkpoint) -> str | None:
    """Why a tree of this size, with these subtrees, does not continue `old`; None where it does.

    It trusts no stored hash: what is accepted here would convince any verifier.
    """
    if size < old.size:
        return f"the database has {size} entries of {old.origin}, and {old.size} were signed"
    spans = merkle.consistency_spans(old.size, size)
    proof = [fold(span, hashes) for span in spans]
    try:
        merkle.verify_consistency(old.size, old.root, size, fold(Span(0, size), hashes), proof)
    except BadProof as error:
        return f"the entries in the database are not the {old.size} that were signed: {error}"
    return None


def problem_of_entry(written: bytes) -> str | None:
    """Why this cannot be a directory entry, or None.

    Whether its signer is to be trusted is for readers to decide.
    """
    if len(written) > LONGEST_NOTE:
        return f"it is longer than {LONGEST_NOTE} bytes"
    try:
        note = Note.parse(written)
    except BadNote as error:
        return str(error)
    if str(note).encode() != written:
        return "it is not written as notes are"
    return None
