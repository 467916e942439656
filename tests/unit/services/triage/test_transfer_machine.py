"""A case that desks offer to each other: one of them holds it, whatever happens."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.triage.domain import referral, transfer
from services.triage.domain.events import (
    ReferralAccepted,
    ReferralTransferred,
    TransferCancelled,
    TransferRejected,
    TransferRequested,
)
from services.triage.domain.model import Referral
from shared.decisions import Decision
from shared.errors import Kind, Refusal

from .build import T0, accepted, progress, requested

DESKS = ("LABOUR_INSPECTORATE", "POLICE", "CHILD_PROTECTION")
ENDS = {
    "ACCEPTED": ReferralTransferred,
    "REJECTED": TransferRejected,
    "CANCELLED": TransferCancelled,
}
SELDOM = st.integers(0, 9).map(lambda number: number == 9)


class TransferMachine(RuleBasedStateMachine):
    """One case among three desks."""

    it: Referral
    now: datetime = T0

    @initialize(work=st.booleans())
    def begin(self, work: bool) -> None:
        self.told: list[Any] = []
        self.refused: list[Refusal] = []
        self.ids = 0
        self.it = accepted() if work else requested()
        self.known = [self.it.referral_id]
        self.seen: dict[str, Referral] = {}

    def _try(self, command: Callable[[Referral], Decision[Referral] | None]) -> bool:
        before = self.it
        try:
            decision = command(before)
        except Refusal as refusal:
            self.refused.append(refusal)
            return False
        if decision is None:
            return False
        self.it = decision.state
        self.told += decision.events
        went = [one for one in decision.events if isinstance(one, ReferralTransferred)]
        if self.it.referral_id != before.referral_id:
            assert [one.referral_id for one in went] == [self.it.referral_id]
            assert any(isinstance(one, ReferralAccepted) for one in decision.events)
            assert (self.it.based_on, self.it.state) == (before.referral_id, "ACCEPTED")
            # Statutory clocks run on: the same ones are due at the same times.
            due = {one.code: one.due_at for one in self.it.deadlines}
            assert due | {one.code: one.due_at for one in before.deadlines} == due
            self.seen[before.referral_id] = transfer.gone(before)
        else:
            assert not went
            assert before.desk == self.it.desk
        for old, new in zip(before.transfers, self.it.transfers, strict=False):
            assert old.state == "REQUESTED" or old == new
        return True

    def _some(self, which: int) -> str:
        return self.known[-1 - which % len(self.known)]

    @rule(wait=st.timedeltas(timedelta(0), timedelta(days=9)))
    def wait(self, wait: timedelta) -> None:
        self.now += wait
        self._try(lambda it: referral.pass_time(it, now=self.now))

    @rule(desk=st.sampled_from([*DESKS, "FINANCIAL_INTELLIGENCE", "NOBODY"]))
    def offer(self, desk: str) -> None:
        self.ids += 1
        name = str(self.ids)
        done = self._try(
            lambda it: transfer.request(
                it,
                referral_id=name,
                desk=desk,
                reason="OUTSIDE_MANDATE",
                desks={*DESKS, "FINANCIAL_INTELLIGENCE"},
                now=self.now,
            )
        )
        if done:
            self.known.append(name)
            assert desk in DESKS
            assert self.it.offer
            assert self.it.offer.desk == desk != self.it.desk

    @rule(which=st.sampled_from([0, 0, 0, 1, 2]))
    def accept(self, which: int) -> None:
        name, before = self._some(which), self.it
        if self._try(lambda it: transfer.accept(it, referral_id=name, now=self.now)):
            assert name == self.it.referral_id
            assert name == before.referral_id or (before.offer and before.offer.referral_id == name)

    @rule(which=st.integers(0, 2), sure=st.booleans())
    def reject(self, which: int, sure: bool) -> None:
        if sure:
            self._try(
                lambda it: transfer.reject(
                    it, referral_id=self._some(which), reason="DUPLICATE", now=self.now
                )
            )

    @rule(which=st.integers(0, 2))
    def work(self, which: int) -> None:
        name = self._some(which)

        def command(it: Referral) -> Decision[Referral]:
            held = transfer.held(it, name)
            assert held
            return progress(held, "IN_PROGRESS", step="SITE_VISITED", now=self.now)

        if self._try(command):
            assert name == self.it.referral_id

    @rule(sure=SELDOM)
    def withdraw(self, sure: bool) -> None:
        if sure:
            self._try(lambda it: referral.withdraw(it, now=self.now))

    @invariant()
    def one_offer_waits_at_most(self) -> None:
        waiting = [one for one in self.it.transfers if one.state == "REQUESTED"]
        assert len(waiting) <= 1
        if self.it.state in referral.ENDED:
            assert not waiting

    @invariant()
    def each_referral_has_one_desk_that_knows_where_it_stands(self) -> None:
        for name in self.known:
            desk = transfer.desk_of(self.it, name)
            assert desk in DESKS
            shown = self.seen.get(name) or transfer.seen_as(self.it, name)
            assert (shown.referral_id, shown.desk) == (name, desk)
            if name != self.it.referral_id:
                assert not shown.unsealings
                assert not any(one.open for one in shown.deadlines)
                assert shown.state in ("REQUESTED", "REJECTED", "CANCELLED")
        assert transfer.desk_of(self.it, "unheard of") is None

    @invariant()
    def each_offer_is_told_from_its_beginning_to_its_end(self) -> None:
        for one in self.it.transfers:
            told = [
                type(e)
                for e in self.told
                if type(e) in (TransferRequested, *ENDS.values())
                and e.referral_id == one.referral_id
            ]
            assert told == [TransferRequested, *([ENDS[one.state]] if one.state in ENDS else [])]
            assert (one.settled_at is not None) == (one.state in ENDS)

    @invariant()
    def refusals_say_why(self) -> None:
        for refusal in self.refused:
            assert refusal.kind in (Kind.INVALID, Kind.WRONG_STATE)
            assert bool(refusal.violations) == (refusal.kind == Kind.INVALID)


TransferMachine.TestCase.settings = settings(
    max_examples=300, stateful_step_count=50, deadline=None
)
TestTransferMachine = TransferMachine.TestCase
