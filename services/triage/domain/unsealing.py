"""Unsealing as a referral allows it: asked by its desk at work, answered by a custodian."""

from dataclasses import replace
from datetime import datetime

from services.triage.domain import unsealings
from services.triage.domain.model import Referral, Unsealing, UnsealingState
from services.triage.domain.referral import ACTIVE, expect, expect_known
from shared.decisions import Decision
from shared.errors import Kind, Refusal

FINANCIAL_DESK = "FINANCIAL_INTELLIGENCE"
"""It works on a record that the company cannot perceive, and never learns who reported."""


def request(
    referral: Referral | None,
    *,
    unsealing_id: str,
    number: int,
    legal_basis: str,
    custodian: str,
    alternate: str,
    now: datetime,
) -> Decision[Referral]:
    """The desk that works on the case asks for the identity of who reported.

    Raises Refusal (DENIED) for the financial desk, (WRONG_STATE) where the desk does not work on
    the case or another request is open, and as `unsealings.request`.
    """
    known = expect_known(referral)
    if known.desk == FINANCIAL_DESK:
        raise Refusal(
            Kind.DENIED,
            "an identity is not unsealed for the financial intelligence desk: "
            "the lead desk of the case can ask",
        )
    expect(known, ACTIVE, "request unsealing")
    asked = Unsealing(
        unsealing_id=unsealing_id,
        number=number,
        state=UnsealingState.REQUESTED,
        desk=known.desk,
        legal_basis=legal_basis,
        custodian=custodian,
        alternate=alternate,
        requested_at=now,
        ends_at=now + unsealings.ANSWER_WITHIN,
    )
    return _moved(
        known, unsealings.request(known.unsealings, known.handle, known.referral_id, asked, now)
    )


def grant(
    referral: Referral | None, *, unsealing_id: str, custodian: str, now: datetime
) -> Decision[Referral]:
    """A custodian releases its half.

    Raises Refusal (NOT_FOUND) where it was not asked, (WRONG_STATE) where it is too late.
    """
    known = expect_known(referral)
    return _moved(
        known, unsealings.grant(known.unsealings, known.handle, unsealing_id, custodian, now)
    )


def refuse(
    referral: Referral | None, *, unsealing_id: str, custodian: str, reason: str, now: datetime
) -> Decision[Referral]:
    """A custodian does not release its half, and says why. Raises Refusal as `grant` does."""
    known = expect_known(referral)
    return _moved(
        known,
        unsealings.refuse(known.unsealings, known.handle, unsealing_id, custodian, reason, now),
    )


def _moved(referral: Referral, moved: unsealings.Moved) -> Decision[Referral]:
    now, events = moved
    return Decision(replace(referral, unsealings=now), events)
