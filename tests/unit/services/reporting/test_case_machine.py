"""No sequence of commands leads a case to where the design does not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from harbourlight.reporting.v1 import events_pb2, reporting_pb2
from services.reporting import domain, handlers, store
from services.reporting.domain import Case, CaseState, Facts
from shared import contract, translate
from shared.decisions import Decision
from shared.errors import Kind, Refusal

from .build import HANDLE, NOW, TABLE, facts

_NAMED_BY_THE_DESIGN = {
    (None, "MARKED"),
    (None, "FILED"),
    ("MARKED", "FILED"),
    ("MARKED", "LAPSED"),
    ("MARKED", "WITHDRAWN"),
    ("FILED", "FILED"),
    ("FILED", "WITHDRAWN"),
}
_EVENTS = {
    (None, "MARKED"): "MarkerPlaced",
    (None, "FILED"): "ReportFiled",
    ("MARKED", "FILED"): "ReportFiled",
    ("MARKED", "LAPSED"): "MarkerLapsed",
    ("MARKED", "WITHDRAWN"): "ReportWithdrawn",
    ("FILED", "FILED"): "ReportAmended",
    ("FILED", "WITHDRAWN"): "ReportWithdrawn",
}
_OPEN_REFERRALS = ["REQUESTED", "ACCEPTED", "IN_PROGRESS", "ON_HOLD"]
_ENDED_REFERRALS = ["REJECTED", "COMPLETED", "FAILED", "CANCELLED"]
_PROTECTION = ["CONDITIONAL", "FINAL", "DECLINED", "REVOKED"]


class Cases(RuleBasedStateMachine):
    """A company and a desk try everything on one case, allowed or not, as time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.case: Case | None = None
        self.now = NOW
        self.came_forward: datetime | None = None

    def _state(self) -> str | None:
        return None if self.case is None else self.case.state.value

    def _referral_ended(self) -> bool:
        return self.case is not None and self.case.referral_state in _ENDED_REFERRALS

    def _command(self, allowed: bool, decide: Callable[[], Decision[Case]]) -> None:
        before = self._state()
        try:
            decision = decide()
        except Refusal as refusal:
            told = refusal
        else:
            assert allowed
            self._accept(before, decision)
            return
        assert not allowed
        assert told.kind == (Kind.NOT_FOUND if self.case is None else Kind.WRONG_STATE)

    def _accept(self, before: str | None, decision: Decision[Case]) -> None:
        if not decision.events:
            assert decision.state == self.case
            return
        (event,) = decision.events
        self.case = decision.state
        move = (before, self.case.state.value)
        assert move in _NAMED_BY_THE_DESIGN
        assert type(event).__name__ == _EVENTS[move]
        if before is None:
            self.came_forward = self.now
        if isinstance(event, domain.ReportFiled):
            assert event.came_forward_at == self.came_forward
        self._check_event(event)

    def _check_event(self, event: Any) -> None:
        """The contract has the event, and says all of it."""
        message = handlers.EMITTER.outgoing(event, HANDLE, self.now).event
        assert contract.event_type(message.DESCRIPTOR.full_name)
        assert message.DESCRIPTOR.file is events_pb2.DESCRIPTOR
        assert translate.to_dataclass(message, type(event)) == event

    @initialize(told=st.none() | facts)
    def comes_forward(self, told: Facts | None) -> None:
        if told is None:
            self.place_marker()
        else:
            self.submit(told)

    @rule(passed=st.sampled_from([timedelta(hours=1), timedelta(days=29)]))
    def time_passes(self, passed: timedelta) -> None:
        self.now += passed

    @rule()
    def place_marker(self) -> None:
        self._command(
            self.case is None,
            lambda: domain.place_marker(
                self.case,
                handle=HANDLE,
                country="MY",
                sector="ISIC_C",
                exploitation_type="SERVITUDE",
                now=self.now,
            ),
        )

    @rule(told=facts)
    def submit(self, told: Facts) -> None:
        self._command(
            self.case is None,
            lambda: domain.submit_report(
                self.case, handle=HANDLE, facts=told, table=TABLE, now=self.now
            ),
        )

    @rule(told=facts)
    def perfect(self, told: Facts) -> None:
        in_time = self.came_forward is not None and self.now - self.came_forward < timedelta(30)
        self._command(
            self._state() == "MARKED" and in_time,
            lambda: domain.perfect_marker(self.case, facts=told, table=TABLE, now=self.now),
        )

    @rule(told=facts)
    def amend(self, told: Facts) -> None:
        self._command(
            self._state() == "FILED" and not self._referral_ended(),
            lambda: domain.amend_report(self.case, facts=told),
        )

    @rule(reason=st.sampled_from(["DUPLICATE", "OTHER"]))
    def withdraw(self, reason: str) -> None:
        self._command(
            self._state() in ("MARKED", "FILED") and not self._referral_ended(),
            lambda: domain.withdraw(self.case, reason=reason),
        )

    @rule(after=st.sampled_from([timedelta(), timedelta(days=30)]))
    def the_timer_runs(self, after: timedelta) -> None:
        self.now += after
        decision = domain.lapse(self.case, now=self.now)
        due = self.came_forward is not None and self.now - self.came_forward >= timedelta(30)
        assert (decision is not None) == (self._state() == "MARKED" and due)
        if decision is not None:
            self._accept(self._state(), decision)

    @rule(state=st.sampled_from(_OPEN_REFERRALS + _ENDED_REFERRALS))
    def the_desk_moves_the_referral(self, state: str) -> None:
        if self.case is not None and self.case.filed_at is not None:
            decision = domain.note_referral(self.case, state=state)
            assert decision.events == ()
            assert decision.state.state == self.case.state
            self.case = decision.state

    @rule(state=st.sampled_from(_PROTECTION))
    def the_desk_decides_on_protection(self, state: str) -> None:
        if self.case is not None and self.case.filed_at is not None:
            decision = domain.note_protection(self.case, state=state)
            assert decision.events == ()
            assert decision.state.state == self.case.state
            self.case = decision.state

    @invariant()
    def what_a_case_has_goes_with_its_state(self) -> None:
        if self.case is None:
            return
        case = self.case
        assert (case.perfect_by is not None) == (case.state == CaseState.MARKED)
        reported = case.filed_at is not None
        assert reported or case.state != CaseState.FILED
        assert not (reported and case.state in (CaseState.MARKED, CaseState.LAPSED))
        assert (case.facts is not None) == reported
        assert bool(case.desk) == bool(case.routing_version) == reported
        assert reported or (case.amendments == 0 and case.marked_at is not None)
        assert case.marked_at in (None, self.came_forward)
        assert case.protection_state
        if case.state == CaseState.LAPSED:
            assert case.protection_state == "LAPSED"

    @invariant()
    def a_case_survives_its_row_and_its_companys_view(self) -> None:
        if self.case is not None:
            assert store.CASES.read(store.CASES.body(self.case)) == self.case
            seen = handlers.view(self.case, 7)
            assert isinstance(seen, reporting_pb2.Case)
            assert translate.to_dataclass(seen, Case) == self.case
            assert seen.etag == "7"


TestCases = Cases.TestCase
TestCases.settings = settings(max_examples=200, stateful_step_count=20)
