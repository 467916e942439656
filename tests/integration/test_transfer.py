"""A case between desks on a real database: who sees which referral of it, and who can act."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.message import Message

from harbourlight import CaseKey
from harbourlight.options.v1 import options_pb2 as options
from harbourlight.triage.v1 import transfer_pb2 as transfer
from harbourlight.triage.v1 import triage_pb2 as pb
from harbourlight.types.v1 import types_pb2 as types
from services.triage import handlers
from services.triage.domain import referral
from services.triage.domain.model import Facts, Referral
from services.triage.queue import Queue
from services.triage.store import cases
from shared.callers import Caller
from shared.commands import Call
from shared.database import Database
from shared.erasure import KeyStore
from shared.errors import Kind, Refusal
from shared.receipts import Receipts
from shared.signed_tokens import SignedTokens
from tests.integration.installation import Installation
from tests.unit.services.triage.build import in_progress

MIGRATIONS = Path(handlers.__file__).parent / "migrations"
LABOUR, POLICE, CHILDREN = "LABOUR_INSPECTORATE", "POLICE", "CHILD_PROTECTION"


def officer(desk: str, name: str = "officer") -> Caller:
    return Caller(
        options.ROLE_AUTHORITY,
        f'["AUTHORITY", "{desk}", "{name}"]',
        organisation=desk,
        desks=frozenset({desk}),
        jurisdictions=frozenset({"MY"}),
    )


def call(caller: Caller, request: Message) -> Call:
    method = type(request).__name__.removesuffix("Request")
    path = f"/harbourlight.triage.v1.TriageService/{method}"
    return Call(caller, path, hashlib.sha256(request.SerializeToString()).digest())


class Desks:
    """The service over one database, as its officers use it."""

    def __init__(self, database: Database, keys: KeyStore) -> None:
        self.database = database
        self.handlers = handlers.Handlers(database, Receipts(keys))
        self.queue = Queue(database, SignedTokens(b"secret"))

    async def case(self) -> Referral:
        """One that the labour inspectorate works on."""
        handle = CaseKey.generate().handle
        found = replace(in_progress(), referral_id=str(uuid4()), handle=handle)
        await self.save(found, 0)
        return found

    async def save(self, state: Referral, revision: int) -> None:
        """The case as it is now."""
        change = (state.handle, state, revision)
        await self.database.transaction(lambda c: cases.REFERRALS.save(c, [change]))

    async def stored(self, handle: str) -> tuple[Referral, int]:
        """The row that is decided on."""
        row = await self.database.fetchrow("SELECT * FROM referrals WHERE subject = $1", handle)
        assert row is not None
        return cases.REFERRALS.read(row["body"]), row["revision"]

    async def offer(self, it: str, desk: str, by: str = LABOUR) -> pb.Referral:
        """The referral that waits at the other desk."""
        request = pb.TransferReferralRequest(
            request_id=str(uuid4()),
            referral_id=it,
            desk=desk,
            reason=transfer.TRANSFER_REASON_CRIMINAL_OFFENCE,
        )
        answer = await self.handlers.transfer(call(officer(by), request), request)
        sender = pb.TransferReferralResponse.FromString(answer).referral
        assert (sender.desk, sender.referral_id) == (by, it)
        waits = types.REFERRAL_STATE_REQUESTED
        (waiting,) = [
            one for one in await self.seen(desk) if one.based_on == it and one.state == waits
        ]
        return waiting

    async def accept(self, it: str, by: str, etag: str = "") -> pb.Referral:
        """Takes a case up."""
        request = pb.AcceptReferralRequest(request_id=str(uuid4()), referral_id=it, etag=etag)
        answer = await self.handlers.accept(call(officer(by), request), request)
        return pb.AcceptReferralResponse.FromString(answer).referral

    async def reject(self, it: str, by: str) -> pb.Referral:
        """Does not take a case up."""
        request = pb.RejectReferralRequest(
            request_id=str(uuid4()), referral_id=it, reason=pb.REFERRAL_REASON_DUPLICATE
        )
        answer = await self.handlers.reject(call(officer(by), request), request)
        return pb.RejectReferralResponse.FromString(answer).referral

    async def work(self, it: str, by: str) -> pb.Referral:
        """Records a step."""
        request = pb.RecordProgressRequest(
            request_id=str(uuid4()),
            referral_id=it,
            state=types.REFERRAL_STATE_IN_PROGRESS,
            step=pb.PROGRESS_STEP_SITE_VISITED,
        )
        answer = await self.handlers.record_progress(call(officer(by), request), request)
        return pb.RecordProgressResponse.FromString(answer).referral

    async def seen(self, desk: str, handle: str = "", name: str = "officer") -> list[pb.Referral]:
        """What an officer finds in the queue, page by page."""
        found: list[pb.Referral] = []
        token = ""
        while True:
            request = pb.ListQueueRequest(
                filter=pb.QueueFilter(handle=handle), page_size=2, page_token=token
            )
            page = await self.queue.page(call(officer(desk, name), request), request)
            found += page.referrals
            if not (token := page.next_page_token):
                return found

    async def get(self, it: str, desk: str, name: str = "officer") -> pb.Referral:
        """One referral."""
        request = pb.GetReferralRequest(referral_id=it)
        return await self.queue.get(call(officer(desk, name), request), it)


@asynccontextmanager
async def desks_of(installation: Installation) -> AsyncIterator[Desks]:
    keys = KeyStore(installation.keystore_url("triage"))
    await keys.start()
    try:
        async with installation.database("triage", MIGRATIONS) as database:
            yield Desks(database, keys)
    finally:
        await keys.stop()


def state(it: pb.Referral) -> str:
    return types.ReferralState.Name(it.state).removeprefix("REFERRAL_STATE_")


async def told(installation: Installation, handle: str) -> list[str]:
    """What was told of the case, in order."""
    rows = await installation.ask(
        "SELECT type FROM triage.outbox WHERE subject = $1 ORDER BY sequence", handle
    )
    return [name.rpartition(".")[2] for (name,) in rows]


async def test_the_sender_holds_the_case_until_the_receiver_accepts(
    installation: Installation,
) -> None:
    async with desks_of(installation) as desks:
        case = await desks.case()
        offered = await desks.offer(case.referral_id, POLICE)
        assert (state(offered), offered.based_on) == ("REQUESTED", case.referral_id)
        assert not offered.steps
        # The sender works on, and the company's amendment reaches both.
        assert state(await desks.work(case.referral_id, LABOUR)) == "IN_PROGRESS"
        now, revision = await desks.stored(case.handle)
        danger = Facts("MY", "ISIC_C", "FORCED_LABOUR", "NO", ongoing_danger=True)
        amended = referral.amend(now, facts=danger, ilo_indicators=(), amendments=1)
        await desks.save(amended.state, revision)
        for desk in (LABOUR, POLICE):
            (one,) = await desks.seen(desk, case.handle)
            assert one.facts.ongoing_danger
            assert one.priority == pb.PRIORITY_P1
        # The receiver can do nothing else with it, and nobody else sees it.
        with pytest.raises(Refusal, match="allowed from here: accept it, reject it"):
            await desks.work(offered.referral_id, POLICE)
        for it in (case.referral_id, offered.referral_id):
            with pytest.raises(Refusal, match="no such referral"):
                await desks.accept(it, CHILDREN)
        with pytest.raises(Refusal, match="no such referral"):
            await desks.accept(offered.referral_id, LABOUR)

        etag = (await desks.get(offered.referral_id, POLICE)).etag
        taken = await desks.accept(offered.referral_id, POLICE, etag)
        assert (state(taken), taken.desk) == ("ACCEPTED", POLICE)
        before = await desks.get(case.referral_id, LABOUR)
        assert (state(before), before.reason) == (
            "CANCELLED",
            pb.REFERRAL_REASON_TRANSFERRED,
        )
        assert before.steps
        assert state(await desks.work(offered.referral_id, POLICE)) == "IN_PROGRESS"
        with pytest.raises(Refusal, match="is CANCELLED: cannot do that with it"):
            await desks.work(case.referral_id, LABOUR)
        # What the receiver does is no matter of the sender's.
        assert await desks.get(case.referral_id, LABOUR) == before
        assert [one.referral_id for one in await desks.seen(POLICE)] == [offered.referral_id]
        assert [one.referral_id for one in await desks.seen(LABOUR)] == [case.referral_id]
        expected = ["TransferRequested", "ReferralProgressed", "ReferralTransferred"]
        assert (await told(installation, case.handle))[:3] == expected
        assert (await told(installation, case.handle))[3] == "ReferralAccepted"


async def test_a_rejected_case_stays_and_can_be_offered_elsewhere_and_come_back(
    installation: Installation,
) -> None:
    async with desks_of(installation) as desks:
        case = await desks.case()
        first = await desks.offer(case.referral_id, POLICE)
        rejected = await desks.reject(first.referral_id, POLICE)
        assert (state(rejected), rejected.reason) == ("REJECTED", pb.REFERRAL_REASON_DUPLICATE)
        assert state(await desks.get(case.referral_id, LABOUR)) == "IN_PROGRESS"
        with pytest.raises(Refusal, match="is REJECTED: cannot accept it"):
            await desks.accept(first.referral_id, POLICE)
        second = await desks.offer(case.referral_id, POLICE)
        # Offered elsewhere, it waits there alone.
        third = await desks.offer(case.referral_id, CHILDREN)
        assert state(await desks.get(second.referral_id, POLICE)) == "CANCELLED"
        await desks.accept(third.referral_id, CHILDREN)
        back = await desks.offer(third.referral_id, LABOUR, CHILDREN)
        await desks.accept(back.referral_id, LABOUR)
        found = {one.referral_id: state(one) for one in await desks.seen(LABOUR)}
        assert found == {case.referral_id: "CANCELLED", back.referral_id: "ACCEPTED"}
        assert {state(one) for one in await desks.seen(POLICE)} == {"REJECTED", "CANCELLED"}
        for one in await desks.seen(POLICE):
            assert [each.desk for each in one.transfers] == [POLICE]


async def test_a_recused_officer_finds_nothing_of_the_case(installation: Installation) -> None:
    async with desks_of(installation) as desks:
        case, other = await desks.case(), await desks.case()
        offered = await desks.offer(case.referral_id, POLICE)
        for by, named in (("friend", ""), ("officer", "cousin")):
            request = pb.RecuseOfficerRequest(
                request_id=str(uuid4()), referral_id=case.referral_id, officer=named
            )
            await desks.handlers.recuse(call(officer(LABOUR, by), request), request)
        for name in ("friend", "cousin"):
            assert [one.handle for one in await desks.seen(LABOUR, name=name)] == [other.handle]
            with pytest.raises(Refusal, match="no such referral"):
                await desks.get(case.referral_id, LABOUR, name)
            acts: Any = pb.ReleaseFactsRequest(
                request_id=str(uuid4()), referral_id=case.referral_id, people_affected=4
            )
            with pytest.raises(Refusal, match="no such referral"):
                await desks.handlers.release_facts(call(officer(LABOUR, name), acts), acts)
        assert len(await desks.seen(LABOUR)) == 2
        assert (await desks.get(offered.referral_id, POLICE)).handle == case.handle
        rows = await installation.ask("SELECT convert_from(payload, 'LATIN1') FROM triage.outbox")
        assert not any("cousin" in text or "friend" in text for (text,) in rows)


async def test_a_released_fact_is_on_record_and_in_the_ledger(installation: Installation) -> None:
    async with desks_of(installation) as desks:
        case = await desks.case()
        request = pb.ReleaseFactsRequest(
            request_id=str(uuid4()),
            referral_id=case.referral_id,
            facility_id="CN2021250D1DTN7",
            signer=bytes(range(32)),
            receipt_nonce=bytes(32),
        )
        answer = await desks.handlers.release_facts(call(officer(LABOUR), request), request)
        released = pb.ReleaseFactsResponse.FromString(answer)
        assert released.referral.facility_id == "CN2021250D1DTN7"
        assert "harbourlight.triage.v1.FactsReleased" in released.receipt.text
        rows = await installation.ask("SELECT type, commitment IS NULL FROM triage.outbox")
        assert rows == [("harbourlight.triage.v1.FactsReleased", False)]
        early = await desks.offer(case.referral_id, POLICE)
        request = pb.ReleaseFactsRequest(
            request_id=str(uuid4()), referral_id=early.referral_id, people_affected=5
        )
        with pytest.raises(Refusal) as error:
            await desks.handlers.release_facts(call(officer(POLICE), request), request)
        assert error.value.kind == Kind.WRONG_STATE
