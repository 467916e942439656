"""Markers and reports: what a company may do with its case, and what follows from time."""

from dataclasses import replace
from datetime import datetime, timedelta

from harbourlight import codes
from harbourlight.routing import RoutingTable
from services.reporting.domain import sealed
from services.reporting.domain.events import (
    MarkerLapsed,
    MarkerPlaced,
    ReportAmended,
    ReportFiled,
    ReportWithdrawn,
)
from services.reporting.domain.model import Case, CaseState, Facts
from services.reporting.domain.sealed import NOTHING, Lodged
from shared.decisions import Decision
from shared.errors import Kind, Refusal, not_found, wrong_state

MARKER_DAYS = 30
"""Days to perfect a marker: the customary first period of antitrust leniency markers."""
RETENTION_DAYS = 5 * 365
"""Days from the end of the referral to the review whether the case is still kept."""
WITHDRAWN_RETENTION_DAYS = 365
"""The same where the company withdrew its report."""

_ALLOWED = {
    CaseState.MARKED: ("perfect the marker", "withdraw"),
    CaseState.FILED: ("amend", "withdraw"),
    CaseState.WITHDRAWN: (),
    CaseState.LAPSED: (),
    CaseState.ERASED: (),
}
_ENDED_REFERRALS = ("REJECTED", "COMPLETED", "FAILED", "CANCELLED", "ENTERED_IN_ERROR")


def _expect(case: Case | None, states: tuple[CaseState, ...], wanted: str) -> Case:
    if case is None:
        raise not_found("case")
    if case.state not in states:
        raise wrong_state("the case", case.state, wanted, _ALLOWED[case.state])
    if case.referral_state in _ENDED_REFERRALS:
        raise wrong_state("the referral of the case", case.referral_state, wanted, ())
    return case


def _absent(case: Case | None, wanted: str) -> None:
    if case is not None:
        raise wrong_state("the case", case.state, wanted, _ALLOWED[case.state])


def ilo_indicators(indicators: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the ILO's eleven that the reported codes stand for, in the ILO's order."""
    meant = {codes.ilo_of(indicator) for indicator in indicators}
    return tuple(code for code in codes.ilo_indicators() if code in meant)


def place_marker(
    case: Case | None,
    *,
    handle: str,
    country: str,
    sector: str,
    exploitation_type: str,
    now: datetime,
) -> Decision[Case]:
    """A new case, marked."""
    _absent(case, "place a marker")
    perfect_by = now + timedelta(days=MARKER_DAYS)
    marked = Case(
        handle,
        CaseState.MARKED,
        marked_at=now,
        perfect_by=perfect_by,
        protection_state="MARKED",
    )
    event = MarkerPlaced(handle, country, sector, exploitation_type, perfect_by)
    return Decision(marked, (event,))


def submit_report(
    case: Case | None,
    *,
    handle: str,
    facts: Facts,
    table: RoutingTable,
    routed_by: str = "",
    lodged: Lodged = NOTHING,
    now: datetime,
) -> Decision[Case]:
    """A new case with its report. `routed_by` is the version of the sender's routing table."""
    _absent(case, "submit a report")
    return _file(Case(handle, CaseState.FILED), facts, table, routed_by, lodged, now)


def perfect_marker(
    case: Case | None,
    *,
    facts: Facts,
    table: RoutingTable,
    routed_by: str = "",
    lodged: Lodged = NOTHING,
    now: datetime,
) -> Decision[Case]:
    """The report of a marked case. The time of coming forward stays the marker's."""
    marked = _expect(case, (CaseState.MARKED,), "perfect the marker")
    if marked.perfect_by is not None and now >= marked.perfect_by:
        # Due, whether or not the timer has recorded it yet.
        raise wrong_state("the marker", "LAPSED", "perfect it", ())
    return _file(marked, facts, table, routed_by, lodged, now)


def _file(
    case: Case, facts: Facts, table: RoutingTable, routed_by: str, lodged: Lodged, now: datetime
) -> Decision[Case]:
    if routed_by not in ("", table.version):
        raise Refusal(
            Kind.WRONG_STATE,
            f"the desk was found by routing table {routed_by!r}, and the current one is "
            f"{table.version!r}: find it anew with a client that has that table, and seal to it",
        )
    desk = table.lead_desk(facts.country, facts.exploitation_type, facts.child)
    found = ilo_indicators(facts.indicators)
    filed = replace(
        case,
        state=CaseState.FILED,
        facts=facts,
        ilo_indicators=found,
        perfect_by=None,
        filed_at=now,
        desk=desk,
        handling_desk=desk,
        epoch=1,
        routing_version=table.version,
        protection_state=case.protection_state or "MARKED",
    )
    came_forward_at = case.marked_at or now
    event = ReportFiled(case.handle, facts, found, desk, table.version, came_forward_at)
    return Decision(sealed.take(filed, lodged), (event,))


def amend_report(case: Case | None, *, facts: Facts, lodged: Lodged = NOTHING) -> Decision[Case]:
    """Other facts, or another content.

    The lead desk stays: a desk that should not have the case transfers it.
    """
    filed = _expect(case, (CaseState.FILED,), "amend")
    if facts == filed.facts and lodged == NOTHING:
        return Decision(filed)
    found = ilo_indicators(facts.indicators)
    amendments = filed.amendments + 1
    amended = replace(filed, facts=facts, ilo_indicators=found, amendments=amendments)
    amended = sealed.take(amended, lodged)
    return Decision(amended, (ReportAmended(filed.handle, facts, found, amendments),))


def withdraw(case: Case | None, *, reason: str, now: datetime) -> Decision[Case]:
    """The end of the case on the company's side."""
    held = _expect(case, (CaseState.MARKED, CaseState.FILED), "withdraw")
    review_at = now + timedelta(WITHDRAWN_RETENTION_DAYS) if held.filed_at else None
    withdrawn = replace(
        held, state=CaseState.WITHDRAWN, perfect_by=None, review_at=held.review_at or review_at
    )
    return Decision(withdrawn, (ReportWithdrawn(held.handle, reason),))


def lapse(case: Case | None, *, now: datetime) -> Decision[Case] | None:
    """The end of a marker whose time is up; None where there is nothing to lapse."""
    if case is None or case.state != CaseState.MARKED:
        return None
    if case.perfect_by is None or now < case.perfect_by:
        return None
    lapsed = replace(case, state=CaseState.LAPSED, perfect_by=None, protection_state="LAPSED")
    return Decision(lapsed, (MarkerLapsed(case.handle),))


def note_referral(
    case: Case, *, state: str, now: datetime, accepted_by: str = ""
) -> Decision[Case]:
    """What triage says of the referral; `accepted_by` is the desk that took it up."""
    if case.state == CaseState.ERASED:
        return Decision(case)
    if accepted_by and accepted_by != case.desk_now:
        case = sealed.hand_over(case, accepted_by)
    if state in _ENDED_REFERRALS and case.review_at is None:
        case = replace(case, review_at=now + timedelta(RETENTION_DAYS))
    return Decision(replace(case, referral_state=state))


def note_protection(case: Case, *, state: str) -> Decision[Case]:
    """What triage says of the safe harbour."""
    if case.state == CaseState.ERASED:
        return Decision(case)
    return Decision(replace(case, protection_state=state))


def note_recusal(case: Case, *, officer: str) -> Decision[Case]:
    """What triage says of an officer, by the pseudonym in this case."""
    if case.state == CaseState.ERASED or officer in case.recused:
        return Decision(case)
    return Decision(replace(case, recused=(*case.recused, officer)))
