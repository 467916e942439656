"""The ledger on real servers: what it appends, proves and refuses."""

import time
from datetime import UTC, datetime

import pytest

from harbourlight import Ledger, errors
from harbourlight.proofs import merkle
from harbourlight.proofs.checkpoints import open_checkpoint
from harbourlight.proofs.notes import Note, SignerKey
from harbourlight.proofs.prooffile import ProofFile
from harbourlight.proofs.receipts import ReceiptText, verify
from shared import outbox
from tests.integration import logs, recorder
from tests.integration.installation import Installation
from tests.integration.logs import DIRECTORY, RECEIPTS

NOTE = str(Note.sign("harbourlight.key.v1\nkind desk\n", SignerKey.generate("desk.example")))


async def test_an_empty_ledger_says_so(installation: Installation) -> None:
    await logs.serve(installation)
    async with logs.client(installation) as ledger:
        for log in (RECEIPTS, DIRECTORY):
            found = await logs.reached(ledger, installation, 0, log)
            assert (found.size, found.root) == (0, merkle.EMPTY_ROOT)
            assert not (await ledger.list_entries(log)).entries
        with pytest.raises(errors.NotFound, match="within a minute"):
            await ledger.get_receipt(bytes(32))
        with pytest.raises(errors.InvalidArgument, match="0 entries"):
            await ledger.get_inclusion_proof(RECEIPTS, 0)


async def test_a_commitment_of_an_event_gets_a_receipt_once(installation: Installation) -> None:
    now = datetime.now(UTC)
    text = ReceiptText(bytes(32), "HL-0000000000000000" + "0", "an-id", "a.Type", now)
    events = [
        outbox.Outgoing(recorder.event("C", n), "C", now, commitment=commitment)
        # The same commitment twice is one entry; most events have none.
        for n, commitment in enumerate([None, text.commitment, None, text.commitment])
    ]
    await logs.serve(installation)
    async with (
        installation.database("reporting") as database,
        installation.relay("reporting"),
        logs.client(installation) as ledger,
    ):
        await database.transaction(lambda connection: outbox.append(connection, events))
        began = time.monotonic()
        await logs.reached(ledger, installation, 1)
        took = time.monotonic() - began
        answer = await ledger.get_receipt(text.commitment)
        found = verify(answer.proof, logs.policy(installation), text=str(text))
        assert (found.index, found.size, found.is_witnessed) == (0, 1, False)
        whole = ProofFile.parse(answer.proof).with_extra(str(text).encode())
        assert verify(str(whole), logs.policy(installation)).text == text
        # Within a second when idle, and the first poll of a new consumer besides.
        assert took < 20


async def test_every_proof_that_it_gives_holds(installation: Installation) -> None:
    await logs.serve(installation)
    values = logs.entries(300)
    async with logs.client(installation) as ledger:
        seen = []
        for start, end in ((0, 1), (1, 8), (8, 137), (137, 300)):
            await logs.add(installation, values[start:end])
            seen.append(await logs.reached(ledger, installation, end))
        for one in seen:
            for other in seen:
                await logs.agree(ledger, one, other)
        for found in seen:
            for index in {0, found.size // 2, found.size - 1}:
                leaf = merkle.leaf_hash(values[index])
                for entry in (index, leaf):
                    proof = await ledger.get_inclusion_proof(RECEIPTS, entry, tree_size=found.size)
                    assert proof.index == index
                    merkle.verify_inclusion(leaf, index, found.size, list(proof.hashes), found.root)
        with pytest.raises(errors.InvalidArgument, match="300 entries"):
            await ledger.get_consistency_proof(RECEIPTS, 1, 301)
        with pytest.raises(errors.InvalidArgument, match="above the new size"):
            await ledger.get_consistency_proof(RECEIPTS, 9, 8)
        with pytest.raises(errors.NotFound):
            await ledger.get_inclusion_proof(RECEIPTS, merkle.leaf_hash(values[299]), tree_size=137)


async def test_entries_are_listed_page_by_page(installation: Installation) -> None:
    await logs.serve(installation)
    values = logs.entries(25)
    await logs.add(installation, values)
    async with logs.client(installation) as ledger:
        await logs.reached(ledger, installation, 25)
        token, listed = "", []
        while True:
            page = await ledger.list_entries(RECEIPTS, 3, page_size=10, page_token=token)
            listed += page.entries
            if not (token := page.next_page_token):
                break
        assert [(one.index, one.value) for one in listed] == list(enumerate(values))[3:]
        with pytest.raises(errors.InvalidArgument, match="page_token"):
            await ledger.list_entries(DIRECTORY, page_token=token or "AAAA")


async def test_the_directory_takes_notes_from_operators_once(installation: Installation) -> None:
    await logs.serve(installation)
    endpoints, token = installation.endpoints(), installation.stack.token("OPERATOR")
    async with logs.client(installation) as anybody, Ledger(endpoints, token) as operator:
        with pytest.raises(errors.Unauthenticated):
            await anybody.publish_entry(NOTE)
        for broken in ("x", NOTE.replace("— ", "- "), NOTE + "\n"):
            with pytest.raises(errors.InvalidArgument):
                await operator.publish_entry(broken)
        first = await operator.publish_entry(NOTE)
        assert first == await operator.publish_entry(NOTE)
        assert first.leaf_hash == merkle.leaf_hash(NOTE.encode())
        await logs.reached(anybody, installation, 1, DIRECTORY)
        (entry,) = (await anybody.list_entries(DIRECTORY)).entries
        assert (entry.index, entry.value.decode()) == (first.index, NOTE)


async def test_cosignatures_of_known_witnesses_are_kept_and_served(
    installation: Installation,
) -> None:
    await logs.serve(installation)
    witness, log = logs.witness_key(installation), logs.key(installation).verifier
    stranger = SignerKey.generate("stranger.example", 4)
    values = logs.entries(3)
    now = int(time.time())
    async with logs.client(installation) as ledger:
        await logs.add(installation, values[:1])
        await logs.reached(ledger, installation, 1)
        note = Note.parse((await ledger.get_checkpoint(RECEIPTS)).checkpoint)

        async def hand_in(when: int, *keys: SignerKey) -> list[str]:
            more = [one.sign(note.text, when) for one in keys]
            answer = await ledger.add_cosignature(RECEIPTS, str(note.with_signatures(more)))
            return list(answer.witnesses)

        assert await hand_in(now, stranger) == []
        with pytest.raises(errors.NotFound, match="1 witnesses"):
            await ledger.get_checkpoint(RECEIPTS, witnesses=1)
        for when in (now - 60, now, now - 30):
            assert await hand_in(when, witness, stranger) == [witness.verifier.name]
        with pytest.raises(errors.InvalidArgument, match="ahead of time"):
            await hand_in(now + 3600, witness)
        forged = note.with_signatures([witness.sign("another text\n", now)])
        with pytest.raises(errors.InvalidArgument, match="does not match"):
            await ledger.add_cosignature(RECEIPTS, str(forged))

        await logs.add(installation, values[1:])
        await logs.reached(ledger, installation, 3)
        # The newest that was cosigned, with the last word; a receipt has the first one.
        served = (await ledger.get_checkpoint(RECEIPTS, witnesses=1)).checkpoint
        opened = open_checkpoint(served, log, [witness.verifier])
        assert opened.checkpoint.size == 1
        assert [one.time.timestamp() for one in opened.cosigned] == [now]
        file = ProofFile.parse((await ledger.get_receipt(values[0])).proof)
        opened = open_checkpoint(file.checkpoint, log, [witness.verifier])
        assert opened.checkpoint.size == 1
        assert [one.time.timestamp() for one in opened.cosigned] == [now - 60]
        # An entry that no witness has seen yet stands under the newest checkpoint.
        file = ProofFile.parse((await ledger.get_receipt(values[2])).proof)
        assert open_checkpoint(file.checkpoint, log).checkpoint.size == 3


async def test_random_entries_come_by_themselves(installation: Installation) -> None:
    await logs.serve(installation, HARBOURLIGHT_DUMMY_SECONDS="0.05")
    async with logs.client(installation) as ledger:
        await logs.reached(ledger, installation, 3)
        listed = (await ledger.list_entries(RECEIPTS)).entries
        assert len({one.value for one in listed}) == len(listed)
        assert {len(one.value) for one in listed} == {32}
        assert (await logs.checkpoint(ledger, installation, DIRECTORY)).size == 0
