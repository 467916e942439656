"""Those who use the network meanwhile; each writes down what it sent, was told and saw."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from examples.demo import sealed
from examples.demo.cases import PublicCase
from harbourlight import Authority, CaseKey, Company, Endpoints, Ngo
from harbourlight.errors import NotFound
from harbourlight.keys.files import KeyRing
from harbourlight.receiptfolder import ReceiptFolder
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.reporting.v1 import content_pb2 as content
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.types.v1 import types_pb2 as types
from tests.integration.clientlog import ClientLog

T = TypeVar("T")

PATIENCE = 180.0
"""Seconds that a party goes on trying and waiting: servers are away, and the machine is busy."""
NGO = "workers-first"
_LONGEST_PAUSE_SECONDS = 2.0
_STARTED, _DELIVERED = types.REMEDY_ITEM_STATE_IN_PROGRESS, types.REMEDY_ITEM_STATE_DELIVERED


class Trouble(Exception):
    """Something that no fault excuses."""


class Noticeboard:
    """What one party waits for another's doing, or for what it is told itself."""

    def __init__(self) -> None:
        self._there: set[str] = set()
        self._more = asyncio.Condition()

    async def put(self, what: str) -> None:
        """It is so from now on."""
        async with self._more:
            self._there.add(what)
            self._more.notify_all()

    async def wait(self, what: str) -> None:
        """Returns once it is so. Raises Trouble where it does not come."""
        try:
            async with asyncio.timeout(PATIENCE), self._more:
                await self._more.wait_for(lambda: what in self._there)
        except TimeoutError:
            raise Trouble(f"{what} did not come within {PATIENCE:.0f} s") from None


async def until_accepted(work: Callable[[], Awaitable[T | None]], what: str) -> T:
    """The answer to a command that is refused as long as others are not that far."""
    pause, deadline = 0.2, time.monotonic() + PATIENCE
    while (answer := await work()) is None:
        if time.monotonic() > deadline:
            raise Trouble(f"{what} was still refused after {PATIENCE:.0f} s")
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
    return answer


class Story:
    """A company and its one case, from report to verified remedy."""

    def __init__(
        self, endpoints: Endpoints, folder: Path, case: PublicCase, dice: random.Random
    ) -> None:
        key = CaseKey.generate()
        self.receipts = ReceiptFolder(folder / f"{key.handle}.receipts")
        self.client = Company(endpoints, key, receipts=self.receipts, patience=PATIENCE)
        self.handle = key.handle
        self.lodged = 0
        """How many things it was told are lodged, and so has a receipt of."""
        self.report = sealed.report(case)
        self.told = Noticeboard()
        self._case = case
        self._dice = dice
        self._seen = 0
        self._log = ClientLog(folder / f"{key.handle}.jsonl", key.handle)

    async def follow(self) -> None:
        """Watches its notices until it is cancelled."""
        async for notice in self.client.watch_notices(after_number=self._seen):
            await self._saw(notice)

    async def catch_up(self) -> None:
        """Looks up the notices that came when it did not watch any more."""
        for notice in (await self.client.list_notices(page_size=500)).notices:
            if notice.number > self._seen:
                await self._saw(notice)

    async def _saw(self, notice: Any) -> None:
        self._seen = notice.number
        self._log.saw("notices", notice.number, notice.type, self.handle)
        await self.told.put(notice.type.rpartition(".")[2])

    async def play(self, agreed: Noticeboard) -> None:
        """All that the company does."""
        await self._lodge("SubmitReport", "ReportFiled", self._submit)
        if self._dice.random() < 0.4 and await self._call("SubmitReport", "", self._submit):
            raise Trouble("a second report of the same case was accepted")
        await self.told.wait("ReferralAccepted")
        if self._dice.random() < 0.5:
            await self._lodge("AmendReport", "ReportAmended", self._amend)
        if self._dice.random() < 0.5:
            await self._lodge("SendMessage", "MessageSent", self._write)
        await until_accepted(self._propose, "a plan")
        await agreed.put(f"plan of {self.handle}")
        await self.told.wait("RemedyPlanAgreed")
        for item in (await self.client.get_remedy()).remedy.items:
            await self._deliver(item.item_id)
        await self.told.wait("RemedyClosed")
        await agreed.put(f"end of {self.handle}")
        await self.told.wait("ReferralCompleted")

    async def _call(self, method: str, event: str, call: Callable[[str], Awaitable[T]]) -> T | None:
        kind = f"harbourlight.reporting.v1.{event}" if event else ""
        return await self._log.call(method, self.handle, kind, call)

    async def _lodge(self, method: str, event: str, call: Callable[[str], Awaitable[Any]]) -> None:
        if await self._call(method, event, call) is None:
            raise Trouble(f"{method} of {self.handle} was refused")
        self.lodged += 1

    async def _submit(self, request_id: str) -> Any:
        return await self.client.submit_report(
            self._case.facts,
            identity=sealed.identity(self._case),
            content=self.report,
            request_id=request_id,
        )

    async def _amend(self, request_id: str) -> Any:
        facts = types.ReportFacts()
        facts.CopyFrom(self._case.facts)
        facts.money_trail = not facts.money_trail
        return await self.client.amend_report(facts, content=self.report, request_id=request_id)

    async def _write(self, request_id: str) -> Any:
        purpose = content.MESSAGE_PURPOSE_OTHER
        return await self.client.send_message("More.", purpose=purpose, request_id=request_id)

    async def _propose(self) -> Any:
        return await self._remedy(
            "ProposePlan",
            "RemedyPlanProposed",
            lambda name: self.client.propose_plan(self._case.items, request_id=name),
        )

    async def _deliver(self, item_id: str) -> None:
        for state, event in ((_STARTED, "RemedyItemStarted"), (_DELIVERED, "RemedyItemDelivered")):

            async def progress(name: str, state: Any = state) -> Any:
                return await self.client.record_progress(item_id, state, request_id=name)

            if await self._remedy("RecordProgress", event, progress) is None:
                raise Trouble(f"{event} of {self.handle} was refused")

    async def _remedy(self, method: str, event: str, call: Callable[[str], Awaitable[T]]) -> Any:
        return await self._log.call(method, self.handle, f"harbourlight.remedy.v1.{event}", call)


class Officer:
    """Takes up what comes into the queue, and sees it through."""

    def __init__(self, endpoints: Endpoints, token: str, folder: Path, name: str) -> None:
        keys = KeyRing.load(endpoints.keys["AUTHORITY"])
        self.client = Authority(endpoints, token, keys=keys, patience=PATIENCE)
        self.name = name
        self._log = ClientLog(folder / f"{name}.jsonl", name)

    async def take_up(self, referral: triage.Referral, story: Story, agreed: Noticeboard) -> None:
        """All that it does about a case, unless a colleague was first."""
        handle, number = referral.handle, referral.referral_id
        if not await self._triage(
            "AcceptReferral",
            handle,
            "ReferralAccepted",
            lambda name: self.client.accept_referral(number, request_id=name),
        ):
            return
        opened = await until_accepted(lambda: self._open(handle), "a look at the report")
        if story.report.narrative not in opened.text:
            raise Trouble(f"the report of {handle} opens as {opened!r}")
        await self._triage(
            "RecordProgress",
            handle,
            "ReferralProgressed",
            lambda name: self.client.record_progress(
                number,
                types.REFERRAL_STATE_IN_PROGRESS,
                step=triage.PROGRESS_STEP_INTERVIEWS_HELD,
                request_id=name,
            ),
        )
        await agreed.wait(f"plan of {handle}")
        await until_accepted(lambda: self._agree(handle), "an agreement")
        await agreed.wait(f"end of {handle}")
        await until_accepted(lambda: self._complete(handle, number), "an end")

    async def _open(self, handle: str) -> Any:
        try:
            return (await self.client.read_report(handle)).report
        except NotFound:
            # The other service has not heard yet whose case it is.
            return None

    async def _agree(self, handle: str) -> Any:
        return await self._log.call(
            "AgreePlan",
            handle,
            "harbourlight.remedy.v1.RemedyPlanAgreed",
            lambda name: self.client.agree_plan(handle, verifiers=[NGO], request_id=name),
        )

    async def _complete(self, handle: str, number: str) -> Any:
        return await self._triage(
            "CompleteReferral",
            handle,
            "ReferralCompleted",
            lambda name: self.client.complete_referral(
                number, triage.REFERRAL_OUTCOME_CONFIRMED, request_id=name
            ),
        )

    async def _triage(
        self, method: str, handle: str, event: str, call: Callable[[str], Awaitable[Any]]
    ) -> Any:
        return await self._log.call(method, handle, f"harbourlight.triage.v1.{event}", call)


class Observer:
    """An NGO: follows the feed, and verifies what it was named for."""

    def __init__(self, endpoints: Endpoints, token: str, folder: Path) -> None:
        self.client = Ngo(endpoints, token, patience=PATIENCE)
        self._log = ClientLog(folder / "ngo.jsonl", "ngo")
        self._delivered = asyncio.Event()

    async def follow(self) -> None:
        """Subscribes to the feed until it is cancelled."""
        async for batch in self.client.subscribe_remedy():
            for event in batch.events:
                self._log.saw("feed", event.sequence, event.type)
                if event.type.endswith(".RemedyItemDelivered"):
                    self._delivered.set()

    async def verify(self) -> None:
        """Verifies whatever is delivered, until it is cancelled."""
        while True:
            await self._delivered.wait()
            self._delivered.clear()
            page = await self.client.list_assignments(states=[_DELIVERED], page_size=100)
            for one in page.assignments:
                item = one.item.item_id

                async def confirm(name: str, item: str = item) -> Any:
                    method = remedy.VERIFICATION_METHOD_WORKER_INTERVIEWS
                    return await self.client.verify_item(item, method, request_id=name)

                await self._log.call("VerifyItem", "", "", confirm)
