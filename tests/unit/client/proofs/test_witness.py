"""A witness: what it cosigns, what it refuses, and what it remembers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight.errors import BadFile
from harbourlight.proofs.checkpoints import open_checkpoint
from harbourlight.proofs.merkle import BadProof
from harbourlight.proofs.notes import BadNote
from harbourlight.proofs.witness import Forked, Seen, SeenFile, cosign, examine
from tests.unit.client.proofs.build import KEY, NOW, WITNESSES, tree

ENTRIES = [b"%d" % n for n in range(40)]
LOG = tree(ENTRIES)
OTHER = tree([b"forged", *ENTRIES[1:]])


@given(st.integers(0, 40), st.integers(0, 40))
def test_what_continues_the_tree_is_cosigned(one: int, other: int) -> None:
    old, new = sorted((one, other))
    seen = Seen(LOG.checkpoint(old))
    opened = examine(seen, LOG.checkpoint(new), KEY.verifier, LOG.consistency(old, new))
    note = cosign(WITNESSES[0], opened, NOW + 0.9)
    (cosigned,) = open_checkpoint(str(note), KEY.verifier, [WITNESSES[0].verifier]).cosigned
    assert cosigned.time.timestamp() == NOW


def test_the_first_tree_is_believed() -> None:
    assert examine(None, LOG.checkpoint(7), KEY.verifier, []).checkpoint.size == 7


@given(st.integers(1, 40), st.integers(1, 40))
def test_what_contradicts_the_tree_is_refused(one: int, other: int) -> None:
    old, new = sorted((one, other))
    for log in (LOG, OTHER):
        with pytest.raises(BadProof if old < new else Forked):
            examine(
                Seen(LOG.checkpoint(old)),
                OTHER.checkpoint(new),
                KEY.verifier,
                log.consistency(old, new),
            )


def test_a_smaller_tree_and_a_strangers_are_refused() -> None:
    with pytest.raises(BadProof, match="had 9 before"):
        examine(Seen(LOG.checkpoint(9)), LOG.checkpoint(8), KEY.verifier, [])
    with pytest.raises(BadNote):
        examine(None, LOG.checkpoint(8), WITNESSES[0].verifier, [])
    with pytest.raises(BadNote, match="witness new"):
        cosign(KEY, open_checkpoint(LOG.checkpoint(1), KEY.verifier), NOW)


def test_what_is_remembered_survives_and_damage_is_not_taken_for_nothing(tmp_path: Path) -> None:
    file = SeenFile(tmp_path / "seen.json")
    assert file.read() == {}
    seen = {"log": Seen(LOG.checkpoint(9, *WITNESSES))}
    file.write(seen)
    assert file.read() == seen
    assert (tmp_path / "seen.json").stat().st_mode & 0o777 == 0o600
    for damage in ("", "{}", "[]", '{"seen": {"log": "x"}}', '{"seen": [1]}'):
        (tmp_path / "seen.json").write_text(damage)
        with pytest.raises(BadFile, match="could sign what contradicts"):
            file.read()
