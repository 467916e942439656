"""Unsealing on a real database: who finds what, what is kept, and what time takes away."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from harbourlight import unsealing as brief_of
from harbourlight.proofs.receipts import ReceiptText, derive_salt
from harbourlight.reporting.v1 import events_pb2 as reporting
from harbourlight.triage.v1 import unsealing_pb2 as pb
from services.triage import consumers
from shared.cloudevents import Incoming
from shared.database import Connection
from shared.errors import Kind, Refusal
from tests.integration.installation import Installation
from tests.integration.unsealings import (
    BAR,
    OMBUDSMAN,
    OTHER,
    ask,
    call,
    desk_of,
    let_pass,
    officer,
    told,
    uncommitted,
)


async def test_it_reaches_both_custodians_and_its_desk_and_nobody_else(
    installation: Installation,
) -> None:
    async with desk_of(installation) as desk:
        case = await desk.referral()
        asked = await desk.ask(case)
        it = asked.unsealing_id
        assert asked.state == pb.UNSEALING_STATE_REQUESTED
        for who in (BAR, OMBUDSMAN):
            assert await desk.waiting(who) == [it]
            record = await desk.get(it, who)
            brief_of.verify(record.brief)
            assert record.brief.explanation.payload == b"sealed reasons"
        assert await desk.waiting(OTHER) == []
        assert await desk.of_desk(officer()) == [it]
        for stranger in (officer("POLICE"), officer(country="TH")):
            assert await desk.of_desk(stranger) == []
        for stranger in (OTHER, officer("POLICE"), officer(country="TH")):
            with pytest.raises(Refusal, match="no such unsealing"):
                await desk.get(it, stranger)
        for stranger in (officer("POLICE"), officer(country="TH")):
            with pytest.raises(Refusal, match="no such referral"):
                await desk.ask(case, 2, stranger)
        for answer in (desk.grant, desk.refuse):
            with pytest.raises(Refusal, match="no such unsealing"):
                await answer(it, OTHER)
            with pytest.raises(Refusal, match="no such unsealing"):
                await answer(str(uuid4()))


async def test_a_granted_half_comes_to_the_desk_and_is_deleted_in_time(
    installation: Installation,
) -> None:
    async with desk_of(installation) as desk:
        case = await desk.referral()
        it = (await desk.ask(case)).unsealing_id
        granted = await desk.grant(it, OMBUDSMAN)
        assert granted.state == pb.UNSEALING_STATE_GRANTED
        assert granted.answered_by == "ombudsman"
        assert (await desk.get(it, officer())).half.ciphertext == b"half for the officer"
        assert await desk.waiting(BAR) == await desk.waiting(OMBUDSMAN) == []
        with pytest.raises(Refusal, match="is GRANTED: cannot refuse it"):
            await desk.refuse(it)

        await let_pass(desk, case.handle)
        record = await desk.get(it, officer())
        assert record.unsealing.state == pb.UNSEALING_STATE_CLOSED
        assert not record.HasField("half")
        rows = await installation.ask("SELECT half FROM triage.unsealings")
        assert rows == [(None,)]
        expected = ["UnsealingRequested", "UnsealingGranted", "UnsealingExpired"]
        assert await told(installation, case.handle) == expected
        assert await uncommitted(installation) == 0
        # Nor is it among the recorded answers, which outlive it.
        ((found,),) = await installation.ask(
            "SELECT count(*) FROM triage.answer WHERE position($1::bytea IN response) > 0",
            b"half for the officer",
        )
        assert found == 0


async def test_a_refusal_is_the_end_of_the_request_and_the_next_one_is_another(
    installation: Installation,
) -> None:
    async with desk_of(installation) as desk:
        case = await desk.referral()
        first = (await desk.ask(case)).unsealing_id
        with pytest.raises(Refusal, match="cannot request another"):
            await desk.ask(case, 2)
        refused = await desk.refuse(first)
        assert refused.refusal == pb.UNSEALING_REFUSAL_NOT_NECESSARY
        assert (await desk.get(first, officer())).remark.payload == b"sealed remark"
        # What was signed for the first request is worth nothing for a second one.
        with pytest.raises(Refusal, match="2 comes next") as error:
            await desk.ask(case, 1)
        assert error.value.kind == Kind.INVALID
        second = (await desk.ask(case, 2)).unsealing_id
        assert await desk.of_desk(officer(), case.handle) == [second, first]
        assert await desk.waiting(BAR) == [second]


async def test_an_unanswered_request_lapses(installation: Installation) -> None:
    async with desk_of(installation) as desk:
        case = await desk.referral()
        it = (await desk.ask(case)).unsealing_id
        await let_pass(desk, case.handle)
        assert (await desk.get(it, officer())).unsealing.state == pb.UNSEALING_STATE_EXPIRED
        assert await desk.waiting(BAR) == []
        assert await told(installation, case.handle) == ["UnsealingRequested", "UnsealingExpired"]


async def test_a_brief_is_of_its_referral_and_signed(installation: Installation) -> None:
    async with desk_of(installation) as desk:
        case, other = await desk.referral(), await desk.referral()
        forged = ask(case)
        forged.brief.legal_basis = pb.LEGAL_BASIS_VITAL_INTERESTS
        elsewhere = ask(case)
        elsewhere.referral_id = other.referral_id
        another_case = ask(replace(case, handle=other.handle))
        loose = ask(case)
        loose.receipt_nonce = bytes(32)
        for request, field in (
            (forged, "brief.signature"),
            (elsewhere, "brief.referral_id"),
            (another_case, "brief.handle"),
            (loose, "receipt_nonce"),
        ):
            with pytest.raises(Refusal) as error:
                await desk.unsealings.request(call(officer(), request), request)
            assert [one.field for one in error.value.violations] == [field]


async def test_what_is_sealed_is_stored_wrapped_and_an_erased_case_keeps_none_of_it(
    installation: Installation,
) -> None:
    async with desk_of(installation) as desk:
        case = await desk.referral()
        it = (await desk.ask(case)).unsealing_id
        await desk.grant(it)
        stored = await installation.ask("SELECT u::text FROM triage.unsealings u")
        for part in (b"sealed reasons", b"half", b"half too", b"half for the officer"):
            assert part.hex() not in stored[0][0]
        await desk.database.transaction(lambda connection: desk.keys.erase(connection, case.handle))
        record = await desk.get(it, officer())
        assert record.unsealing.state == pb.UNSEALING_STATE_GRANTED
        assert not record.HasField("half")
        assert not record.brief.custodian_seal.ciphertext
        other = await desk.referral()
        await desk.database.transaction(
            lambda connection: desk.keys.erase(connection, other.handle)
        )
        with pytest.raises(Refusal, match="was erased") as error:
            await desk.ask(other)
        assert error.value.kind == Kind.WRONG_STATE


async def test_what_reporting_erases_is_erased_here(installation: Installation) -> None:
    async with desk_of(installation) as desk:
        case = await desk.referral()
        it = (await desk.ask(case)).unsealing_id
        erasing = consumers.subscription(desk.keys).reactor()
        event = reporting.CaseErased(handle=case.handle)
        name = event.DESCRIPTOR.full_name
        now = datetime.now(UTC)
        incoming = Incoming(
            "t",
            case.handle,
            1,
            str(uuid4()),
            name,
            "/services/x",
            now,
            None,
            event,
            None,
            "t",
            b"",
            [],
        )

        async def take_in(connection: Connection) -> None:
            await erasing.load(connection, [case.handle])
            erasing.react(incoming)
            await erasing.save(connection)

        for _ in range(2):
            await desk.database.transaction(take_in)
        record = await desk.get(it, officer())
        assert record.unsealing.state == pb.UNSEALING_STATE_EXPIRED
        assert not record.brief.HasField("explanation")
        assert not record.HasField("receipt")
        assert await told(installation, case.handle) == ["UnsealingRequested", "UnsealingExpired"]
        kept = "SELECT sealed IS NOT NULL, half IS NOT NULL FROM triage.unsealings"
        assert await installation.ask(kept) == [(False, False)]
        # The ledger has a hash of each step, and nobody can say any more what it is of.
        steps = "SELECT commitment IS NOT NULL FROM triage.outbox WHERE type LIKE '%Unsealing%'"
        assert await installation.ask(steps) == [(True,), (True,)]


async def test_each_step_of_the_parties_has_a_receipt_that_is_committed_to(
    installation: Installation,
) -> None:
    async with desk_of(installation) as desk:
        case = await desk.referral()
        request = ask(case)
        asked = call(officer(), request)
        answer = await desk.unsealings.request(asked, request)
        given = pb.RequestUnsealingResponse.FromString(answer)
        text = ReceiptText.parse(given.receipt.text)
        assert (text.handle, text.event_type) == (
            case.handle,
            "harbourlight.triage.v1.UnsealingRequested",
        )
        # It is the officer's: nobody else has a nonce and a signing key that make this salt.
        nonce, signer = request.receipt_nonce, request.brief.signer
        assert text.salt == derive_salt(nonce, signer, asked.request_hash)
        it = given.unsealing.unsealing_id
        for who in (BAR, OMBUDSMAN, officer()):
            record = await desk.get(it, who)
            assert record.receipt == given.receipt
            assert record.request_hash == asked.request_hash
        await desk.grant(it)
        rows = await installation.ask(
            "SELECT o.event_id::text, o.commitment, r.event_id::text FROM triage.outbox o"
            " LEFT JOIN triage.receipt r USING (event_id) WHERE o.type LIKE '%Unsealing%'"
            " ORDER BY sequence"
        )
        assert rows[0] == (text.event_id, text.commitment, text.event_id)
        assert len(rows) == 2
        assert rows[1][0] == rows[1][2]
        assert rows[1][1] is not None


async def test_lists_page(installation: Installation) -> None:
    async with desk_of(installation) as desk:
        asked = [(await desk.ask(await desk.referral())).unsealing_id for _ in range(5)]
        assert await desk.waiting(BAR, 2) == asked
        assert await desk.of_desk(officer(), size=2) == asked[::-1]
