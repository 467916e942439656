"""Receipts: the fixed bytes, what a file proves offline, and every way to tamper with one."""

import base64
import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight.proofs import prooffile
from harbourlight.proofs.challenges import Answer, Opening, answer, verify_answer
from harbourlight.proofs.notes import BadNote
from harbourlight.proofs.policy import LogPolicy
from harbourlight.proofs.prooffile import ProofFile
from harbourlight.proofs.receipts import BadReceipt, ReceiptText, derive_salt, verify
from tests.unit.client.proofs.build import (
    CASE,
    KEY,
    NONCE,
    NOW,
    ORIGIN,
    POLICY,
    REQUEST_HASH,
    TEXT,
    WITNESSES,
    receipt,
)

WRITTEN = str(TEXT)
SEEN = datetime.fromtimestamp(NOW, UTC)
OPENING = Opening(NONCE, CASE.public_bytes, REQUEST_HASH)


def test_the_bytes_of_a_text_and_its_commitment_are_fixed() -> None:
    salt = hashlib.sha256(
        b"harbourlight.receipt.salt.v1" + NONCE + CASE.public_bytes + REQUEST_HASH
    ).digest()
    fixed = (
        "harbourlight.receipt.v1\n"
        f"{base64.b64encode(salt).decode()}\n"
        f"{CASE.handle}\n"
        "0198c0de-0000-7000-8000-000000000001\n"
        "harbourlight.reporting.v1.ReportFiled\n"
        "2026-11-24T12:30:45.123456Z\n"
    )
    assert str(TEXT) == fixed
    assert TEXT.commitment == hashlib.sha256(WRITTEN.encode()).digest()
    assert ReceiptText.parse(WRITTEN) == ReceiptText.parse(WRITTEN.encode()) == TEXT


def test_a_salt_takes_three_times_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes each"):
        derive_salt(b"", CASE.public_bytes, REQUEST_HASH)


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("harbourlight.receipt.v1", "harbourlight.receipt.v2"),
        ("HL-", "hl-"),
        ("45.123456Z", "45.123Z"),
        ("45.123456Z", "45.123456+00:00"),
        ("2026-11-24", "2026-13-24"),
        ("2026-11-24", "0000-11-24"),
        ("2026-11-24", "٢٠٢٦-11-24"),
        ("0198c0de", "0198 c0de"),
        ("ReportFiled", "Réport"),
        ("harbourlight.reporting.v1.ReportFiled", ""),
        ("ReportFiled", "R" * 2000),
        ("Z\n", "Z"),
        ("Z\n", "Z\n\n"),
        ("=\n", "\n"),
        ("\n", "\r\n"),
    ],
)
def test_what_is_no_receipt_text_is_refused(said: str, instead: str) -> None:
    assert said in WRITTEN
    for changed in (WRITTEN.replace(said, instead), WRITTEN.replace(said, instead).encode()):
        with pytest.raises(BadReceipt):
            ReceiptText.parse(changed)


def test_a_receipt_says_what_it_proves_and_who_saw_it() -> None:
    found = verify(str(receipt(*WITNESSES)), POLICY)
    assert found.text == TEXT
    assert (found.log, found.index, found.size) == (ORIGIN, 6, 12)
    assert [one.witness.name for one in found.witnesses] == [f"witness.test/{n}" for n in (1, 2, 3)]
    assert found.proven_time == SEEN
    assert found.verdict == "lodged no later than 2026-09-21T14:13:20Z, seen by 3 witnesses"


@pytest.mark.parametrize("count", [0, 1])
def test_with_too_few_witnesses_it_is_unwitnessed(count: int) -> None:
    found = verify(str(receipt(*WITNESSES[:count])), POLICY)
    assert not found.is_witnessed
    assert found.proven_time is None
    assert found.verdict == f"UNWITNESSED: {count} of the 2 witnesses asked for saw it"


def test_a_bare_receipt_needs_the_text_that_its_holder_keeps() -> None:
    bare = str(receipt(*WITNESSES).with_extra(None))
    assert "extra" not in bare
    assert verify(bare, POLICY, text=WRITTEN).proven_time == SEEN
    with pytest.raises(BadReceipt, match="bare"):
        verify(bare, POLICY)
    with pytest.raises(BadReceipt, match="inclusion proof"):
        verify(bare, POLICY, text=WRITTEN.replace("456Z", "457Z"))
    assert verify(str(receipt(*WITNESSES)), POLICY, text=WRITTEN).proven_time == SEEN
    with pytest.raises(BadReceipt, match="another text"):
        verify(str(receipt(*WITNESSES)), POLICY, text=WRITTEN.replace("456Z", "457Z"))


@given(st.data())
def test_a_changed_byte_is_found_or_leaves_a_witness_out(data: st.DataObject) -> None:
    written = str(receipt(*WITNESSES)).encode()
    place = data.draw(st.integers(0, len(written) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda one: one != written[place]))
    changed = written[:place] + bytes([value]) + written[place + 1 :]
    try:
        found = verify(changed, POLICY)
    except BadReceipt:
        return
    # A witness whose name or key id is another one is none that is known here.
    assert found.text == TEXT
    assert len(found.witnesses) == 2


@given(st.data())
def test_a_missing_or_further_byte_is_found(data: st.DataObject) -> None:
    written = str(receipt(*WITNESSES)).encode()
    place = data.draw(st.integers(0, len(written) - 1))
    more = data.draw(st.binary(min_size=1, max_size=1))
    for changed in (
        written[:place] + written[place + 1 :],
        written[:place] + more + written[place:],
    ):
        try:
            found = verify(changed, POLICY)
        except BadReceipt:
            continue
        assert found.text == TEXT
        assert changed == written or len(found.witnesses) == 2


@given(st.binary(max_size=400) | st.text(max_size=400))
def test_no_bytes_do_worse_than_be_refused(written: bytes | str) -> None:
    for read in (lambda: verify(written, POLICY), lambda: ReceiptText.parse(written)):
        with pytest.raises(BadReceipt) as refused:
            read()
        assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    "written",
    [
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\n\n",
        "c2sp.org/tlog-proof@v1\nindex 1\n\n",
        "c2sp.org/tlog-proof@v1\nextra \nindex 1\n\n",
        "c2sp.org/tlog-proof@v1\nindex 01\n\na\n\n— a AAAAAAA=\n",
        "c2sp.org/tlog-proof@v1\nindex 1\n" + "A" * 43 + "=\n" * 64 + "\na\n\n— a AAAAAAA=\n",
        "c2sp.org/tlog-proof@v1\nindex 1\n" + f"{'A' * 43}=\n" * 64 + "\na\n\n— a AAAAAAA=\n",
        "c2sp.org/tlog-proof@v1\nindex 1\n" + f"{'A' * 42}==\n" + "\na\n\n— a AAAAAAA=\n",
        f"c2sp.org/tlog-proof@v1\nextra {'A' * 9000}\nindex 1\n\na\n\n— a AAAAAAA=\n",
        "x" * (prooffile.MOST_BYTES + 1),
    ],
)
def test_what_is_no_proof_file_is_refused(written: str) -> None:
    with pytest.raises(BadNote):
        ProofFile.parse(written)


@pytest.mark.parametrize("entries", [1, 2, 13])
def test_a_proof_file_is_read_as_it_was_written(entries: int) -> None:
    for file in (made := receipt(*WITNESSES, entries=entries, index=0), made.with_extra(None)):
        assert ProofFile.parse(str(file)) == ProofFile.parse(str(file).encode()) == file


def test_trust_is_read_from_a_file_and_counts_no_key_twice() -> None:
    trust = {
        "origin": "harbourlight.test",
        "logs": {"receipts": str(KEY.verifier), "directory": str(KEY.verifier)},
        "witnesses": [str(one.verifier) for one in WITNESSES],
        "quorum": 2,
    }
    assert LogPolicy.from_trust(trust, "receipts") == POLICY
    with pytest.raises(BadNote, match="its log of"):
        LogPolicy.from_trust(trust, "directory")
    for broken in ("", "[]", "{", '{"logs": 1}', "[" * 100_000, '{"logs": {"receipts": 1}}'):
        with pytest.raises(BadNote):
            LogPolicy.from_trust(broken, "receipts")
    one = WITNESSES[0]
    alias = type(one).of("witness.test/alias", one.private_bytes, 4).verifier
    with pytest.raises(BadNote, match="a key of its own"):
        LogPolicy(KEY.verifier, (one.verifier, alias))
    with pytest.raises(BadNote, match="cosignatures"):
        LogPolicy(KEY.verifier, (KEY.verifier,))
    with pytest.raises(BadNote, match="not a log"):
        LogPolicy(one.verifier)
    with pytest.raises(BadNote, match="at least one"):
        LogPolicy(KEY.verifier, (), 0)


def test_the_holder_answers_a_challenge_and_nobody_else_can() -> None:
    challenge = b"made up at random"
    given_answer = answer(TEXT, OPENING, challenge, CASE.sign)
    read = Answer.parse(str(given_answer))
    assert read == given_answer
    assert verify_answer(TEXT, challenge, read)
    # Who has seen the answer knows what opens the salt, and not the key.
    with pytest.raises(BadReceipt, match="not signed"):
        verify_answer(TEXT, b"another one, random", read)
    with pytest.raises(BadReceipt, match="not signed"):
        verify_answer(TEXT, challenge, Answer(OPENING, bytes(64)))
    for wrong in (
        Opening(bytes(32), CASE.public_bytes, REQUEST_HASH),
        Opening(NONCE, bytes(32), REQUEST_HASH),
        Opening(NONCE, CASE.public_bytes, bytes(32)),
    ):
        with pytest.raises(BadReceipt, match="its salt is another"):
            answer(TEXT, wrong, challenge, CASE.sign)
        with pytest.raises(BadReceipt, match="opens another"):
            verify_answer(TEXT, challenge, Answer(wrong, read.signature))
    with pytest.raises(BadReceipt, match="16 to 1024 bytes"):
        answer(TEXT, OPENING, b"short", CASE.sign)


def test_an_officers_answer_is_told_from_the_cases() -> None:
    officer = type(CASE).generate()
    opening = Opening(NONCE, officer.public_bytes, REQUEST_HASH)
    text = ReceiptText(opening.salt, TEXT.handle, TEXT.event_id, TEXT.event_type, TEXT.time)
    given_answer = answer(text, opening, b"made up at random", officer.sign)
    assert not verify_answer(text, b"made up at random", given_answer)


@given(st.text(max_size=200) | st.sampled_from(["", "harbourlight.answer.v1\n" + "AA==\n" * 4]))
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(BadReceipt):
        Answer.parse(text)
