"""What companies seal, and how an identity is asked for: refused once, then released."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from examples.demo.cases import PublicCase
from examples.demo.narrator import Narrator
from examples.demo.parties import Custody, Desk, Reporter, timed
from harbourlight.errors import CannotOpen, Untrusted
from harbourlight.reporting.v1 import content_pb2 as content
from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.triage.v1 import events_pb2 as events
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.triage.v1 import unsealing_pb2 as unsealing

T = TypeVar("T")

_LONGEST_SECONDS = 75.0
"""For a request to be in the ledger, where custodians look for it."""
_WHY_NOT = "The file does not show why the inquiry cannot go on without the name."


def identity(case: PublicCase) -> sealed.Identity:
    """Who reports. The public cases name their companies; these are made up."""
    name = f"Reporter of {case.id} Ltd"
    person = sealed.Person(name="R. Porter", email=f"compliance@{case.id}.example")
    return sealed.Identity(name=name, people=[person])


def report(case: PublicCase) -> sealed.Content:
    """What the desk alone reads."""
    return sealed.Content(
        site=sealed.Site(name=f"Site of {case.id}"),
        relation=sealed.Relation(kind=sealed.RELATION_KIND_DIRECT_SUPPLIER, tier=1),
        narrative=f"What was found: {case.title}.",
        contact=sealed.Contact(never="Do not call the switchboard."),
    )


class Scene:
    """The part of one case that nobody but its parties can read."""

    def __init__(
        self, company: Reporter, desk: Desk, custody: Custody, tell: Narrator, folder: Path
    ) -> None:
        self._company = company
        self._desk = desk
        self._custody = custody
        self._tell = tell
        self._folder = folder

    async def talk(self, referral: triage.Referral) -> None:
        """The desk opens the report and asks; the company answers. Both are sealed."""
        handle = referral.handle
        opened, _, took = await timed(self._desk.client.read_report(handle))
        assert opened.report is not None
        self._tell.did("authority", f"opens the report here: {opened.report.text}", took)
        await self._desk.client.send_message(
            handle, "Who recruited them?", purpose=content.MESSAGE_PURPOSE_QUESTION
        )
        answer = await self._company.client.list_messages()
        self._tell.did("company", f"reads, sealed to its case: {answer[-1].text}")
        await self._company.client.send_message(
            "An agency in the capital.", purpose=content.MESSAGE_PURPOSE_ANSWER
        )
        self._tell.did("company", "answers, sealed to the desk")

    async def unseal(self, referral: triage.Referral, who: sealed.Identity) -> bool:
        """The desk asks for the identity twice. Whether it opened after the second time alone."""
        refused = await self._ask(referral, unsealing.LEGAL_BASIS_INVESTIGATION)
        _, _, took = await timed(
            self._custody.client.refuse_unsealing(
                refused, unsealing.UNSEALING_REFUSAL_NOT_NECESSARY, _WHY_NOT
            )
        )
        self._tell.did("custodian", "keeps its half: not shown to be necessary", took)
        await self._tell_company(events.UnsealingRefused, refused)
        try:
            await self._desk.client.open_identity(refused, self._one_time(refused))
        except CannotOpen:
            self._tell.did("authority", "cannot open it: its own half is not enough")
        else:
            return False
        granted = await self._ask(referral, unsealing.LEGAL_BASIS_JUDICIAL_PROCEEDINGS)
        _, _, took = await timed(_witnessed(lambda: self._custody.client.grant_unsealing(granted)))
        self._tell.did("custodian", "releases its half to the officer's one-time key", took)
        await self._tell_company(events.UnsealingGranted, granted)
        opened = await self._desk.client.open_identity(granted, self._one_time(granted))
        self._tell.did("authority", f"opens who reports, on its own machine: {opened.name}")
        return opened == who

    async def _ask(self, referral: triage.Referral, basis: unsealing.LegalBasis) -> str:
        made = self._folder / f"one-time-{unsealing.LegalBasis.Name(basis)}.json"
        asked, _, took = await timed(
            self._desk.client.request_unsealing(
                referral.referral_id, basis, "The inquiry asks for the witness.", made
            )
        )
        unsealing_id = asked.unsealing.unsealing_id
        made.rename(self._one_time(unsealing_id))
        self._tell.did("authority", "asks the custodians who reports", took)
        await self._tell_company(events.UnsealingRequested, unsealing_id)
        began = time.monotonic()
        checked = await _witnessed(lambda: self._custody.client.check_unsealing(unsealing_id))
        reason = self._custody.client.read_reason(checked)
        self._tell.saw(
            "custodian", f"it in the ledger, and reads why: {reason}", time.monotonic() - began
        )
        return unsealing_id

    def _one_time(self, unsealing_id: str) -> Path:
        return self._folder / f"one-time-{unsealing_id}.json"

    async def _tell_company(self, event: type, unsealing_id: str) -> None:
        began = time.monotonic()
        seen, sentence = await self._company.told(
            event, lambda one: one.unsealing_id == unsealing_id
        )
        self._tell.saw("company", f"the notice: {sentence}", max(0.0, seen - began))


async def _witnessed(call: Callable[[], Awaitable[T]]) -> T:
    """The answer, once ledger and witness have the request: before, it is no request."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while True:
        try:
            return await call()
        except Untrusted:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
