"""From a report to proof of it: promised, in the ledger in time, and checked without anybody."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harbourlight import CaseKey, Company, Ledger, errors
from harbourlight.collecting import Held, Standing, collect, look
from harbourlight.keys.trust import Trust
from harbourlight.phrase import Phrase
from harbourlight.proofs import challenges
from harbourlight.proofs.challenges import Opening
from harbourlight.proofs.notes import Note
from harbourlight.proofs.prooffile import ProofFile
from harbourlight.proofs.receipts import BadReceipt, verify
from harbourlight.receiptfolder import ReceiptFolder
from harbourlight.reporting.v1 import reporting_pb2 as pb
from tests.integration import logs
from tests.integration.calls import facts
from tests.integration.installation import Installation
from tests.integration.logs import RECEIPTS

CHALLENGE = bytes(range(32))


async def _collect(installation: Installation, folder: ReceiptFolder) -> list[Held]:
    async with logs.client(installation) as ledger:
        return await collect(folder, folder.all(), ledger, logs.policy(installation))


async def _proofs(installation: Installation, folder: ReceiptFolder) -> list[Held]:
    """The receipts once each is in the ledger, or its promise is broken."""
    while True:
        held = await _collect(installation, folder)
        if all(one.path for one in held):
            return held
        await asyncio.sleep(0.05)


async def _cosign(installation: Installation, ledger: Ledger) -> None:
    """A witness sees the newest checkpoint."""
    note = Note.parse((await ledger.get_checkpoint(RECEIPTS)).checkpoint)
    seen = logs.witness_key(installation).sign(note.text, int(time.time()))
    await ledger.add_cosignature(RECEIPTS, str(note.with_signatures([seen])))


async def test_what_was_lodged_is_proven_within_its_promise(
    installation: Installation, tmp_path: Path
) -> None:
    key, folder = CaseKey.generate(), ReceiptFolder(tmp_path / "receipts")
    endpoints, policy = installation.endpoints(), logs.policy(installation)
    ledger_process = await logs.serve(installation)
    reporting = await installation.serve("reporting")
    async with (
        Company(endpoints, key, receipts=folder) as company,
        logs.client(installation) as ledger,
    ):
        await company.place_marker(country="MY", sector="ISIC_C", exploitation_type=1)
        await company.perfect_marker(facts())
        await company.amend_report(facts(country="TH"))
        began = time.time()
        held = await asyncio.wait_for(_proofs(installation, folder), 90)
        assert [one.standing for one in held] == [Standing.UNWITNESSED] * 3
        assert time.time() - began < 60
        await _cosign(installation, ledger)
        held = await _collect(installation, folder)
    # Nobody is left to ask.
    assert [await one.stop() for one in (reporting, ledger_process)] == [0, 0]
    assert [one.standing for one in held] == [Standing.PROVEN] * 3
    for one in held:
        assert one.path
        assert one.path.suffix == ".tlog-proof"
        verified = verify(one.path.read_bytes(), policy)
        assert verified.text == one.lodged.text
        assert verified.proven_time is not None
        assert one.lodged.include_by is not None
        assert verified.proven_time <= one.lodged.include_by
        assert look(folder, one.lodged, policy, verified.proven_time).standing == Standing.PROVEN

    # What was lodged is shown by its bytes, whose it is by an answer.
    lodged = held[1].lodged
    path = folder.request_path(lodged)
    assert path is not None
    request = path.read_bytes()
    assert pb.PerfectMarkerRequest.FromString(request).facts == facts()
    answer = challenges.answer(lodged.text, lodged.opening, CHALLENGE, key.sign)
    assert challenges.verify_answer(lodged.text, CHALLENGE, answer)
    assert answer.opening.is_of(request)
    assert not answer.opening.is_of(request + b"\0")


async def test_nobody_elses_key_claims_a_receipt_and_a_commitment_tells_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    key, thief = CaseKey.generate(), CaseKey.generate()
    folder = ReceiptFolder(tmp_path / "receipts")
    await logs.serve(installation)
    await installation.serve("reporting")
    async with Company(installation.endpoints(), key, receipts=folder) as company:
        await company.submit_report(facts())
    (held,) = await asyncio.wait_for(_proofs(installation, folder), 90)
    text, opening = held.lodged.text, held.lodged.opening
    # All that the thief of the folder lacks is the key of the case.
    answer = challenges.answer(text, opening, CHALLENGE, thief.sign)
    with pytest.raises(BadReceipt, match="not signed by the key"):
        challenges.verify_answer(text, CHALLENGE, answer)
    own = Opening(opening.nonce, thief.public_bytes, opening.request_hash)
    with pytest.raises(BadReceipt, match="salt is another"):
        challenges.answer(text, own, CHALLENGE, thief.sign)
    # Nor does an answer that was seen once fit another challenge.
    seen = challenges.answer(text, opening, CHALLENGE, key.sign)
    with pytest.raises(BadReceipt, match="not signed by the key"):
        challenges.verify_answer(text, bytes(32), seen)

    # The ledger has the hash, and nothing that it is a hash of.
    async with logs.client(installation) as ledger:
        (entry,) = (await ledger.list_entries(RECEIPTS)).entries
        assert entry.value == text.commitment
        bare = (await ledger.get_receipt(text.commitment)).proof
    with pytest.raises(BadReceipt, match="bare"):
        verify(bare, logs.policy(installation))
    for told in (text.handle, text.event_id, text.event_type):
        assert told not in bare
    guessed = replace(text, salt=bytes(32))
    with pytest.raises(BadReceipt):
        verify(bare, logs.policy(installation), text=str(guessed))
    assert ProofFile.parse(bare).extra is None


async def test_the_words_alone_bring_back_every_proof(
    installation: Installation, tmp_path: Path
) -> None:
    key = CaseKey.generate()
    await logs.serve(installation)
    await installation.serve("reporting")
    async with Company(installation.endpoints(), key) as company:
        await company.submit_report(facts())
        await company.withdraw_report(1)
    assert key.phrase
    same = CaseKey.from_phrase(Phrase.parse(" ".join(key.phrase.words)))
    folder = ReceiptFolder(tmp_path / "again")
    async with Company(installation.endpoints(), same, receipts=folder) as company:
        assert await company.restore_receipts() == folder.all()
    held = await asyncio.wait_for(_proofs(installation, folder), 90)
    events = [one.lodged.text.event_type.rpartition(".")[2] for one in held]
    assert events == ["ReportFiled", "ReportWithdrawn"]
    assert {one.standing for one in held} == {Standing.UNWITNESSED}
    (first, _) = held
    answer = challenges.answer(first.lodged.text, first.lodged.opening, CHALLENGE, same.sign)
    assert challenges.verify_answer(first.lodged.text, CHALLENGE, answer)


async def test_a_promise_counts_only_by_a_key_of_the_directory(
    installation: Installation, tmp_path: Path
) -> None:
    key, folder = CaseKey.generate(), ReceiptFolder(tmp_path / "receipts")
    await logs.serve(installation)
    await installation.serve("reporting")
    async with Company(installation.endpoints(), key, receipts=folder) as company:
        await company.submit_report(facts())
    address = installation.environment("ledger")["HARBOURLIGHT_LISTEN"]
    trust = Trust.load(installation.stack.trust.trust)
    async with logs.client(installation) as ledger:

        async def check() -> list[Held]:
            return await collect(folder, folder.all(), ledger, trust.receipts, trust=trust)

        await logs.reached(ledger, installation, 0, logs.DIRECTORY)
        with pytest.raises(errors.Untrusted, match="none that reporting can be held to"):
            await check()
        token = installation.stack.token("OPERATOR")
        await installation.stack.trust.publish(address, installation.stack.ca, token)
        assert len(await check()) == 1


async def test_a_promise_that_is_not_kept_is_kept_as_evidence(
    installation: Installation, tmp_path: Path
) -> None:
    key, folder = CaseKey.generate(), ReceiptFolder(tmp_path / "receipts")
    await logs.serve(installation)
    # A service that promises and never sends: its relay is not allowed to reach the broker.
    reporting = await installation.run("reporting", settings={"HARBOURLIGHT_KAFKA": "127.0.0.1:1"})
    await reporting.said("serving on port")
    async with Company(installation.endpoints(), key, receipts=folder) as company:
        await company.submit_report(facts())
    (held,) = await _collect(installation, folder)
    assert (held.standing, held.path) == (Standing.PROMISED, None)
    late = datetime.now(UTC) + timedelta(seconds=90)
    async with logs.client(installation) as ledger:
        policy, kept = logs.policy(installation), folder.all()
        (held,) = await collect(folder, kept, ledger, policy, clock=lambda: late)
    assert held.standing == Standing.BROKEN
    assert held.path
    evidence = held.path.read_text()
    assert held.lodged.promise.splitlines()[0] in evidence
    with pytest.raises(errors.NotFound):
        async with logs.client(installation) as ledger:
            await ledger.get_receipt(held.lodged.text.commitment)
