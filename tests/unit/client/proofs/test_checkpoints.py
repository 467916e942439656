"""Checkpoints: what they say, who must have signed them, and when witnesses saw them."""

from datetime import UTC, datetime, timedelta

import pytest

from harbourlight.proofs import merkle
from harbourlight.proofs.checkpoints import Checkpoint, open_checkpoint
from harbourlight.proofs.notes import BadNote, Note, SignerKey, encode
from tests.unit.client.proofs.build import KEY, NOW, ORIGIN, WITNESSES, tree

LOG = tree([b"a", b"b", b"c"])
SEEN = datetime.fromtimestamp(NOW, UTC)
# C2SP tlog-checkpoint.
EXAMPLE = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def test_the_example_of_the_specification_is_read() -> None:
    found = Checkpoint.parse(EXAMPLE)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert str(found) == EXAMPLE
    assert Checkpoint.parse(EXAMPLE + "more\nof it\n").extensions == ("more", "of it")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a\n1\n",
        EXAMPLE.rstrip("\n"),
        EXAMPLE + "\n",
        EXAMPLE.replace("2085", "02085"),
        EXAMPLE.replace("2085", "-2085"),
        EXAMPLE.replace("2085", "٢٠٨٥"),
        EXAMPLE.replace("20852163", str(2**63)),
        EXAMPLE.replace("20852163", "9" * 5000),
        EXAMPLE.replace("20852163", "0"),
        EXAMPLE.replace("q2I=", "q2J="),
        EXAMPLE.replace("CsUY", ""),
        EXAMPLE.replace("example.com/behind-the-sofa", ""),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        Checkpoint.parse(text)


def test_an_empty_log_has_the_empty_root() -> None:
    empty = Checkpoint(ORIGIN, 0, merkle.EMPTY_ROOT)
    assert open_checkpoint(empty.sign(KEY), KEY.verifier).checkpoint == empty
    with pytest.raises(BadNote, match="empty"):
        Checkpoint.parse(f"{ORIGIN}\n0\n{encode(bytes(32))}\n")


def test_the_witnesses_that_are_trusted_count_by_their_earliest_word() -> None:
    one, two, three = WITNESSES
    note = LOG.checkpoint(3, two, three, one)
    note = note.with_signatures([one.sign(note.text, NOW - 5), one.sign(note.text, NOW + 900)])
    opened = open_checkpoint(str(note), KEY.verifier, [one.verifier, two.verifier])
    assert [(seen.witness, seen.time) for seen in opened.cosigned] == [
        (one.verifier, SEEN - timedelta(seconds=5)),
        (two.verifier, SEEN),
    ]
    assert open_checkpoint(note, KEY.verifier).cosigned == ()


def test_a_checkpoint_of_another_key_or_another_log_is_refused() -> None:
    note = LOG.checkpoint(3, *WITNESSES)
    stranger = SignerKey.generate(ORIGIN)
    with pytest.raises(BadNote, match="not signed by the log"):
        open_checkpoint(note, stranger.verifier, [WITNESSES[0].verifier])
    elsewhere = SignerKey.of("harbourlight.test/directory", KEY.private_bytes)
    with pytest.raises(BadNote, match="not signed by the log"):
        open_checkpoint(note, elsewhere.verifier)
    with pytest.raises(BadNote, match="does not sign for"):
        Checkpoint(ORIGIN, 3, LOG.root(3)).sign(elsewhere)
    # The right key, and the name of another log in the text.
    moved = Note.sign(note.text.replace("receipts", "directory"), KEY)
    with pytest.raises(BadNote, match="of the log"):
        open_checkpoint(moved, KEY.verifier)


def test_a_trusted_witness_that_did_not_sign_this_spoils_it_and_a_stranger_does_not() -> None:
    other = tree([b"a", b"b", b"d"]).checkpoint(3, WITNESSES[0])
    note = LOG.checkpoint(3).with_signatures(other.signatures[1:])
    assert open_checkpoint(note, KEY.verifier, [WITNESSES[1].verifier]).cosigned == ()
    with pytest.raises(BadNote, match="does not match"):
        open_checkpoint(note, KEY.verifier, [WITNESSES[0].verifier])


def test_a_time_beyond_every_calendar_is_refused() -> None:
    note = LOG.checkpoint(3)
    note = note.with_signatures([WITNESSES[0].sign(note.text, 2**62)])
    with pytest.raises(BadNote, match="no time"):
        open_checkpoint(note, KEY.verifier, [WITNESSES[0].verifier])
