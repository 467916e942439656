from datetime import UTC, datetime, timedelta

import pytest

from services.triage.domain import deadlines, referral
from services.triage.domain.deadlines import Code, State, add_months

from .build import HANDLE, T0, accepted, names, requested


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "months", "later"),
    [
        ("2026-01-31T10:00", 3, "2026-04-30T10:00"),
        ("2026-03-02T09:30", 3, "2026-06-02T09:30"),
        ("2023-11-30T23:59", 3, "2024-02-29T23:59"),
        ("2025-11-30T00:00", 3, "2026-02-28T00:00"),
        ("2026-10-15T12:00", 3, "2027-01-15T12:00"),
        ("2026-12-31T12:00", 2, "2027-02-28T12:00"),
        ("2024-02-29T08:00", 12, "2025-02-28T08:00"),
        ("2026-05-05T05:05", 0, "2026-05-05T05:05"),
    ],
)
def test_months_are_calendar_months(moment: str, months: int, later: str) -> None:
    assert add_months(at(moment), months) == at(later)


def test_a_report_is_to_be_acknowledged_within_seven_days() -> None:
    (clock,) = requested().deadlines
    assert (clock.code, clock.state) == (Code.ACKNOWLEDGE, State.RUNNING)
    assert clock.due_at == T0 + timedelta(days=7)


def test_feedback_is_due_three_months_after_the_acknowledgement() -> None:
    now = at("2026-03-05T10:00")
    decision = referral.accept(requested(), now=now)
    acknowledge, feedback = decision.state.deadlines
    assert (acknowledge.state, acknowledge.settled_at) == (State.MET, now)
    assert (feedback.state, feedback.due_at) == (State.RUNNING, at("2026-06-05T10:00"))
    assert names(decision) == ["ReferralAccepted", "DeadlineMet", "DeadlineStarted"]


def test_the_warning_comes_once_when_a_fifth_is_left() -> None:
    due = T0 + timedelta(days=7)
    warn = due - timedelta(days=7) / 5
    assert referral.pass_time(requested(), now=warn - timedelta(seconds=1)) is None
    decision = referral.pass_time(requested(), now=warn)
    assert decision is not None
    assert names(decision) == ["DeadlineWarned"]
    assert referral.pass_time(decision.state, now=due - timedelta(seconds=1)) is None


def test_the_warning_comes_at_most_seven_days_ahead() -> None:
    feedback = accepted().deadlines[1]
    assert feedback.warn_at == feedback.due_at - timedelta(days=7)


def test_what_is_due_is_missed_without_a_late_warning() -> None:
    due = T0 + timedelta(days=7)
    decision = referral.pass_time(requested(), now=due)
    assert decision is not None
    assert names(decision) == ["DeadlineMissed", "DeadlineStarted"]


def test_silence_wins_no_time_for_the_feedback() -> None:
    due = T0 + timedelta(days=7)
    decision = referral.pass_time(requested(), now=due + timedelta(days=20))
    assert decision is not None
    assert decision.state.deadlines[1].due_at == add_months(due, 3)
    late = referral.accept(decision.state, now=due + timedelta(days=21))
    assert names(late) == ["ReferralAccepted"]
    assert late.state.deadlines == decision.state.deadlines


def test_acting_late_does_not_turn_missed_into_met() -> None:
    due = T0 + timedelta(days=7)
    decision = referral.accept(requested(), now=due)
    assert names(decision) == ["ReferralAccepted", "DeadlineMissed", "DeadlineStarted"]
    assert decision.state.deadlines[0].state == State.MISSED
    assert decision.state.deadlines[0].settled_at is None


def test_after_a_long_outage_all_that_passed_is_recorded_at_once() -> None:
    decision = referral.pass_time(requested(), now=T0 + timedelta(days=200))
    assert decision is not None
    assert names(decision) == ["DeadlineMissed", "DeadlineStarted", "DeadlineMissed"]
    assert deadlines.next_moment(decision.state.deadlines) is None


def test_the_next_moment_is_the_warning_and_then_the_due_time() -> None:
    clocks = requested().deadlines
    assert deadlines.next_moment(clocks) == clocks[0].warn_at
    warned, _ = deadlines.sweep(clocks, HANDLE, clocks[0].warn_at)
    assert deadlines.next_moment(warned) == clocks[0].due_at


def test_what_still_runs_ends_with_its_ground() -> None:
    decision = referral.withdraw(accepted(), now=T0 + timedelta(days=1))
    assert decision is not None
    assert names(decision) == ["ReferralCancelled"]
    assert [one.state for one in decision.state.deadlines] == [State.MET, State.ENDED]


def test_a_withdrawal_after_the_due_time_does_not_excuse_the_desk() -> None:
    decision = referral.withdraw(requested(), now=T0 + timedelta(days=8))
    assert decision is not None
    assert [one.state for one in decision.state.deadlines] == [State.MISSED, State.ENDED]
