from collections.abc import Callable
from dataclasses import replace

import pytest

from services.triage.domain import referral
from services.triage.domain.deadlines import State
from services.triage.domain.model import Priority, ProtectionState, Referral, ReferralState
from shared.decisions import Decision
from shared.errors import Kind, Refusal

from .build import FACTS, HANDLE, ID, T0, accepted, in_progress, names, progress, request, requested

Command = Callable[[Referral | None], Decision[Referral]]

COMMANDS: dict[str, Command] = {
    "accept": lambda it: referral.accept(it, now=T0),
    "reject": lambda it: referral.reject(it, reason="DUPLICATE", now=T0),
    "ask": lambda it: referral.request_information(it, topics=("CHILDREN",)),
    "step": lambda it: referral.record_progress(
        it, state="IN_PROGRESS", reason="", step="SITE_VISITED", now=T0
    ),
    "hold": lambda it: referral.record_progress(
        it, state="ON_HOLD", reason="AWAITING_COMPANY", step="", now=T0
    ),
    "fail": lambda it: referral.record_progress(
        it, state="FAILED", reason="SITE_NOT_REACHABLE", step="", now=T0
    ),
    "complete": lambda it: referral.complete(it, outcome="NOT_CONFIRMED", now=T0),
}
ALLOWED = {
    "REQUESTED": {"accept", "reject"},
    "ACCEPTED": {"ask", "step", "hold", "fail"},
    "IN_PROGRESS": {"ask", "step", "hold", "fail", "complete"},
    "ON_HOLD": {"ask", "step", "fail"},
}


def _violations(refused: pytest.ExceptionInfo[Refusal]) -> list[str]:
    assert refused.value.kind == Kind.INVALID
    return [violation.field for violation in refused.value.violations]


@pytest.mark.parametrize("state", ReferralState)
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_works_from_its_states_alone(state: ReferralState, command: str) -> None:
    held = replace(accepted(), state=state)
    if command in ALLOWED.get(state, ()):
        COMMANDS[command](held)
        return
    with pytest.raises(Refusal) as refused:
        COMMANDS[command](held)
    assert refused.value.kind == Kind.WRONG_STATE
    assert f"the referral is {state}: cannot" in refused.value.message
    assert "allowed from here: " in refused.value.message


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_referral_is_not_found(command: str) -> None:
    with pytest.raises(Refusal) as refused:
        COMMANDS[command](None)
    assert refused.value.kind == Kind.NOT_FOUND


def test_a_report_brings_the_case_to_its_desk() -> None:
    decision = request()
    it = decision.state
    assert (it.handle, it.referral_id, it.state) == (HANDLE, ID, ReferralState.REQUESTED)
    assert it.protection_state == ProtectionState.MARKED
    assert names(decision) == ["ReferralRequested", "DeadlineStarted"]
    with pytest.raises(Refusal):
        referral.request(
            it,
            handle=HANDLE,
            referral_id=ID,
            desk="POLICE",
            facts=FACTS,
            ilo_indicators=(),
            came_forward_at=T0,
            received_at=T0,
        )


@pytest.mark.parametrize(
    ("facts", "priority"),
    [
        ({}, Priority.P2),
        ({"money_trail": True, "from_whistleblower": True}, Priority.P2),
        ({"exploitation_type": "SEXUAL_EXPLOITATION"}, Priority.P2),
        ({"child_involved": "YES"}, Priority.P1),
        ({"child_involved": "NOT_SURE"}, Priority.P1),
        ({"child_involved": ""}, Priority.P1),
        ({"exploitation_type": "ORGAN_REMOVAL"}, Priority.P1),
        ({"ongoing_danger": True}, Priority.P1),
    ],
)
def test_a_child_organ_removal_or_ongoing_danger_come_first(
    facts: dict[str, object], priority: Priority
) -> None:
    assert requested(**facts).priority == priority


def test_a_rejection_acknowledges_and_ends() -> None:
    decision = referral.reject(requested(), reason="OUTSIDE_JURISDICTION", now=T0)
    assert names(decision) == ["ReferralRejected", "DeadlineMet"]
    assert decision.state.reason == "OUTSIDE_JURISDICTION"
    assert [one.state for one in decision.state.deadlines] == [State.MET]


def test_open_questions_are_asked_once_and_cleared_by_an_amendment() -> None:
    asked = referral.request_information(accepted(), topics=("CHILDREN", "INDICATORS"))
    again = referral.request_information(asked.state, topics=("INDICATORS", "MONEY_TRAIL"))
    assert again.events[0].topics == ("MONEY_TRAIL",)
    assert again.state.open_questions == ("CHILDREN", "INDICATORS", "MONEY_TRAIL")
    assert not referral.request_information(again.state, topics=("CHILDREN",)).events
    amended = referral.amend(
        again.state,
        facts=replace(FACTS, child_involved="YES"),
        ilo_indicators=("ISOLATION",),
        amendments=1,
    ).state
    assert amended.open_questions == ()
    assert (amended.priority, amended.amendments) == (Priority.P1, 1)
    assert (amended.state, amended.ilo_indicators) == (ReferralState.ACCEPTED, ("ISOLATION",))


def test_holding_says_why_and_resuming_forgets_it() -> None:
    held = progress(accepted(), "ON_HOLD", reason="AWAITING_COMPANY")
    assert held.events[0].reason == held.state.reason == "AWAITING_COMPANY"
    resumed = progress(held.state, "IN_PROGRESS")
    assert (resumed.state.state, resumed.state.reason) == (ReferralState.IN_PROGRESS, "")


@pytest.mark.parametrize("target", ["ON_HOLD", "FAILED"])
def test_holding_and_failing_need_a_reason(target: str) -> None:
    with pytest.raises(Refusal) as refused:
        progress(accepted(), target)
    assert _violations(refused) == ["reason"]


def test_progress_refuses_what_it_would_lose() -> None:
    with pytest.raises(Refusal) as refused:
        progress(accepted(), "IN_PROGRESS", reason="DUPLICATE")
    assert _violations(refused) == ["reason"]
    with pytest.raises(Refusal) as refused:
        progress(accepted(), "FAILED", reason="DUPLICATE", step="SITE_VISITED")
    assert _violations(refused) == ["step"]
    with pytest.raises(Refusal) as refused:
        progress(in_progress(), "IN_PROGRESS")
    assert _violations(refused) == ["step"]


def test_steps_are_kept_in_order() -> None:
    visited = progress(in_progress(), "IN_PROGRESS", step="SITE_VISITED").state
    held = progress(visited, "ON_HOLD", "AWAITING_COMPANY", "EVIDENCE_REVIEWED").state
    assert held.steps == ("SITE_VISITED", "EVIDENCE_REVIEWED")


def test_failing_ends_the_deadlines() -> None:
    decision = progress(in_progress(), "FAILED", reason="SITE_NOT_REACHABLE")
    assert names(decision) == ["ReferralFailed"]
    assert [one.state for one in decision.state.deadlines] == [State.MET, State.ENDED]


@pytest.mark.parametrize("outcome", ["CONFIRMED", "PARTLY_CONFIRMED"])
def test_what_was_found_is_not_completed_before_its_remedy(outcome: str) -> None:
    with pytest.raises(Refusal) as refused:
        referral.complete(in_progress(), outcome=outcome, now=T0)
    assert refused.value.kind == Kind.WRONG_STATE
    assert "the remedy of the case is not closed" in refused.value.message
    closed = referral.note_remedy(in_progress(), closed=True).state
    decision = referral.complete(closed, outcome=outcome, now=T0)
    assert names(decision) == ["ReferralCompleted", "DeadlineMet"]
    reopened = referral.note_remedy(closed, closed=False).state
    with pytest.raises(Refusal):
        referral.complete(reopened, outcome=outcome, now=T0)


def test_nothing_found_needs_no_remedy() -> None:
    decision = referral.complete(in_progress(), outcome="NOT_CONFIRMED", now=T0)
    assert decision.state.outcome == "NOT_CONFIRMED"


def test_a_withdrawal_cancels_what_has_not_ended() -> None:
    decision = referral.withdraw(accepted(), now=T0)
    assert decision is not None
    assert decision.state.state == ReferralState.CANCELLED
    assert decision.state.reason == decision.events[0].reason == "REPORT_WITHDRAWN"
    assert referral.withdraw(decision.state, now=T0) is None
    assert referral.withdraw(None, now=T0) is None
