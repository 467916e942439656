"""The safe harbour of a case: MARKED, CONDITIONAL, FINAL; or DECLINED or REVOKED, with reasons."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime

from services.triage.domain.events import Condition, ProtectionDecided
from services.triage.domain.model import ProtectionState, Referral, ReferralState
from services.triage.domain.referral import ACTIVE, expect, expect_known
from shared.decisions import Decision
from shared.errors import Violation, invalid, wrong_state

_S = ProtectionState
_NEXT: dict[ProtectionState, tuple[ProtectionState, ...]] = {
    _S.MARKED: (_S.CONDITIONAL, _S.DECLINED),
    _S.CONDITIONAL: (_S.CONDITIONAL, _S.FINAL, _S.REVOKED),
    _S.FINAL: (_S.REVOKED,),
    _S.DECLINED: (),
    _S.LAPSED: (),
    _S.REVOKED: (),
}
_WITH_REASONS = (_S.DECLINED, _S.REVOKED)


def decide(
    referral: Referral | None,
    *,
    decision: str,
    reasons: tuple[str, ...],
    conditions: tuple[Condition, ...],
    conditions_met: tuple[str, ...],
    now: datetime,
) -> Decision[Referral]:
    """Moves the safe harbour.

    Raises Refusal (INVALID) where the decision lacks its reasons or conditions or brings what does
    not belong to it, and (WRONG_STATE) where the referral was not taken up, the decision does not
    follow from where protection stands, or FINAL meets a condition that is not met.
    """
    known = expect_known(referral)
    target = ProtectionState(decision)
    faults = [*_misplaced(target, reasons, conditions, conditions_met)]
    faults += _own_faults(conditions, now.date())
    if faults:
        raise invalid(faults)
    expect(known, (*ACTIVE, ReferralState.COMPLETED), "decide on protection")
    stands, allowed = known.protection_state, _NEXT[known.protection_state]
    if target not in allowed:
        raise wrong_state("the protection", stands, f"make it {target}", allowed)
    if target in _WITH_REASONS:
        return _decided(known, target, reasons, known.conditions)
    if faults := [*_condition_faults(known.conditions, conditions, conditions_met)]:
        raise invalid(faults)
    all_of_them = tuple(
        replace(one, met=one.met or one.code in conditions_met)
        for one in (*known.conditions, *conditions)
    )
    if target == _S.FINAL and (unmet := [one.code for one in all_of_them if not one.met]):
        raise wrong_state(
            "the protection",
            f"CONDITIONAL with {', '.join(unmet)} unmet",
            "make it FINAL",
            ("FINAL with those in conditions_met", _S.CONDITIONAL, _S.REVOKED),
        )
    if target == stands and all_of_them == known.conditions:
        return Decision(known)
    return _decided(known, target, (), all_of_them)


def _decided(
    referral: Referral,
    state: ProtectionState,
    reasons: tuple[str, ...],
    conditions: tuple[Condition, ...],
) -> Decision[Referral]:
    moved = replace(
        referral, protection_state=state, protection_reasons=reasons, conditions=conditions
    )
    return Decision(moved, (ProtectionDecided(referral.handle, state, reasons, conditions),))


def _misplaced(
    target: ProtectionState,
    reasons: tuple[str, ...],
    conditions: tuple[Condition, ...],
    conditions_met: tuple[str, ...],
) -> Iterator[Violation]:
    """What the decision lacks, or brings although it does not belong to it."""
    if target in _WITH_REASONS:
        if not reasons:
            yield Violation("reasons", f"{target} needs at least one reason")
        if conditions_met:
            yield Violation("conditions_met", "goes with CONDITIONAL or FINAL: leave it out")
    elif reasons:
        yield Violation("reasons", "goes with DECLINED or REVOKED: leave it out")
    if target != _S.CONDITIONAL and conditions:
        yield Violation("conditions", "goes with CONDITIONAL: leave it out")
    if target == _S.CONDITIONAL and not conditions and not conditions_met:
        yield Violation("conditions", "CONDITIONAL needs a new condition or one that is met")


def _own_faults(conditions: tuple[Condition, ...], today: date) -> Iterator[Violation]:
    for place, one in enumerate(conditions):
        if date.fromisoformat(one.due_date) < today:
            yield Violation(
                f"conditions[{place}].due_date", f"{one.due_date} is past: today is {today} in UTC"
            )
        if one.code in (before.code for before in conditions[:place]):
            yield Violation(f"conditions[{place}].code", f"{one.code} is given twice")


def _condition_faults(
    old: tuple[Condition, ...], new: tuple[Condition, ...], met: tuple[str, ...]
) -> Iterator[Violation]:
    """Faults that show only beside the conditions that there are."""
    before = [one.code for one in old]
    if not old and not new:
        yield Violation("conditions", "CONDITIONAL needs at least one condition")
        return
    for place, one in enumerate(new):
        if one.code in before:
            yield Violation(f"conditions[{place}].code", f"{one.code} is a condition already")
    known = [*before, *(one.code for one in new)]
    for place, code in enumerate(met):
        if code not in known:
            yield Violation(
                f"conditions_met[{place}]",
                f"{code} is no condition of this case: those are {', '.join(known)}",
            )
