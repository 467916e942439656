"""A log, its witnesses and a receipt, all in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from harbourlight.proofs import merkle
from harbourlight.proofs.checkpoints import Checkpoint
from harbourlight.proofs.merkle import Node, Span
from harbourlight.proofs.notes import COSIGNATURE, Note, SignerKey
from harbourlight.proofs.policy import LogPolicy
from harbourlight.proofs.prooffile import ProofFile
from harbourlight.proofs.receipts import ReceiptText, derive_salt
from harbourlight.signing import CaseKey

ORIGIN = "harbourlight.test/receipts"
KEY = SignerKey.of(ORIGIN, bytes(range(32)))
WITNESSES = [SignerKey.of(f"witness.test/{n}", bytes([n]) * 32, COSIGNATURE) for n in (1, 2, 3)]
POLICY = LogPolicy(KEY.verifier, tuple(one.verifier for one in WITNESSES), 2)
NOW = 1_790_000_000
"""Seconds since 1970."""


@dataclass
class Tree:
    """Keeps every perfect subtree, as the ledger does."""

    nodes: dict[Node, bytes] = field(default_factory=dict)
    size: int = 0

    def append(self, entries: Sequence[bytes]) -> None:
        leaves = [merkle.leaf_hash(one) for one in entries]
        for first, hashes in merkle.grow(self.size, self.nodes, leaves):
            for n, one in enumerate(hashes):
                self.nodes[Node(first.level, first.number + n)] = one
        self.size += len(entries)

    def span(self, span: Span) -> bytes:
        return merkle.fold([self.nodes[one] for one in merkle.perfect_subtrees(span)])

    def root(self, size: int) -> bytes:
        return self.span(Span(0, size))

    def inclusion(self, index: int, size: int) -> list[bytes]:
        return [self.span(one) for one in merkle.inclusion_spans(index, size)]

    def consistency(self, old: int, new: int) -> list[bytes]:
        return [self.span(one) for one in merkle.consistency_spans(old, new)]

    def checkpoint(self, size: int, *witnesses: SignerKey) -> Note:
        note = Checkpoint(ORIGIN, size, self.root(size)).sign(KEY)
        # Each a minute after the one before.
        times = range(NOW, NOW + 60 * len(witnesses), 60)
        return note.with_signatures(
            [one.sign(note.text, time) for one, time in zip(witnesses, times, strict=True)]
        )


def tree(entries: Sequence[bytes]) -> Tree:
    made = Tree()
    made.append(entries)
    return made


CASE = CaseKey.from_private_bytes(b"k" * 32)
NONCE, REQUEST_HASH = b"n" * 32, b"h" * 32
TEXT = ReceiptText(
    derive_salt(NONCE, CASE.public_bytes, REQUEST_HASH),
    CASE.handle,
    "0198c0de-0000-7000-8000-000000000001",
    "harbourlight.reporting.v1.ReportFiled",
    datetime(2026, 11, 24, 12, 30, 45, 123456, UTC),
)


def receipt(*witnesses: SignerKey, entries: int = 12, index: int = 6) -> ProofFile:
    """A receipt of TEXT, in a log of so many entries, with the text in it."""
    others = [bytes([n]) * 32 for n in range(entries - 1)]
    log = tree([*others[:index], TEXT.commitment, *others[index:]])
    proof = tuple(log.inclusion(index, entries))
    return ProofFile(index, proof, log.checkpoint(entries, *witnesses), str(TEXT).encode())
