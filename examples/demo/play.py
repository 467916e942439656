"""The scenes of one case, from report to verified remedy."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from examples.demo import sealed
from examples.demo.cases import PublicCase
from examples.demo.narrator import Narrator
from examples.demo.parties import NGO, Desk, Observer, Reporter, timed
from examples.demo.sealed import Scene
from harbourlight.remedy.v1 import events_pb2 as remedy_events
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.triage.v1 import events_pb2 as triage_events
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.types.v1 import types_pb2 as types

CONDITIONS = (triage.CONDITION_CODE_STOP_THE_PRACTICE, triage.CONDITION_CODE_AGREE_REMEDY_PLAN)


class Play:
    """One case, played by its company, the desk and the NGO."""

    def __init__(
        self,
        case: PublicCase,
        company: Reporter,
        desk: Desk,
        ngo: Observer,
        tell: Narrator,
        scene: Scene | None = None,
    ) -> None:
        """Without a `scene` nothing is sealed."""
        self._case = case
        self._company = company
        self._desk = desk
        self._ngo = ngo
        self._scene = scene
        self._tell = tell
        self.handle = company.client.handle
        self.reported = 0
        """How many things the company lodged that it has receipts of."""
        self.opened_by_two: bool | None = None
        """Whether who reports opened for desk and custodian together; None where none asked."""
        self.record: dict[str, Any] = {"case": case.id, "handle": self.handle, "seconds": {}}
        """What story.json keeps of the case."""

    def _saw(self, who: str, what: str, key: str, done: float, seen: float) -> None:
        delay = max(0.0, seen - done)
        self.record["seconds"][key] = round(delay, 4)
        self._tell.saw(who, what, delay)

    async def run(
        self, *, marker: bool, question: bool, dispute: bool, unseal: bool = False
    ) -> None:
        """Plays every scene. Raises TimeoutError where a party does not see what it should."""
        began = time.monotonic()
        self.record["began"] = datetime.now(UTC).isoformat()
        filed = await self._report(marker)
        referral = await self._take_up(filed)
        if unseal and self._scene:
            await self._scene.talk(referral)
            self.reported += 1
            self.opened_by_two = await self._scene.unseal(referral, sealed.identity(self._case))
        if question:
            await self._ask(referral)
        await self._protect(referral)
        items = await self._agree()
        await self._remedy(items, dispute)
        await self._close(referral)
        self.record["seconds"]["whole"] = round(time.monotonic() - began, 4)

    async def _report(self, marker: bool) -> float:
        client, facts = self._company.client, self._case.facts
        who = sealed.identity(self._case) if self._scene else None
        what = sealed.report(self._case) if self._scene else None
        if marker:
            _, _, took = await timed(
                client.place_marker(
                    country=facts.country,
                    sector=facts.sector,
                    exploitation_type=facts.exploitation_type,
                )
            )
            self.reported += 1
            self._tell.did("company", "places a marker: the time of coming forward is fixed", took)
            answer, filed, took = await timed(
                client.perfect_marker(facts, identity=who, content=what)
            )
            self._tell.did("company", f"perfects it with a report, case {self.handle}", took)
        else:
            answer, filed, took = await timed(
                client.submit_report(facts, identity=who, content=what)
            )
            self._tell.did("company", f"reports, sealed to its desk, case {self.handle}", took)
        self.reported += 1
        self.record["desk"] = answer.case.desk
        self.record["seconds"]["report"] = round(took, 4)
        return filed

    async def _take_up(self, filed: float) -> triage.Referral:
        seen, referral = await self._desk.sees(self.handle)
        self.record["referral_id"] = referral.referral_id
        priority = triage.Priority.Name(referral.priority).removeprefix("PRIORITY_")
        desk = referral.desk.replace("_", " ").lower()
        self._saw("authority", f"it in the queue of the {desk}, {priority}", "queue", filed, seen)
        _, done, took = await timed(self._desk.client.accept_referral(referral.referral_id))
        self._tell.did("authority", "takes the case up", took)
        seen, sentence = await self._company.told(triage_events.ReferralAccepted)
        self._saw("company", f"the notice: {sentence}", "accepted_notice", done, seen)
        await self._desk.client.record_progress(
            referral.referral_id,
            types.REFERRAL_STATE_IN_PROGRESS,
            step=triage.PROGRESS_STEP_INTERVIEWS_HELD,
        )
        return referral

    async def _ask(self, referral: triage.Referral) -> None:
        _, done, took = await timed(
            self._desk.client.request_information(
                referral.referral_id, [triage.INFORMATION_TOPIC_CHILDREN]
            )
        )
        self._tell.did("authority", "asks whether children are involved", took)
        seen, sentence = await self._company.told(triage_events.InformationRequested)
        self._saw("company", f"the notice: {sentence}", "question_notice", done, seen)
        facts = types.ReportFacts()
        facts.CopyFrom(self._case.facts)
        facts.child_involved = types.CHILD_INVOLVEMENT_YES
        _, done, took = await timed(self._company.client.amend_report(facts))
        self.reported += 1
        self._tell.did("company", "amends the report: yes", took)
        seen, _ = await self._desk.sees(self.handle, lambda one: one.amendments == 1)
        self._saw("authority", "the amended report", "amended", done, seen)

    async def _protect(self, referral: triage.Referral) -> None:
        due = (datetime.now(UTC).date() + timedelta(days=90)).isoformat()
        _, done, took = await timed(
            self._desk.client.decide_protection(
                referral.referral_id,
                types.PROTECTION_STATE_CONDITIONAL,
                conditions=[triage.Condition(code=code, due_date=due) for code in CONDITIONS],
            )
        )
        self._tell.did("authority", "grants protection under two conditions", took)
        seen, sentence = await self._company.told(triage_events.ProtectionDecided)
        self._saw("company", f"the notice: {sentence}", "protection_notice", done, seen)

    async def _agree(self) -> list[remedy.RemedyItem]:
        items = self._case.items
        _, done, took = await timed(self._company.client.propose_plan(items))
        self._tell.did("company", f"proposes remedy: {_count(len(items), 'item')}", took)
        before = self._ngo.position
        answer, done, took = await timed(self._desk.client.agree_plan(self.handle, verifiers=[NGO]))
        self._tell.did("authority", "agrees to it and names an NGO to verify", took)
        event = remedy_events.RemedyPlanAgreed
        seen, entry = await self._ngo.sees_more(event, before)
        self.record["feed_subject"] = entry.subject
        self._saw("ngo", f"an agreed plan, case {entry.subject[:8]}…", "agreed_feed", done, seen)
        return list(answer.remedy.items)

    async def _remedy(self, items: list[remedy.RemedyItem], dispute: bool) -> None:
        before = self._ngo.position
        done = 0.0
        for item in items:
            for state in (types.REMEDY_ITEM_STATE_IN_PROGRESS, types.REMEDY_ITEM_STATE_DELIVERED):
                _, done, _ = await timed(self._company.client.record_progress(item.item_id, state))
        self._tell.did("company", f"delivers {_count(len(items), 'item')}")
        seen, _ = await self._ngo.sees_more(
            remedy_events.RemedyItemDelivered, before + 2 * len(items) - 1
        )
        self._saw("ngo", "the last one delivered", "delivered_feed", done, seen)
        if dispute:
            await self._dispute(items[0])
        await self._verify()

    async def _dispute(self, item: remedy.RemedyItem) -> None:
        reason = remedy.DISPUTE_REASON_WRONG_AMOUNT
        _, done, took = await timed(self._ngo.client.dispute_item(item.item_id, reason))
        self._tell.did("ngo", "disputes an item: the amount is wrong", took)
        seen, sentence = await self._company.told(remedy_events.RemedyItemDisputed)
        self._saw("company", f"the notice: {sentence}", "dispute_notice", done, seen)
        for state in (types.REMEDY_ITEM_STATE_IN_PROGRESS, types.REMEDY_ITEM_STATE_DELIVERED):
            await self._company.client.record_progress(item.item_id, state)
        self._tell.did("company", "sets it right and delivers it again")

    async def _verify(self) -> None:
        """The NGO works through what it was named to verify; it never learns the handle."""
        states = [types.REMEDY_ITEM_STATE_DELIVERED]
        assigned = (await self._ngo.client.list_assignments(states=states)).assignments
        done = 0.0
        for assignment in assigned:
            _, done, _ = await timed(
                self._ngo.client.verify_item(
                    assignment.item.item_id, remedy.VERIFICATION_METHOD_WORKER_INTERVIEWS
                )
            )
        self._tell.did("ngo", f"verifies {_count(len(assigned), 'item')} with the workers")
        seen, sentence = await self._company.told(remedy_events.RemedyClosed)
        self._saw("company", f"the notice: {sentence}", "closed_notice", done, seen)

    async def _close(self, referral: triage.Referral) -> None:
        began = time.monotonic()
        seen, _ = await self._desk.sees(self.handle, lambda one: one.remedy_closed)
        self._saw("authority", "that every indicator is remedied", "closed_queue", began, seen)
        await self._desk.client.complete_referral(
            referral.referral_id, triage.REFERRAL_OUTCOME_CONFIRMED
        )
        _, done, took = await timed(
            self._desk.client.decide_protection(
                referral.referral_id, types.PROTECTION_STATE_FINAL, conditions_met=CONDITIONS
            )
        )
        self._tell.did("authority", "closes the case and makes the protection final", took)
        final = types.PROTECTION_STATE_FINAL
        seen, sentence = await self._company.told(
            triage_events.ProtectionDecided, lambda event: event.state == final
        )
        self._saw("company", f"the notice: {sentence}", "final_notice", done, seen)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


async def play_all(
    cases: list[PublicCase], plays: list[Play], tell: Narrator, followers: list[asyncio.Task[None]]
) -> None:
    """One case after the other, so that the story can be read; all parties follow all along."""
    for number, (case, play) in enumerate(zip(cases, plays, strict=True), 1):
        tell.chapter(number, len(cases), case.title)
        scene = asyncio.create_task(
            play.run(
                marker=case.id in ("seafood-self-disclosure", "longliner"),
                question=case.facts.child_involved == types.CHILD_INVOLVEMENT_NOT_SURE,
                dispute=case.id == "retail-food-supplier",
                unseal=number == 3,
            )
        )
        await asyncio.wait([scene, *followers], return_when=asyncio.FIRST_COMPLETED)
        for follower in followers:
            if follower.done():
                scene.cancel()
                await follower
        await scene
