"""Unsealing as a state machine: whatever is asked, answered, ended or late, its rules hold."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.triage.domain import referral, unsealing, unsealings
from services.triage.domain.events import (
    UnsealingExpired,
    UnsealingGranted,
    UnsealingRefused,
    UnsealingRequested,
)
from services.triage.domain.model import Referral
from shared.decisions import Decision
from shared.errors import Kind, Refusal

from .build import T0, accepted, progress, requested

ORGANISATIONS = ("bar-association", "ombudsman", "somebody-else")
OPEN = ("REQUESTED", "GRANTED")
WAITS = st.one_of(
    st.timedeltas(timedelta(0), timedelta(hours=40)),
    st.timedeltas(timedelta(days=1), timedelta(days=20)),
)
SELDOM = st.integers(0, 9).map(lambda number: number == 9)


class UnsealingMachine(RuleBasedStateMachine):
    """One case, and all that is asked about who reported it."""

    it: Referral
    now: datetime = T0

    @initialize(work=st.booleans(), desk=st.sampled_from(["POLICE", unsealing.FINANCIAL_DESK]))
    def begin(self, work: bool, desk: str) -> None:
        self.told: list[Any] = []
        self.refused: list[Refusal] = []
        self.asked = 0
        self.ended = False
        self.it = replace(accepted() if work else requested(), desk=desk)

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
        self.told += [one for one in decision.events if "Unsealing" in type(one).__name__]
        # What was settled stays as it was settled.
        for old, new in zip(before.unsealings, self.it.unsealings, strict=False):
            assert old.state in OPEN or old == new
            assert replace(
                new,
                state=old.state,
                ends_at=old.ends_at,
                answered_by="",
                answered_at=None,
                refusal="",
            ) == replace(old, answered_by="", answered_at=None, refusal="")
        return True

    @rule(wait=WAITS)
    def wait(self, wait: timedelta) -> None:
        self.now += wait

    @rule()
    def sweep(self) -> None:
        self._try(lambda it: referral.pass_time(it, now=self.now))
        moment = referral.next_moment(self.it)
        assert moment is None or moment > self.now

    @rule(off=st.sampled_from([0, 0, 0, 0, 1, -1]), other=st.sampled_from(ORGANISATIONS[:2]))
    def ask(self, off: int, other: str) -> None:
        self.asked += 1
        number = len(self.it.unsealings) + 1 + off
        done = self._try(
            lambda it: unsealing.request(
                it,
                unsealing_id=str(self.asked),
                number=number,
                legal_basis="JUDICIAL_PROCEEDINGS",
                custodian="bar-association",
                alternate=other,
                now=self.now,
            )
        )
        if done:
            assert self.it.state in referral.ACTIVE
            assert self.it.desk != unsealing.FINANCIAL_DESK
            assert (off, other) == (0, "ombudsman")

    @rule(which=st.integers(0, 3), by=st.sampled_from(ORGANISATIONS), yes=st.booleans())
    def answer(self, which: int, by: str, yes: bool) -> None:
        found = [str(self.asked), *(one.unsealing_id for one in self.it.unsealings)]
        wanted = found[-1 - which % len(found)]
        before = {one.unsealing_id: one for one in self.it.unsealings}.get(wanted)

        def command(it: Referral) -> Decision[Referral]:
            if yes:
                return unsealing.grant(it, unsealing_id=wanted, custodian=by, now=self.now)
            return unsealing.refuse(
                it, unsealing_id=wanted, custodian=by, reason="NOT_NECESSARY", now=self.now
            )

        if self._try(command):
            assert before is not None
            assert before.state == "REQUESTED"
            assert self.now < before.ends_at
            assert by in (before.custodian, before.alternate)

    @rule()
    def accept(self) -> None:
        self._try(lambda it: referral.accept(it, now=self.now))

    @rule()
    def work(self) -> None:
        self._try(lambda it: progress(it, "IN_PROGRESS", step="SITE_VISITED", now=self.now))

    @rule(how=st.sampled_from(["withdraw", "fail", "complete"]), sure=SELDOM)
    def end(self, how: str, sure: bool) -> None:
        if not sure:
            return
        ways: dict[str, Callable[[Referral], Decision[Referral] | None]] = {
            "withdraw": lambda it: referral.withdraw(it, now=self.now),
            "fail": lambda it: progress(it, "FAILED", "SITE_NOT_REACHABLE", now=self.now),
            "complete": lambda it: referral.complete(it, outcome="NOT_CONFIRMED", now=self.now),
        }
        self._try(ways[how])

    @invariant()
    def at_most_one_is_open(self) -> None:
        assert [one.state in OPEN for one in self.it.unsealings].count(True) <= 1
        if self.it.state in referral.ENDED:
            assert not any(one.open for one in self.it.unsealings)
        numbers = [one.number for one in self.it.unsealings]
        assert numbers == [*range(1, len(numbers) + 1)]

    @invariant()
    def each_is_told_step_by_step(self) -> None:
        ways = {
            "REQUESTED": [UnsealingRequested],
            "GRANTED": [UnsealingRequested, UnsealingGranted],
            "REFUSED": [UnsealingRequested, UnsealingRefused],
            "EXPIRED": [UnsealingRequested, UnsealingExpired],
            "CLOSED": [UnsealingRequested, UnsealingGranted, UnsealingExpired],
        }
        for one in self.it.unsealings:
            told = [type(e) for e in self.told if e.unsealing_id == one.unsealing_id]
            assert told == ways[one.state]
            assert bool(one.answered_by) == (one.state in ("GRANTED", "REFUSED", "CLOSED"))
            assert bool(one.refusal) == (one.state == "REFUSED")
            assert one.requested_at <= one.ends_at <= self.now + unsealings.ANSWER_WITHIN
        assert {e.unsealing_id for e in self.told} == {o.unsealing_id for o in self.it.unsealings}

    @invariant()
    def refusals_say_why(self) -> None:
        for refusal in self.refused:
            assert refusal.kind in (Kind.INVALID, Kind.WRONG_STATE, Kind.DENIED, Kind.NOT_FOUND)
            assert bool(refusal.violations) == (refusal.kind == Kind.INVALID)


UnsealingMachine.TestCase.settings = settings(
    max_examples=300, stateful_step_count=50, deadline=None
)
TestUnsealingMachine = UnsealingMachine.TestCase
