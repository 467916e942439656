"""The tree of RFC 6962: published vectors, a second definition, and tampering."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight.proofs import merkle
from harbourlight.proofs.merkle import BadProof, Node, Span
from tests.unit.client.proofs.build import tree

# Certificate Transparency's own: eight leaves, and the roots of every size from none to all.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        *("", "00", "10", "2021", "3031", "40414243"),
        *("5051525354555657", "606162636465666768696a6b6c6d6e6f"),
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# Index and size of the tree, then the proof's hashes.
INCLUSIONS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCIES = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
sizes = st.integers(0, 70)
batches = st.lists(st.lists(st.binary(max_size=3), max_size=9), max_size=9)


def _hex(hashes: list[bytes]) -> list[str]:
    return [one.hex() for one in hashes]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    leaves = [merkle.leaf_hash(leaf) for leaf in LEAVES[:size]]
    assert merkle.root_of(leaves).hex() == ROOTS[size]
    assert tree(LEAVES).root(size).hex() == tree(LEAVES[:size]).root(size).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSIONS)
def test_inclusion_proofs_are_those_of_certificate_transparency(index: int, size: int) -> None:
    proof = tree(LEAVES).inclusion(index, size)
    assert _hex(proof) == INCLUSIONS[index, size]
    root = bytes.fromhex(ROOTS[size])
    merkle.verify_inclusion(merkle.leaf_hash(LEAVES[index]), index, size, proof, root)


@pytest.mark.parametrize(("old", "new"), CONSISTENCIES)
def test_consistency_proofs_are_those_of_certificate_transparency(old: int, new: int) -> None:
    proof = tree(LEAVES).consistency(old, new)
    assert _hex(proof) == CONSISTENCIES[old, new]
    roots = [bytes.fromhex(ROOTS[size]) for size in (old, new)]
    merkle.verify_consistency(old, roots[0], new, roots[1], proof)


def _defined(leaves: list[bytes]) -> bytes:
    """The root as section 2.1 of RFC 6962 defines it, word by word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + _defined(leaves[:k]) + _defined(leaves[k:])).digest()


@given(batches)
def test_however_it_grew_the_root_is_the_defined_one(grown: list[list[bytes]]) -> None:
    log, leaves = tree([]), []
    for batch in grown:
        log.append(batch)
        leaves += batch
        assert log.root(log.size) == _defined(leaves)
    assert all(log.root(size) == _defined(leaves[:size]) for size in range(len(leaves) + 1))


@given(sizes, sizes, st.data())
def test_any_two_sizes_of_one_tree_are_consistent_and_every_leaf_is_included(
    one: int, other: int, data: st.DataObject
) -> None:
    old, new = sorted((one, other))
    log = tree([b"%d" % n for n in range(new)])
    proof = log.consistency(old, new)
    merkle.verify_consistency(old, log.root(old), new, log.root(new), proof)
    if new:
        index = data.draw(st.integers(0, new - 1))
        leaf = merkle.leaf_hash(b"%d" % index)
        merkle.verify_inclusion(leaf, index, new, log.inclusion(index, new), log.root(new))


@given(st.integers(1, 70), st.integers(1, 70), st.data())
def test_a_tree_that_changed_what_it_had_is_not_consistent(
    one: int, other: int, data: st.DataObject
) -> None:
    old, new = sorted((one, other))
    entries = [b"%d" % n for n in range(new)]
    honest = tree(entries)
    entries[data.draw(st.integers(0, old - 1))] = b"forged"
    forked = tree(entries)
    for log in (honest, forked):
        with pytest.raises(BadProof):
            merkle.verify_consistency(
                old, honest.root(old), new, forked.root(new), log.consistency(old, new)
            )


@given(st.integers(2, 70), st.data())
def test_a_changed_bit_of_anything_is_found(new: int, data: st.DataObject) -> None:
    log = tree([b"%d" % n for n in range(new)])
    old = data.draw(st.integers(1, new - 1))
    index = data.draw(st.integers(0, new - 1))
    leaf = merkle.leaf_hash(b"%d" % index)
    included = [leaf, log.root(new), *log.inclusion(index, new)]
    consistent = [log.root(old), log.root(new), *log.consistency(old, new)]

    def flipped(hashes: list[bytes]) -> list[bytes]:
        bit = data.draw(st.integers(0, 256 * len(hashes) - 1))
        changed = bytearray(b"".join(hashes))
        changed[bit // 8] ^= 1 << bit % 8
        return [bytes(changed[n : n + 32]) for n in range(0, len(changed), 32)]

    leaf, root, *proof = flipped(included)
    with pytest.raises(BadProof):
        merkle.verify_inclusion(leaf, index, new, proof, root)
    old_root, root, *proof = flipped(consistent)
    with pytest.raises(BadProof):
        merkle.verify_consistency(old, old_root, new, root, proof)


@given(st.integers(1, 40), st.integers(0, 45), st.integers(0, 45))
def test_a_proof_is_of_one_place_alone(size: int, index: int, claimed: int) -> None:
    log, index = tree([b"%d" % n for n in range(size)]), index % size
    proof, leaf = log.inclusion(index, size), merkle.leaf_hash(b"%d" % index)
    if claimed == index:
        return
    with pytest.raises(BadProof):
        merkle.verify_inclusion(leaf, claimed, size, proof, log.root(size))


@pytest.mark.parametrize(
    ("old", "new", "proof"),
    [
        (-1, 1, []),
        (2, 1, []),
        (1, 2**63, []),
        (0, 3, [bytes(32)]),
        (3, 3, [bytes(32)]),
        (1, 2, []),
        (1, 2, [bytes(31)]),
        (1, 2, [bytes(32)] * 64),
    ],
)
def test_what_cannot_be_a_proof_is_refused(old: int, new: int, proof: list[bytes]) -> None:
    with pytest.raises(BadProof):
        merkle.verify_consistency(old, merkle.EMPTY_ROOT, new, merkle.EMPTY_ROOT, proof)


def test_the_empty_tree_has_one_root() -> None:
    with pytest.raises(BadProof, match="empty"):
        merkle.verify_consistency(0, bytes(32), 1, bytes(32), [])


@given(st.integers(0, 2**62), st.integers(1, 2**62))
def test_a_proof_takes_few_subtrees_however_large_the_log(index: int, size: int) -> None:
    spans = merkle.inclusion_spans(index % size, size)
    nodes = [node for span in spans for node in merkle.perfect_subtrees(span)]
    assert len(spans) <= 63
    assert len(nodes) <= 2 * 63
    assert all(node.last_leaf < size for node in nodes)


def test_a_subtree_is_completed_by_its_last_leaf() -> None:
    assert [Node(0, 5).last_leaf, Node(1, 2).last_leaf, Node(3, 0).last_leaf] == [5, 5, 7]
    assert merkle.perfect_subtrees(Span(0, 7)) == [Node(2, 0), Node(1, 2), Node(0, 6)]
