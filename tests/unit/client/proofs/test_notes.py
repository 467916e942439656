"""Signed notes: vectors of C2SP and of Go, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight.proofs import notes
from harbourlight.proofs.notes import BadNote, Note, SignerKey, VerifierKey
from tests.unit.client.proofs.build import NOW, WITNESSES

# C2SP signed-note.
FOO = VerifierKey.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
FOO_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ON"
    "ncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# Go's golang.org/x/mod/sumdb/note.
PETER_WRITTEN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER = VerifierKey.parse(PETER_WRITTEN)
PETER_SIGNS = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = VerifierKey.parse("EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop")
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
BY_PETER = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngot"
    "pRZb6KE6RyyBwJnAM=\n"
)
BY_ENOCH = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox"
    "33WWd1RvMc+QQ=\n"
)
# A public witness's, as transparency.dev lists it.
REMORA = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40)


def names(note: Note, *keys: VerifierKey) -> list[str]:
    return [key.name for key, _ in note.verified(keys)]


def test_the_example_of_the_specification_holds() -> None:
    assert names(Note.parse(FOO_NOTE), FOO) == ["example.com/foo"]


def test_gos_notes_hold_and_are_signed_alike() -> None:
    written = f"{TEXT}\n{BY_PETER}{BY_ENOCH}"
    note = Note.parse(written.encode())
    assert names(note, PETER, ENOCH) == ["PeterNeumann", "EnochRoot"]
    assert names(note, ENOCH) == ["EnochRoot"]
    assert names(note, FOO) == []
    assert str(note) == written
    assert str(Note.sign(TEXT, SignerKey.parse(PETER_SIGNS))) == f"{TEXT}\n{BY_PETER}"


@pytest.mark.parametrize("written", [PETER_WRITTEN, REMORA])
def test_a_verifier_key_is_written_as_it_was_read(written: str) -> None:
    assert str(VerifierKey.parse(f" {written}\n")) == written


@given(st.integers(0, len(PETER_WRITTEN) - 1), st.integers(0, 127))
def test_no_character_of_a_verifier_key_can_be_another(place: int, code: int) -> None:
    changed = PETER_WRITTEN[:place] + chr(code) + PETER_WRITTEN[place + 1 :]
    if changed.strip() != PETER_WRITTEN:
        with pytest.raises(BadNote):
            VerifierKey.parse(changed)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "x" * 100_000,
        "+" * 100_000,
        f"Peter Neumann{PETER_WRITTEN[12:]}",
    ],
)
def test_what_is_no_verifier_key_is_refused(written: str) -> None:
    with pytest.raises(BadNote):
        VerifierKey.parse(written)


def test_a_signer_key_is_read_as_it_was_written_and_shown_nowhere() -> None:
    key = SignerKey.generate("example.com/log")
    assert SignerKey.parse(key.write()) == key
    assert SignerKey.parse(PETER_SIGNS).verifier == PETER
    secret = key.write().rpartition("+")[2]
    assert secret not in repr(key)
    for broken in (key.write()[:-8], key.write().replace("log", "lag"), secret, "", PETER_WRITTEN):
        with pytest.raises(BadNote) as refused:
            SignerKey.parse(broken)
        assert secret not in str(refused.value)


def test_a_cosignature_covers_its_time_and_is_no_plain_signature() -> None:
    witness = WITNESSES[0]
    signature = witness.sign(TEXT, NOW)
    assert signature.timestamp == NOW
    note = Note(TEXT, (signature,))
    assert names(note, witness.verifier) == ["witness.test/1"]
    later = (NOW + 1).to_bytes(8, "big") + signature.data[8:]
    for data in (later, signature.data[8:], signature.data[:8], b"", bytes([255]) * 72):
        changed = notes.Signature(signature.name, signature.key_id, data)
        with pytest.raises(BadNote):
            Note(TEXT, (changed,)).verified([witness.verifier])
    plain = SignerKey.of(witness.verifier.name, witness.private_bytes)
    assert plain.verifier.key_id != witness.verifier.key_id
    assert names(note, plain.verifier) == []


@pytest.mark.parametrize(
    "written",
    [
        "",
        "\n",
        "text\n",
        "text\n\n",
        "text\n\n\n",
        f"{TEXT}{BY_PETER}",
        f"{TEXT}\n{BY_PETER}".rstrip("\n"),
        f"{TEXT}\n{BY_PETER}\n",
        f"{TEXT}\n{BY_PETER}more\n",
        f"{TEXT}\n{BY_PETER}".replace("— ", "- "),
        f"{TEXT}\n{BY_PETER}".replace("— ", "—  "),
        f"{TEXT}\n{BY_PETER}".replace("PeterNeumann ", "Peter Neumann "),
        f"{TEXT}\n{BY_PETER}".replace("PeterNeumann ", "Peter+Neumann "),
        f"{TEXT}\n{BY_PETER}".replace("AM=", "AN="),
        f"{TEXT}\n{BY_PETER}".replace("AM=", "AM"),
        f"{TEXT}\n{BY_PETER}".replace("x08", "x0-"),
        f"{TEXT}\n— PeterNeumann x08g\n",
        f"te\txt\n\n{BY_PETER}",
        f"te\rxt\n\n{BY_PETER}",
        f"te\0xt\n\n{BY_PETER}",
        f"{TEXT}\n" + BY_PETER * (notes.MOST_SIGNATURES + 1),
        "x" * notes.MOST_BYTES + f"\n\n{BY_PETER}",
        "é" * (notes.MOST_BYTES // 2) + f"\n\n{BY_PETER}",
        f"\udc80\n\n{BY_PETER}",
        b"\xff\n\n" + BY_PETER.encode(),
    ],
)
def test_what_is_no_note_is_refused(written: str | bytes) -> None:
    with pytest.raises(BadNote):
        Note.parse(written)


@given(st.data())
def test_a_changed_byte_of_the_text_or_a_trusted_signature_is_found(data: st.DataObject) -> None:
    written = f"{TEXT}\n{BY_PETER}{BY_ENOCH}".encode()
    place = data.draw(st.integers(0, len(written) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda one: one != written[place]))
    changed = written[:place] + bytes([value]) + written[place + 1 :]
    try:
        found = names(Note.parse(changed), PETER, ENOCH)
    except BadNote:
        return
    # What is left to change is who claims to have signed.
    assert found in (["PeterNeumann"], ["EnochRoot"])
    assert Note.parse(changed).text == TEXT


@given(st.lists(texts, min_size=1, max_size=5))
def test_a_note_is_read_as_it_was_written(lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    note = Note.sign(text, SignerKey.parse(PETER_SIGNS))
    assert Note.parse(str(note).encode()) == note
    assert note.text == text
    assert names(note, PETER) == ["PeterNeumann"]


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_no_bytes_do_worse_than_be_refused(written: bytes | str) -> None:
    try:
        found = Note.parse(written)
    except BadNote:
        return
    assert found.verified([PETER]) == []
