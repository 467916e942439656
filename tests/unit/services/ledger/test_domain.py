"""How a log grows row by row, and what contradicts it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight.proofs import merkle
from harbourlight.proofs.checkpoints import Checkpoint
from harbourlight.proofs.merkle import Node, Span
from harbourlight.proofs.notes import Note, SignerKey
from services.ledger import domain
from services.ledger.domain import Row

LOG = "harbourlight.test/receipts"
batches = st.lists(st.integers(1, 20), max_size=6)


class Rows:
    """The table of entries."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    @property
    def size(self) -> int:
        return len(self._rows)

    def append(self, values: list[bytes]) -> None:
        self._rows += domain.grown(self.size, self.hashes(domain.edge_nodes(self.size)), values)

    def hashes(self, nodes: list[Node]) -> dict[Node, bytes]:
        return {node: self._rows[node.last_leaf].hash_of(node) for node in nodes}

    def root(self, size: int) -> bytes:
        return domain.fold(Span(0, size), self.hashes(domain.edge_nodes(size)))

    def contradiction(self, old: Checkpoint) -> str | None:
        nodes = domain.needed_to_compare(self.size, old.size)
        return domain.contradiction(self.size, self.hashes(nodes), old)


def grown(sizes: list[int], *, instead: int = -1) -> Rows:
    """A log that grew so; entry number `instead` is another one."""
    rows, first = Rows(), 0
    for size in sizes:
        numbers = range(first, first + size)
        rows.append([b"%d" % n if n != instead else b"forged" for n in numbers])
        first += size
    return rows


@given(batches)
def test_however_it_grew_every_row_says_the_same(sizes: list[int]) -> None:
    one, other = grown(sizes), grown([1] * sum(sizes))
    assert one.size == other.size == sum(sizes)
    for size in range(one.size + 1):
        leaves = [merkle.leaf_hash(b"%d" % n) for n in range(size)]
        assert one.root(size) == other.root(size) == merkle.root_of(leaves)


@given(batches, batches)
def test_a_log_that_grew_contradicts_nothing_that_it_signed(
    before: list[int], after: list[int]
) -> None:
    signed = grown(before)
    old = Checkpoint(LOG, signed.size, signed.root(signed.size))
    assert grown(before + after).contradiction(old) is None


@given(batches.filter(bool), batches, st.data())
def test_a_changed_or_missing_entry_contradicts(
    before: list[int], after: list[int], data: st.DataObject
) -> None:
    signed = grown(before)
    old = Checkpoint(LOG, signed.size, signed.root(signed.size))
    changed = grown(before + after, instead=data.draw(st.integers(0, signed.size - 1)))
    reason = changed.contradiction(old)
    assert reason
    assert f"are not the {signed.size} that were signed" in reason
    smaller = grown([data.draw(st.integers(0, signed.size - 1))] if signed.size > 1 else [])
    reason = smaller.contradiction(old)
    assert reason
    assert f"and {signed.size} were signed" in reason


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_little_is_read_however_long_the_log(one: int, other: int) -> None:
    old, size = sorted((one, other))
    assert len(domain.edge_nodes(size)) <= 41
    assert len(domain.needed_to_compare(size, old)) <= 41 * 4


NOTE = str(Note.sign("text\n", SignerKey.generate("desk.example"))).encode()


def test_a_directory_entry_is_a_note_and_nothing_else() -> None:
    assert domain.problem_of_entry(NOTE) is None
    long = str(Note.sign("x" * domain.LONGEST_NOTE + "\n", SignerKey.generate("a.example")))
    for broken in (b"", b"text", NOTE[:-1], NOTE + b"\n", b"\xff" + NOTE, long.encode()):
        assert domain.problem_of_entry(broken)


@pytest.mark.parametrize("level", range(4))
def test_a_row_has_the_hash_of_each_subtree_that_it_completes(level: int) -> None:
    row = Row(7, b"", b"0" * 32, b"1" * 32 + b"2" * 32 + b"3" * 32)
    assert row.hash_of(Node(level, (8 >> level) - 1)) == b"%d" % level * 32
