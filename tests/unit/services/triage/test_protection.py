from dataclasses import replace
from datetime import timedelta

import pytest

from services.triage.domain import referral
from services.triage.domain.events import Condition
from services.triage.domain.model import ProtectionState, Referral, ReferralState
from shared.errors import Kind, Refusal

from .build import T0, accepted, decide, in_progress, names, requested

TODAY = T0.date().isoformat()
STOP = Condition("STOP_THE_PRACTICE", "2026-09-01")
KEEP = Condition("KEEP_EVIDENCE", TODAY)


def conditional() -> Referral:
    return decide(accepted(), "CONDITIONAL", conditions=(STOP, KEEP)).state


def final() -> Referral:
    return decide(conditional(), "FINAL", met=(STOP.code, KEEP.code)).state


def _faults(refused: pytest.ExceptionInfo[Refusal]) -> list[str]:
    assert refused.value.kind == Kind.INVALID
    return [violation.field for violation in refused.value.violations]


def test_the_way_to_final_leads_over_conditions_that_are_met() -> None:
    first = decide(accepted(), "CONDITIONAL", conditions=(STOP, KEEP))
    assert names(first) == ["ProtectionDecided"]
    assert first.events[0].conditions == (STOP, KEEP)
    with pytest.raises(Refusal) as refused:
        decide(first.state, "FINAL", met=(STOP.code,))
    assert refused.value.kind == Kind.WRONG_STATE
    assert "KEEP_EVIDENCE unmet" in refused.value.message
    second = decide(first.state, "CONDITIONAL", met=(STOP.code,))
    assert second.state.conditions == (replace(STOP, met=True), KEEP)
    third = decide(second.state, "FINAL", met=(KEEP.code,))
    assert third.state.protection_state == ProtectionState.FINAL
    assert all(one.met for one in third.state.conditions)


def test_conditions_can_be_added_and_finding_one_met_again_changes_nothing() -> None:
    more = Condition("NO_RETALIATION", "2026-12-31")
    added = decide(conditional(), "CONDITIONAL", conditions=(more,), met=(KEEP.code,)).state
    assert added.conditions == (STOP, replace(KEEP, met=True), more)
    again = decide(added, "CONDITIONAL", met=(KEEP.code,))
    assert (again.state, again.events) == (added, ())


@pytest.mark.parametrize("decision", ["CONDITIONAL", "FINAL", "DECLINED", "REVOKED"])
@pytest.mark.parametrize("state", ProtectionState)
def test_each_decision_follows_from_its_states_alone(state: ProtectionState, decision: str) -> None:
    next_states = {
        "MARKED": {"CONDITIONAL", "DECLINED"},
        "CONDITIONAL": {"CONDITIONAL", "FINAL", "REVOKED"},
        "FINAL": {"REVOKED"},
    }
    held = replace(accepted(), protection_state=state, conditions=(replace(KEEP, met=True),))
    reasons = ("FALSE_STATEMENT",) if decision in ("DECLINED", "REVOKED") else ()
    conditions = (STOP,) if decision == "CONDITIONAL" else ()
    if decision in next_states.get(state, ()):
        decided = decide(held, decision, reasons, conditions).state
        assert (decided.protection_state, decided.protection_reasons) == (decision, reasons)
        return
    with pytest.raises(Refusal) as refused:
        decide(held, decision, reasons, conditions)
    assert refused.value.kind == Kind.WRONG_STATE
    assert f"the protection is {state}" in refused.value.message


@pytest.mark.parametrize("state", ReferralState)
def test_protection_is_decided_only_once_the_referral_is_taken_up(state: ReferralState) -> None:
    held = replace(accepted(), state=state)
    if state in ("ACCEPTED", "IN_PROGRESS", "ON_HOLD", "COMPLETED"):
        assert decide(held, "CONDITIONAL", conditions=(STOP,)).events
        return
    with pytest.raises(Refusal) as refused:
        decide(held, "CONDITIONAL", conditions=(STOP,))
    assert refused.value.kind == Kind.WRONG_STATE
    assert f"the referral is {state}" in refused.value.message


def test_it_can_be_decided_after_the_end_but_not_before_the_beginning() -> None:
    done = referral.complete(in_progress(), outcome="NOT_CONFIRMED", now=T0).state
    assert decide(done, "DECLINED", ("OUTSIDE_MANDATE",)).events
    with pytest.raises(Refusal):
        decide(requested(), "DECLINED", ("OUTSIDE_MANDATE",))
    with pytest.raises(Refusal) as refused:
        decide(None, "DECLINED", ("OUTSIDE_MANDATE",))
    assert refused.value.kind == Kind.NOT_FOUND


def test_every_fault_of_a_request_is_named() -> None:
    with pytest.raises(Refusal) as refused:
        decide(accepted(), "CONDITIONAL")
    assert _faults(refused) == ["conditions"]
    with pytest.raises(Refusal) as refused:
        decide(accepted(), "DECLINED", conditions=(STOP,), met=(STOP.code,))
    assert _faults(refused) == ["reasons", "conditions_met", "conditions"]
    with pytest.raises(Refusal) as refused:
        decide(conditional(), "FINAL", ("RETALIATION",), met=(STOP.code, KEEP.code))
    assert _faults(refused) == ["reasons"]


def test_conditions_lie_ahead_and_each_stands_once() -> None:
    past = Condition("NO_RETALIATION", (T0.date() - timedelta(days=1)).isoformat())
    with pytest.raises(Refusal) as refused:
        decide(accepted(), "CONDITIONAL", conditions=(STOP, past, STOP))
    assert _faults(refused) == ["conditions[1].due_date", "conditions[2].code"]
    with pytest.raises(Refusal) as refused:
        decide(conditional(), "CONDITIONAL", conditions=(STOP,), met=("AGREE_REMEDY_PLAN",))
    assert _faults(refused) == ["conditions[0].code", "conditions_met[0]"]
    with pytest.raises(Refusal) as refused:
        decide(accepted(), "CONDITIONAL", met=(STOP.code,))
    assert _faults(refused) == ["conditions"]


def test_revoking_keeps_the_conditions_on_record() -> None:
    revoked = decide(final(), "REVOKED", ("CONDITION_BREACHED",)).state
    assert revoked.protection_reasons == ("CONDITION_BREACHED",)
    assert [one.code for one in revoked.conditions] == [STOP.code, KEEP.code]
