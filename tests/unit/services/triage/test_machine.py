"""No sequence of commands and events leads where the design names no way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.triage.domain import referral
from services.triage.domain.deadlines import PERIODS, State, next_moment
from services.triage.domain.events import (
    Condition,
    DeadlineEvent,
    DeadlineMet,
    DeadlineMissed,
    DeadlineStarted,
    DeadlineWarned,
)
from services.triage.domain.model import Referral
from shared.decisions import Decision
from shared.errors import Kind, Refusal

from .build import FACTS, T0, decide, request

MOVES = {
    ("REQUESTED", "ACCEPTED"): "ReferralAccepted",
    ("REQUESTED", "REJECTED"): "ReferralRejected",
    ("ACCEPTED", "IN_PROGRESS"): "ReferralProgressed",
    ("ACCEPTED", "ON_HOLD"): "ReferralProgressed",
    ("IN_PROGRESS", "IN_PROGRESS"): "ReferralProgressed",
    ("IN_PROGRESS", "ON_HOLD"): "ReferralProgressed",
    ("ON_HOLD", "IN_PROGRESS"): "ReferralProgressed",
    ("ACCEPTED", "FAILED"): "ReferralFailed",
    ("IN_PROGRESS", "FAILED"): "ReferralFailed",
    ("ON_HOLD", "FAILED"): "ReferralFailed",
    ("IN_PROGRESS", "COMPLETED"): "ReferralCompleted",
    ("REQUESTED", "CANCELLED"): "ReferralCancelled",
    ("ACCEPTED", "CANCELLED"): "ReferralCancelled",
    ("IN_PROGRESS", "CANCELLED"): "ReferralCancelled",
    ("ON_HOLD", "CANCELLED"): "ReferralCancelled",
}
PROTECTION_MOVES = {
    ("MARKED", "CONDITIONAL"),
    ("MARKED", "DECLINED"),
    ("CONDITIONAL", "CONDITIONAL"),
    ("CONDITIONAL", "FINAL"),
    ("CONDITIONAL", "REVOKED"),
    ("FINAL", "REVOKED"),
}
REASONS = st.sampled_from(["", "DUPLICATE", "AWAITING_COMPANY"])
STEPS = st.sampled_from(["", "SITE_VISITED", "INTERVIEWS_HELD"])
CODES = st.sampled_from(["STOP_THE_PRACTICE", "KEEP_EVIDENCE", "NO_RETALIATION"])
LIKELY = ["CONDITIONAL", "FINAL", "CONDITIONAL", "FINAL", "FINAL", "DECLINED", "REVOKED"]
SELDOM = st.integers(0, 9).map(lambda number: number == 9)
"""For what ends a referral: else nothing would live long enough to go anywhere."""
WAITS = st.one_of(
    st.timedeltas(timedelta(0), timedelta(hours=40)),
    st.timedeltas(timedelta(days=1), timedelta(days=120)),
)


class ReferralMachine(RuleBasedStateMachine):
    """One referral, with a clock that only goes forward."""

    it: Referral
    now: datetime = T0

    @initialize(child=st.sampled_from(["YES", "NO", "NOT_SURE"]), danger=st.booleans(), skip=WAITS)
    def begin(self, child: str, danger: bool, skip: timedelta) -> None:
        self.now = T0 + skip
        decision = request(self.now, replace(FACTS, child_involved=child, ongoing_danger=danger))
        self.told: list[DeadlineEvent] = []
        self.refused: list[Refusal] = []
        self.amendments = 0
        self.it = decision.state
        self._note(decision)

    def _note(self, decision: Decision[Referral]) -> None:
        for event in decision.events:
            if isinstance(event, DeadlineEvent):
                self.told.append(event)
                if isinstance(event, DeadlineMissed):
                    assert self.now >= event.due_at
                if isinstance(event, (DeadlineMet, DeadlineWarned)):
                    assert self.now < event.due_at

    def _try(self, command: Callable[[Referral], Decision[Referral] | None]) -> None:
        before = self.it
        try:
            decision = command(before)
        except Refusal as refusal:
            self.refused.append(refusal)
            return
        if decision is None:
            return
        after = self.it = decision.state
        names = [type(event).__name__ for event in decision.events]
        moved = [name for name in names if name.startswith("Referral")]
        if moved:
            assert moved == [MOVES[before.state, after.state]]
        else:
            assert before.state == after.state
        if "ProtectionDecided" in names:
            assert (before.protection_state, after.protection_state) in PROTECTION_MOVES
        else:
            assert before.protection_state == after.protection_state
        assert before.referral_id == after.referral_id
        self._note(decision)

    @rule(wait=WAITS)
    def wait(self, wait: timedelta) -> None:
        self.now += wait

    @rule()
    def sweep(self) -> None:
        self._try(lambda it: referral.pass_time(it, now=self.now))
        moment = next_moment(self.it.deadlines)
        assert moment is None or moment > self.now

    @rule()
    def accept(self) -> None:
        self._try(lambda it: referral.accept(it, now=self.now))

    @rule(sure=SELDOM)
    def reject(self, sure: bool) -> None:
        if sure:
            self._try(lambda it: referral.reject(it, reason="DUPLICATE", now=self.now))

    @rule(topics=st.sets(st.sampled_from(["CHILDREN", "INDICATORS"]), min_size=1))
    def ask(self, topics: set[str]) -> None:
        self._try(lambda it: referral.request_information(it, topics=tuple(sorted(topics))))

    @rule(state=st.sampled_from(["IN_PROGRESS", "ON_HOLD"]), reason=REASONS, step=STEPS)
    def progress(self, state: str, reason: str, step: str) -> None:
        self._progress(state, reason, step)

    @rule(state=st.sampled_from(["IN_PROGRESS", "ON_HOLD"]))
    def progress_well(self, state: str) -> None:
        self._progress(state, "AWAITING_COMPANY" if state == "ON_HOLD" else "", "SITE_VISITED")

    @rule(sure=SELDOM, reason=REASONS, step=STEPS)
    def fail(self, sure: bool, reason: str, step: str) -> None:
        if sure:
            self._progress("FAILED", reason, step)

    def _progress(self, state: str, reason: str, step: str) -> None:
        self._try(
            lambda it: referral.record_progress(
                it, state=state, reason=reason, step=step, now=self.now
            )
        )
        if self.it.state in ("ON_HOLD", "FAILED"):
            assert self.it.reason

    @rule(outcome=st.sampled_from(["CONFIRMED", "PARTLY_CONFIRMED", "NOT_CONFIRMED"]))
    def complete(self, outcome: str) -> None:
        before = self.it
        self._try(lambda it: referral.complete(it, outcome=outcome, now=self.now))
        if before.state != self.it.state == "COMPLETED" and outcome != "NOT_CONFIRMED":
            assert before.remedy_closed

    @rule(
        decision=st.sampled_from(["CONDITIONAL", "FINAL", "DECLINED", "REVOKED"]),
        reasons=st.sets(st.sampled_from(["RETALIATION", "FALSE_STATEMENT"])),
        codes=st.lists(CODES, max_size=2),
        ahead=st.integers(-1, 90),
        met=st.sets(CODES),
    )
    def decide(
        self, decision: str, reasons: set[str], codes: list[str], ahead: int, met: set[str]
    ) -> None:
        due = (self.now.date() + timedelta(days=ahead)).isoformat()
        conditions = tuple(Condition(code, due) for code in codes)
        self._try(
            lambda it: decide(
                it, decision, tuple(sorted(reasons)), conditions, tuple(sorted(met)), self.now
            )
        )

    @rule(decision=st.sampled_from(LIKELY), code=CODES)
    def decide_well(self, decision: str, code: str) -> None:
        ends = decision in ("DECLINED", "REVOKED")
        new = Condition(code, self.now.date().isoformat())
        fresh = decision == "CONDITIONAL" and code not in [one.code for one in self.it.conditions]
        met = () if ends else tuple(one.code for one in self.it.conditions)
        reasons = ("RETALIATION",) if ends else ()
        self._try(lambda it: decide(it, decision, reasons, (new,) if fresh else (), met, self.now))

    @rule(danger=st.booleans())
    def amend(self, danger: bool) -> None:
        self.amendments += 1
        changes: dict[str, Any] = {"facts": replace(FACTS, ongoing_danger=danger)}
        self._try(
            lambda it: referral.amend(it, ilo_indicators=(), amendments=self.amendments, **changes)
        )
        assert (self.it.priority == "P1") is danger
        assert not self.it.open_questions

    @rule(sure=SELDOM)
    def withdraw(self, sure: bool) -> None:
        if sure:
            self._try(lambda it: referral.withdraw(it, now=self.now))
            assert self.it.state in referral.ENDED

    @rule(closed=st.booleans())
    def remedy(self, closed: bool) -> None:
        self._try(lambda it: referral.note_remedy(it, closed=closed))

    @invariant()
    def refusals_say_why(self) -> None:
        for refusal in self.refused:
            assert refusal.kind in (Kind.INVALID, Kind.WRONG_STATE)
            assert bool(refusal.violations) == (refusal.kind == Kind.INVALID)

    @invariant()
    def each_deadline_ends_once(self) -> None:
        for clock in self.it.deadlines:
            kinds = [type(one) for one in self.told if one.code == clock.code]
            assert all(one.due_at == clock.due_at for one in self.told if one.code == clock.code)
            assert kinds.count(DeadlineStarted) == 1
            assert kinds[0] is DeadlineStarted
            assert kinds.count(DeadlineWarned) <= 1
            ends = [kind for kind in kinds if kind in (DeadlineMet, DeadlineMissed)]
            expected = {State.MET: [DeadlineMet], State.MISSED: [DeadlineMissed]}
            assert ends == expected.get(clock.state, [])
            assert not ends or kinds[-1] is ends[0]
            assert (clock.settled_at is not None) == (clock.state in (State.MET, State.ENDED))

    @invariant()
    def nothing_else_runs(self) -> None:
        codes = [clock.code for clock in self.it.deadlines]
        assert len(codes) == len(set(codes))
        assert set(codes) <= set(PERIODS)
        assert {one.code for one in self.told} == set(codes)
        if self.it.state in referral.ENDED:
            assert not any(clock.open for clock in self.it.deadlines)

    @invariant()
    def protection_stands_on_its_grounds(self) -> None:
        codes = [one.code for one in self.it.conditions]
        assert len(codes) == len(set(codes))
        if self.it.protection_state == "FINAL":
            assert codes
            assert all(one.met for one in self.it.conditions)
        if self.it.protection_state == "CONDITIONAL":
            assert codes
        if self.it.protection_state in ("DECLINED", "REVOKED"):
            assert self.it.protection_reasons


ReferralMachine.TestCase.settings = settings(
    max_examples=300, stateful_step_count=50, deadline=None
)
TestReferralMachine = ReferralMachine.TestCase
