"""Referrals to decide on."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from services.triage.domain import protection, referral
from services.triage.domain.events import Condition
from services.triage.domain.model import Facts, Referral
from shared.decisions import Decision

HANDLE = "HL-0000000000000000"
ID = "5d5d1b5e-3d0c-5d6e-8a55-0f6d3c8e9a11"
T0 = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FACTS = Facts("MY", "ISIC_C", "FORCED_LABOUR", "NO")


def request(at: datetime = T0, facts: Facts = FACTS) -> Decision[Referral]:
    """A report reaches its desk."""
    return referral.request(
        None,
        handle=HANDLE,
        referral_id=ID,
        desk="LABOUR_INSPECTORATE",
        facts=facts,
        ilo_indicators=("DEBT_BONDAGE",),
        came_forward_at=at,
        received_at=at,
    )


def requested(**facts: Any) -> Referral:
    """A referral as it reaches its desk."""
    return request(facts=replace(FACTS, **facts)).state


def accepted() -> Referral:
    """One that the desk took up."""
    return referral.accept(requested(), now=T0).state


def progress(
    state: Referral, target: str, reason: str = "", step: str = "", now: datetime = T0
) -> Decision[Referral]:
    """Records progress."""
    return referral.record_progress(state, state=target, reason=reason, step=step, now=now)


def in_progress() -> Referral:
    """One that the desk works on."""
    return progress(accepted(), "IN_PROGRESS").state


def decide(
    state: Referral | None,
    decision: str,
    reasons: tuple[str, ...] = (),
    conditions: tuple[Condition, ...] = (),
    met: tuple[str, ...] = (),
    now: datetime = T0,
) -> Decision[Referral]:
    """Decides on protection."""
    return protection.decide(
        state,
        decision=decision,
        reasons=reasons,
        conditions=conditions,
        conditions_met=met,
        now=now,
    )


def names(decision: Decision[Referral]) -> list[str]:
    """What happened."""
    return [type(event).__name__ for event in decision.events]
