"""What a company lodges is told a success only with a receipt that is really of it."""

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight import CaseKey, Company, Endpoints, errors, lodging
from harbourlight.keys.entries import Kind
from harbourlight.phrase import Phrase
from harbourlight.proofs.challenges import Opening
from harbourlight.proofs.notes import SignerKey
from harbourlight.proofs.promises import Promise
from harbourlight.proofs.receipts import ReceiptText
from harbourlight.receiptfolder import ReceiptFolder
from harbourlight.reporting.v1 import reporting_pb2 as reporting

from .conftest import FACTS, HANDLE, ORIGIN, Run, Server
from .keys import world

PROMISER = SignerKey.of(f"{ORIGIN}/reporting", bytes(range(32)))
Answer = Callable[[bytes], reporting.SubmitReportResponse]


def text_of(request: bytes, key: CaseKey) -> ReceiptText:
    """The text of a report's receipt."""
    said = reporting.SubmitReportRequest.FromString(request)
    request_hash = hashlib.sha256(request).digest()
    salt = Opening(said.receipt_nonce, key.public_bytes, request_hash).salt
    event = "harbourlight.reporting.v1.ReportFiled"
    return ReceiptText(salt, key.handle, str(uuid4()), event, datetime.now(UTC))


def receipt(text: ReceiptText, signer: SignerKey = PROMISER, **changed: Any) -> dict[str, str]:
    """The receipt as the service gives it, promised but for the changes."""
    promise = Promise(ORIGIN, text.commitment, text.time + timedelta(seconds=60))
    return {"text": str(text), "promise": replace(promise, **changed).sign(signer)}


def giving(key: CaseKey, make: Callable[[ReceiptText], dict[str, str]] = receipt) -> Answer:
    """A report's answer with a receipt that `make` makes of its text."""
    return lambda request: reporting.SubmitReportResponse(receipt=make(text_of(request, key)))


def endpoints(server: Server) -> Endpoints:
    return replace(server.endpoints, promises={"reporting": str(PROMISER.verifier)})


@pytest.fixture
def folder(tmp_path: Path) -> ReceiptFolder:
    return ReceiptFolder.of(tmp_path / "case.json")


async def test_a_receipt_is_on_disk_before_success_is_told(
    server: Server, key: CaseKey, folder: ReceiptFolder
) -> None:
    server.answer("SubmitReport", giving(key))
    before = os.umask(0)
    try:
        async with Company(endpoints(server), key, receipts=folder) as company:
            answer = await company.submit_report(FACTS)
    finally:
        os.umask(before)
    (kept,) = folder.all()
    assert (str(kept.text), kept.promise) == (answer.receipt.text, answer.receipt.promise)
    assert kept.opening.request_hash == hashlib.sha256(server.calls[0].request).digest()
    assert kept.include_by is not None
    assert timedelta(seconds=60) <= kept.include_by - kept.text.time < timedelta(seconds=61)
    request = folder.request_path(kept)
    assert request is not None
    assert request.read_bytes() == server.calls[0].request
    assert folder.path.name == "case.json.receipts"
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in folder.path.iterdir()} == {0o600}


TOMORROW = timedelta(days=1)
WRONG: dict[str, tuple[Callable[[ReceiptText], dict[str, str]], str]] = {
    "salt": (lambda text: receipt(replace(text, salt=bytes(32))), "not of what was sent"),
    "case": (lambda text: receipt(replace(text, handle=HANDLE)), "of the case"),
    "event": (
        lambda text: receipt(replace(text, event_type=text.event_type.replace("Filed", "Amended"))),
        "of harbourlight.reporting.v1.ReportAmended",
    ),
    "time": (lambda text: receipt(replace(text, time=text.time + TOMORROW)), "still to come"),
    "event id": (lambda text: receipt(replace(text, event_id="../x")), "not a UUID"),
    "no text": (lambda text: {**receipt(text), "text": ""}, "six lines"),
    "no promise": (lambda text: {**receipt(text), "promise": ""}, "signed note"),
    "signer": (
        lambda text: receipt(text, SignerKey.of(PROMISER.verifier.name, bytes(32))),
        "not signed by a key that is trusted",
    ),
    "commitment": (lambda text: receipt(text, commitment=bytes(32)), "of another receipt"),
    "origin": (lambda text: receipt(text, origin="elsewhere"), "by 'elsewhere'"),
    "deadline": (lambda text: receipt(text, include_by=text.time + TOMORROW), "ends only at"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_receipt_that_is_not_of_what_was_sent_is_no_success(
    server: Server, key: CaseKey, folder: ReceiptFolder, what: str
) -> None:
    make, says = WRONG[what]
    server.answer("SubmitReport", giving(key, make))
    async with Company(endpoints(server), key, receipts=folder) as company:
        with pytest.raises(errors.Untrusted, match=says) as error:
            await company.submit_report(FACTS)
    assert "it was taken in, but" in str(error.value)
    assert folder.all() == []


async def test_without_a_key_of_the_service_its_promise_is_kept_unchecked(
    server: Server, key: CaseKey, folder: ReceiptFolder
) -> None:
    other = SignerKey.of("somebody", bytes(32))
    server.answer("SubmitReport", giving(key, lambda text: receipt(text, other)))
    async with Company(server.endpoints, key, receipts=folder) as company:
        await company.submit_report(FACTS)
    assert "somebody" in folder.all()[0].promise


async def test_the_words_alone_bring_every_receipt_back(
    server: Server, key: CaseKey, folder: ReceiptFolder, tmp_path: Path
) -> None:
    server.answer("SubmitReport", giving(key))
    async with Company(endpoints(server), key, receipts=folder) as company:
        await company.submit_report(FACTS)
    (kept,) = folder.all()

    assert key.phrase is not None
    same = CaseKey.from_phrase(Phrase.parse(" ".join(key.phrase.words)))
    again = ReceiptFolder(tmp_path / "again")
    listed = reporting.LodgedReceipt(
        receipt={"text": str(kept.text), "promise": kept.promise},
        nonce=kept.opening.nonce,
        request_hash=kept.opening.request_hash,
    )
    pages = [
        reporting.ListReceiptsResponse(receipts=[listed], next_page_token="more"),
        reporting.ListReceiptsResponse(),
    ]
    server.answer("ListReceipts", *pages)
    async with Company(endpoints(server), same, receipts=again) as company:
        assert await company.restore_receipts() == [kept]
    assert again.all() == [kept]
    assert kept.opening.nonce == same.receipt_nonce(
        reporting.SubmitReportRequest.FromString(server.calls[0].request).request_id
    )

    listed.nonce = bytes(32)
    server.answer("ListReceipts", reporting.ListReceiptsResponse(receipts=[listed]))
    async with Company(endpoints(server), same, receipts=again) as company:
        with pytest.raises(errors.Untrusted, match="not of what was sent"):
            await company.restore_receipts()


@given(st.uuids().map(str), st.uuids().map(str))
def test_a_request_made_again_has_the_same_nonce_and_no_other_has_it(one: str, other: str) -> None:
    key, stranger = CaseKey.from_phrase(Phrase(bytes(16))), CaseKey.from_phrase(Phrase(b"x" * 16))
    nonce = key.receipt_nonce(one)
    assert len(nonce) == 32
    assert nonce == CaseKey.from_phrase(Phrase(bytes(16))).receipt_nonce(one)
    assert nonce != stranger.receipt_nonce(one)
    assert (nonce == key.receipt_nonce(other)) == (one == other)


@pytest.mark.parametrize(
    ("content", "says"),
    [("{", "damaged"), ("[]", "damaged"), ('{"format": "x", "version": 1}', "not harbourlight")],
)
def test_a_damaged_receipt_is_told_of(folder: ReceiptFolder, content: str, says: str) -> None:
    folder.path.mkdir()
    (folder.path / "one.receipt").write_text(content)
    with pytest.raises(errors.BadFile, match=says):
        folder.all()


def test_the_command_line_keeps_receipts_beside_the_case_file(server: Server, run: Run) -> None:
    server.answer("SubmitReport", lambda request: giving_to_whoever(request))
    result = run("report submit --country MY --case new.json")
    # Its salt is another's: it is not shown as a success.
    assert result.exit_code == 6
    assert "it was taken in, but the receipt does not hold" in result.stderr
    assert not Path("new.json.receipts").exists()


def giving_to_whoever(request: bytes) -> reporting.SubmitReportResponse:
    said = reporting.SubmitReportRequest.FromString(request)
    text = replace(text_of(request, CaseKey.generate()), handle=said.handle)
    return reporting.SubmitReportResponse(receipt=receipt(text))


def test_promises_are_held_to_the_keys_that_the_directory_has() -> None:
    at = world.NOW
    known = world.World()
    assert lodging.promisers(known.directory(), "reporting", at) == []
    own, others = (
        known.certify(world.key(Kind.SERVICE, name, "operator"), world.SERVICE_ROOT)
        for name in ("reporting", "triage")
    )
    # By a root that is not trusted for services: as if it were not there.
    known.certify(world.key(Kind.SERVICE, "reporting", "ministry"), world.DESK_ROOT)
    (found,) = lodging.promisers(known.directory(), "reporting", at)
    assert (found.name, found.public_bytes) == (f"{world.ORIGIN}/reporting", own.entry.signing)
    assert others.entry.signing != found.public_bytes
    assert lodging.promisers(known.directory(), "reporting", own.entry.not_after) == []
