"""No sequence of commands leads a case to where the design does not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from harbourlight.reporting.v1 import content_pb2, events_pb2, reporting_pb2
from services.reporting import handlers, store
from services.reporting.domain import erasure, events, report, sealed
from services.reporting.domain.model import Case, CaseState, Facts
from services.reporting.domain.sealed import NOTHING, Lodged
from shared import contract, translate
from shared.decisions import Decision
from shared.errors import Kind, Refusal

from .build import HANDLE, NOW, TABLE, facts

_NAMED_BY_THE_DESIGN = {
    (None, "MARKED"): {"MarkerPlaced"},
    (None, "FILED"): {"ReportFiled"},
    ("MARKED", "FILED"): {"ReportFiled"},
    ("MARKED", "LAPSED"): {"MarkerLapsed"},
    ("MARKED", "WITHDRAWN"): {"ReportWithdrawn"},
    ("FILED", "FILED"): {"ReportAmended"},
    ("FILED", "WITHDRAWN"): {"ReportWithdrawn"},
    **{(state, "ERASED"): {"CaseErased"} for state in ("MARKED", "FILED", "WITHDRAWN", "LAPSED")},
}
_IN_ANY = {"ErasureAgreed", "RetentionReviewDue"}
_IN_A_REPORTED_ONE = {"MessageSent", "CaseResealed", "ResealConfirmed"}
_OPEN_REFERRALS = ["REQUESTED", "ACCEPTED", "IN_PROGRESS", "ON_HOLD"]
_ENDED_REFERRALS = ["REJECTED", "COMPLETED", "FAILED", "CANCELLED"]
_PROTECTION = ["CONDITIONAL", "FINAL", "DECLINED", "REVOKED"]
_PURPOSES = ["QUESTION", "REASON", "DECISION", "ANSWER", "OTHER"]
_REASONS = st.sampled_from(["COURT_ORDER", "SAFETY_OF_PEOPLE"])
_DESKS = st.sampled_from(["POLICE", "LABOUR_INSPECTORATE", "CHILD_PROTECTION"])
# Mostly what follows, so that dialogues get somewhere.
_off = st.sampled_from([0, 0, 0, 0, 1, -1])


class Cases(RuleBasedStateMachine):
    """Company, desks and custodian try everything on one case, allowed or not, as time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.case: Case | None = None
        self.now = NOW
        self.came_forward: datetime | None = None
        self.written = {"COMPANY": 0, "DESK": 0}
        self.desks: list[str] = []
        self.rotations = 0
        self.keys: set[int] = set()
        self.agreed: tuple[str, str, str] | None = None

    def _state(self) -> str | None:
        return None if self.case is None else self.case.state.value

    def _referral_ended(self) -> bool:
        return self.case is not None and self.case.referral_state in _ENDED_REFERRALS

    def _is_reported(self) -> bool:
        return self.case is not None and self.case.filed_at is not None

    def _command(
        self, allowed: bool, decide: Callable[[], Decision[Case]], refused: Kind = Kind.WRONG_STATE
    ) -> bool:
        """Whether it was accepted, as it must be where it is `allowed`."""
        before = self._state()
        try:
            decision = decide()
        except Refusal as refusal:
            told = refusal
        else:
            assert allowed
            self._accept(before, decision)
            return True
        assert not allowed
        assert told.kind == (Kind.NOT_FOUND if self.case is None else refused)
        return False

    def _accept(self, before: str | None, decision: Decision[Case]) -> None:
        if not decision.events:
            assert decision.state == self.case
            return
        (event,) = decision.events
        name = type(event).__name__
        was_reported, self.case = self._is_reported(), decision.state
        if name in _IN_ANY or name in _IN_A_REPORTED_ONE:
            assert self.case.state.value == before != "ERASED"
            assert was_reported or name in _IN_ANY
        else:
            assert name in _NAMED_BY_THE_DESIGN[before, self.case.state.value]
        if before is None:
            self.came_forward = self.now
        if isinstance(event, events.ReportFiled):
            assert event.came_forward_at == self.came_forward
            self.desks = [event.desk]
        self._check_event(event)

    def _check_event(self, event: Any) -> None:
        """The contract has the event, and says all of it."""
        message = handlers.EMITTER.outgoing(event, HANDLE, self.now).event
        assert contract.event_type(message.DESCRIPTOR.full_name)
        assert message.DESCRIPTOR.file is events_pb2.DESCRIPTOR
        assert translate.to_dataclass(message, type(event)) == event

    def _epoch(self) -> int:
        return max(1, len(self.desks)) + self.rotations

    def _lodged(self, number_off: int, epoch_off: int, key: bool) -> tuple[Lodged, bool]:
        """A content, and whether it follows."""
        epoch = self._epoch() + epoch_off
        following = self.written["COMPANY"] + 1
        number = max(1, following + number_off)
        lodged = Lodged(number=number, epoch=epoch, key_epoch=epoch if key else 0)
        needs_key = epoch not in self.keys
        return lodged, number == following and epoch_off == 0 and key == needs_key

    def _lodge(self, lodged: Lodged) -> None:
        if lodged.number:
            self.written["COMPANY"] += 1
            self.keys.add(lodged.epoch)

    @initialize(told=st.none() | facts)
    def comes_forward(self, told: Facts | None) -> None:
        if told is None:
            self.place_marker()
        else:
            self.submit(told, True)

    @rule(passed=st.sampled_from([timedelta(hours=1), timedelta(days=29), timedelta(days=900)]))
    def time_passes(self, passed: timedelta) -> None:
        self.now += passed

    @rule()
    def place_marker(self) -> None:
        self._command(
            self.case is None,
            lambda: report.place_marker(
                self.case,
                handle=HANDLE,
                country="MY",
                sector="ISIC_C",
                exploitation_type="SERVITUDE",
                now=self.now,
            ),
        )

    @rule(told=facts, with_content=st.booleans())
    def submit(self, told: Facts, with_content: bool) -> None:
        lodged = Lodged(1, 1, 1, identity=True) if with_content else NOTHING
        done = self._command(
            self.case is None,
            lambda: report.submit_report(
                self.case, handle=HANDLE, facts=told, table=TABLE, lodged=lodged, now=self.now
            ),
        )
        if done:
            self._lodge(lodged)

    @rule(told=facts, version=st.sampled_from(["", TABLE.version, "routing/1999-1"]))
    def perfect(self, told: Facts, version: str) -> None:
        in_time = self.came_forward is not None and self.now - self.came_forward < timedelta(30)
        self._command(
            self._state() == "MARKED" and in_time and version in ("", TABLE.version),
            lambda: report.perfect_marker(
                self.case, facts=told, table=TABLE, routed_by=version, now=self.now
            ),
        )

    @rule(told=facts)
    def amend(self, told: Facts) -> None:
        self._command(
            self._state() == "FILED" and not self._referral_ended(),
            lambda: report.amend_report(self.case, facts=told),
        )

    @rule(off=st.tuples(_off, _off), key=st.booleans())
    def amend_the_content(self, off: tuple[int, int], key: bool) -> None:
        if self._state() == "FILED" and not self._referral_ended():
            assert self.case is not None
            assert self.case.facts is not None
            told, (lodged, follows) = self.case.facts, self._lodged(*off, key)
            done = self._command(
                follows,
                lambda: report.amend_report(self.case, facts=told, lodged=lodged),
                Kind.STALE,
            )
            if done:
                self._lodge(lodged)

    @rule(off=st.tuples(_off, _off), key=st.booleans(), purpose=st.sampled_from(_PURPOSES))
    def the_company_writes(self, off: tuple[int, int], key: bool, purpose: str) -> None:
        lodged, follows = self._lodged(*off, key)
        done = self._command(
            self._is_reported() and follows,
            lambda: sealed.company_message(self.case, lodged=lodged, purpose=purpose),
            Kind.STALE if self._is_reported() else Kind.WRONG_STATE,
        )
        if done:
            self._lodge(lodged)

    @rule(off=_off, purpose=st.sampled_from(_PURPOSES))
    def the_desk_writes(self, off: int, purpose: str) -> None:
        number = self.written["DESK"] + 1 + off
        done = self._command(
            self._is_reported() and off == 0,
            lambda: sealed.desk_message(self.case, number=number, purpose=purpose),
            Kind.STALE if self._is_reported() else Kind.WRONG_STATE,
        )
        self.written["DESK"] += done

    @rule(desk=_DESKS, keys=st.booleans())
    def the_desk_seals_it_to(self, desk: str, keys: bool) -> None:
        done = self._command(
            self._is_reported(), lambda: sealed.reseal(self.case, desk=desk, keys=keys)
        )
        # Its own new key begins an epoch, where the one before was used.
        if done and keys and desk == self.desks[-1] and self._epoch() in self.keys:
            self.rotations += 1

    @rule(desk=_DESKS)
    def a_desk_accepts_the_referral(self, desk: str) -> None:
        if self._is_reported():
            assert self.case is not None
            decision = report.note_referral(
                self.case, state="ACCEPTED", now=self.now, accepted_by=desk
            )
            assert decision.events == ()
            self.case = decision.state
            if desk != self.desks[-1]:
                self.desks.append(desk)
                if self.agreed and self.agreed[0] == "DESK":
                    self.agreed = None

    @rule()
    def the_desk_confirms(self) -> None:
        waits = self.case is not None and self.case.previous_desk != ""
        self._command(waits, lambda: sealed.confirm(self.case))

    @rule(reason=st.sampled_from(["DUPLICATE", "OTHER"]))
    def withdraw(self, reason: str) -> None:
        self._command(
            self._state() in ("MARKED", "FILED") and not self._referral_ended(),
            lambda: report.withdraw(self.case, reason=reason, now=self.now),
        )

    @rule(
        party=st.sampled_from(["DESK", "CUSTODIAN"]),
        organisation=st.sampled_from(["inspectorate", "chamber"]),
        reason=_REASONS,
    )
    def erase(self, party: str, organisation: str, reason: str) -> None:
        assert self.case is not None
        agreed, alone = self.agreed, self.case.review_due
        other = agreed is not None and agreed[0] != party
        matches = other and agreed is not None and agreed[1] != organisation and agreed[2] == reason
        was_erased = self._state() == "ERASED"
        done = self._command(
            not was_erased and (alone or not other or matches),
            lambda: erasure.erase(
                self.case, party=party, organisation=organisation, reason=reason, now=self.now
            ),
        )
        if done:
            is_erased = self._state() == "ERASED"
            assert is_erased == (alone or matches)
            if not (is_erased or (agreed and (agreed[0], agreed[2]) == (party, reason))):
                self.agreed = (party, organisation, reason)

    @rule()
    def retention_is_looked_at(self) -> None:
        assert self.case is not None
        due = self.case.review_at is not None and self.now >= self.case.review_at
        decision = erasure.review(self.case, now=self.now)
        assert (decision is not None) == (due and not self.case.review_due)
        if decision is not None:
            self._accept(self._state(), decision)

    @rule(after=st.sampled_from([timedelta(), timedelta(days=30)]))
    def the_timer_runs(self, after: timedelta) -> None:
        self.now += after
        decision = report.lapse(self.case, now=self.now)
        due = self.came_forward is not None and self.now - self.came_forward >= timedelta(30)
        assert (decision is not None) == (self._state() == "MARKED" and due)
        if decision is not None:
            self._accept(self._state(), decision)

    @rule(state=st.sampled_from(_OPEN_REFERRALS + _ENDED_REFERRALS))
    def the_desk_moves_the_referral(self, state: str) -> None:
        if self.case is not None and (self._is_reported() or self._state() == "ERASED"):
            decision = report.note_referral(self.case, state=state, now=self.now)
            assert decision.events == ()
            assert decision.state.state == self.case.state
            self.case = decision.state

    @rule(state=st.sampled_from(_PROTECTION))
    def the_desk_decides_on_protection(self, state: str) -> None:
        if self.case is not None and (self._is_reported() or self._state() == "ERASED"):
            decision = report.note_protection(self.case, state=state)
            assert decision.events == ()
            assert decision.state.state == self.case.state
            self.case = decision.state

    @invariant()
    def what_a_case_has_goes_with_its_state(self) -> None:
        if self.case is None or self.case.state == CaseState.ERASED:
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
    def the_dialogue_is_what_was_written(self) -> None:
        if self.case is None or self.case.state == CaseState.ERASED:
            return
        case = self.case
        assert (case.company_number, case.desk_number) == tuple(self.written.values())
        assert sealed.place(case) == sum(self.written.values())
        assert case.desk_now == (self.desks[-1] if self.desks else "")
        assert case.epoch_now == self._epoch()
        assert case.key_epoch == max(self.keys, default=0) <= case.epoch_now
        assert case.previous_desk in ("", *self.desks[:-1])

    @invariant()
    def of_an_erased_case_only_that_is_left(self) -> None:
        if self.case is not None and self.case.state == CaseState.ERASED:
            desk = self.desks[-1] if self.desks else ""
            assert self.case == Case(HANDLE, CaseState.ERASED, handling_desk=desk)

    @invariant()
    def only_an_ended_case_is_reviewed(self) -> None:
        if self.case is not None and self.case.review_due:
            assert self.case.review_at is not None
            assert self.case.review_at <= self.now

    @invariant()
    def a_case_survives_its_row_and_its_companys_view(self) -> None:
        if self.case is not None:
            assert store.CASES.read(store.CASES.body(self.case)) == self.case
            seen = handlers.view(self.case, 7)
            assert isinstance(seen, reporting_pb2.Case)
            assert translate.to_dataclass(seen, Case) == self.case
            assert seen.etag == "7"


def test_the_machine_knows_every_purpose_that_may_be_sent() -> None:
    purposes = content_pb2.MessagePurpose.DESCRIPTOR
    names = [translate.enum_name(purposes, number) for number in purposes.values_by_number]
    assert [name for name in names if name not in ("", "REPORT", "EVIDENCE")] == _PURPOSES


TestCases = Cases.TestCase
TestCases.settings = settings(max_examples=300, stateful_step_count=30)
