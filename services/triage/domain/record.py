"""Acts of record of a desk: a fact that it releases, an officer who has no part in the case."""

from dataclasses import replace

from services.triage.domain.events import FactsReleased, Headcount, OfficerRecused
from services.triage.domain.model import Referral, ReferralState
from services.triage.domain.referral import ACTIVE, expect, expect_known
from shared.decisions import Decision
from shared.errors import Violation, invalid


def release(
    referral: Referral | None, *, facility_id: str, people_affected: int
) -> Decision[Referral]:
    """Puts a fact of the sealed report on record, where the desk finds that it exposes nobody.

    Released again it is replaced; it cannot be taken back, because it was read. Raises Refusal
    (INVALID) where nothing is released, (WRONG_STATE) before the desk took the case up.
    """
    known = expect(referral, (*ACTIVE, ReferralState.COMPLETED), "release a fact")
    if not facility_id and not people_affected:
        raise invalid([Violation("facility_id", "name a facility or a number of people")])
    released = replace(
        known,
        facility_id=facility_id or known.facility_id,
        people_affected=people_affected or known.people_affected,
    )
    if released == known:
        return Decision(known)
    people = Headcount(people_affected) if people_affected else None
    event = FactsReleased(known.handle, known.referral_id, facility_id, people)
    return Decision(released, (event,))


def recuse(referral: Referral | None, *, officer: str) -> Decision[Referral]:
    """An officer has no part in the case any more, for good."""
    known = expect_known(referral)
    if officer in known.recused:
        return Decision(known)
    event = OfficerRecused(known.handle, known.referral_id, officer)
    return Decision(replace(known, recused=(*known.recused, officer)), (event,))
