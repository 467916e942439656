"""The end of a case for good: agreed between desk and custodian, or due after its retention."""

from dataclasses import replace
from datetime import datetime

from services.reporting.domain.events import CaseErased, ErasureAgreed, RetentionReviewDue
from services.reporting.domain.model import Case, CaseState, Erasure
from shared.decisions import Decision
from shared.errors import Kind, Refusal, not_found, wrong_state


def erase(
    case: Case | None, *, party: str, organisation: str, reason: str, now: datetime
) -> Decision[Case]:
    """One party's word: the erasure, where the other has given the same or a review is due.

    Nothing of the case stays but its handle, that it is erased, and the desk whose officers are
    told so.
    """
    if case is None:
        raise not_found("case")
    if case.state == CaseState.ERASED:
        raise wrong_state("the case", case.state, "erase it", ())
    agreed = case.erasure
    if not case.review_due:
        if agreed and (agreed.party, agreed.reason) == (party, reason):
            return Decision(case)
        if agreed is None or agreed.party == party:
            mine = Erasure(party, reason, organisation, now)
            return Decision(
                replace(case, erasure=mine), (ErasureAgreed(case.handle, party, reason),)
            )
        if agreed.organisation == organisation:
            raise Refusal(
                Kind.WRONG_STATE,
                f"{organisation} has agreed already: desk and custodian are different "
                "organisations, and the other one has to agree",
            )
        if agreed.reason != reason:
            raise Refusal(
                Kind.WRONG_STATE,
                f"the {agreed.party.lower()} agreed to erase the case for {agreed.reason}: name "
                "the same reason, or have it agree to yours",
            )
    erased = Case(case.handle, CaseState.ERASED, handling_desk=case.desk_now)
    return Decision(erased, (CaseErased(case.handle, reason),))


def review(case: Case | None, *, now: datetime) -> Decision[Case] | None:
    """The review of a case whose retention is over; None where none is due now."""
    if case is None or case.review_at is None or case.review_due or now < case.review_at:
        return None
    due = replace(case, review_due=True)
    return Decision(due, (RetentionReviewDue(case.handle, case.review_at),))
