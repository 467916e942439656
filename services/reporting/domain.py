"""Cases as companies make them: states and rules, without any I/O or clock."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from harbourlight import codes
from harbourlight.routing import RoutingTable
from shared.decisions import Decision
from shared.errors import not_found, wrong_state

MARKER_DAYS = 30
"""Days to perfect a marker: the customary first period of antitrust leniency markers."""


class CaseState(StrEnum):
    """Where a case stands on the company's side."""

    MARKED = "MARKED"
    FILED = "FILED"
    WITHDRAWN = "WITHDRAWN"
    LAPSED = "LAPSED"


@dataclass(frozen=True)
class Facts:
    """What the platform reads of a report."""

    country: str
    sector: str
    exploitation_type: str
    child_involved: str
    ongoing_danger: bool = False
    indicators: tuple[str, ...] = ()
    money_trail: bool = False
    from_whistleblower: bool = False
    whistleblower_reported_on: str = ""

    @property
    def child(self) -> bool:
        """Not sure counts as yes."""
        return self.child_involved != "NO"


@dataclass(frozen=True)
class Case:
    """A case. What triage says of it is kept beside what the company said."""

    handle: str
    state: CaseState
    facts: Facts | None = None
    ilo_indicators: tuple[str, ...] = ()
    marked_at: datetime | None = None
    perfect_by: datetime | None = None
    filed_at: datetime | None = None
    desk: str = ""
    routing_version: str = ""
    referral_state: str = ""
    protection_state: str = ""
    amendments: int = 0


@dataclass(frozen=True)
class MarkerPlaced:
    """The time of coming forward is fixed."""

    handle: str
    country: str
    sector: str
    exploitation_type: str
    perfect_by: datetime


@dataclass(frozen=True)
class MarkerLapsed:
    """The marker was not perfected in time."""

    handle: str


@dataclass(frozen=True)
class ReportFiled:
    """A report was lodged."""

    handle: str
    facts: Facts
    ilo_indicators: tuple[str, ...]
    desk: str
    routing_version: str
    came_forward_at: datetime


@dataclass(frozen=True)
class ReportAmended:
    """The facts were replaced."""

    handle: str
    facts: Facts
    ilo_indicators: tuple[str, ...]
    amendments: int


@dataclass(frozen=True)
class ReportWithdrawn:
    """A marker or a report was withdrawn."""

    handle: str
    reason: str


_ALLOWED = {
    CaseState.MARKED: ("perfect the marker", "withdraw"),
    CaseState.FILED: ("amend", "withdraw"),
    CaseState.WITHDRAWN: (),
    CaseState.LAPSED: (),
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
    case: Case | None, *, handle: str, facts: Facts, table: RoutingTable, now: datetime
) -> Decision[Case]:
    """A new case with its report."""
    _absent(case, "submit a report")
    return _file(Case(handle, CaseState.FILED), facts, table, now)


def perfect_marker(
    case: Case | None, *, facts: Facts, table: RoutingTable, now: datetime
) -> Decision[Case]:
    """The report of a marked case. The time of coming forward stays the marker's."""
    marked = _expect(case, (CaseState.MARKED,), "perfect the marker")
    if marked.perfect_by is not None and now >= marked.perfect_by:
        # Due, whether or not the timer has recorded it yet.
        raise wrong_state("the marker", "LAPSED", "perfect it", ())
    return _file(marked, facts, table, now)


def _file(case: Case, facts: Facts, table: RoutingTable, now: datetime) -> Decision[Case]:
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
        routing_version=table.version,
        protection_state=case.protection_state or "MARKED",
    )
    came_forward_at = case.marked_at or now
    event = ReportFiled(case.handle, facts, found, desk, table.version, came_forward_at)
    return Decision(filed, (event,))


def amend_report(case: Case | None, *, facts: Facts) -> Decision[Case]:
    """Other facts. The lead desk stays: a desk that should not have the case transfers it."""
    filed = _expect(case, (CaseState.FILED,), "amend")
    if facts == filed.facts:
        return Decision(filed)
    found = ilo_indicators(facts.indicators)
    amendments = filed.amendments + 1
    amended = replace(filed, facts=facts, ilo_indicators=found, amendments=amendments)
    return Decision(amended, (ReportAmended(filed.handle, facts, found, amendments),))


def withdraw(case: Case | None, *, reason: str) -> Decision[Case]:
    """The end of the case on the company's side."""
    held = _expect(case, (CaseState.MARKED, CaseState.FILED), "withdraw")
    withdrawn = replace(held, state=CaseState.WITHDRAWN, perfect_by=None)
    return Decision(withdrawn, (ReportWithdrawn(held.handle, reason),))


def lapse(case: Case | None, *, now: datetime) -> Decision[Case] | None:
    """The end of a marker whose time is up; None where there is nothing to lapse."""
    if case is None or case.state != CaseState.MARKED:
        return None
    if case.perfect_by is None or now < case.perfect_by:
        return None
    lapsed = replace(case, state=CaseState.LAPSED, perfect_by=None, protection_state="LAPSED")
    return Decision(lapsed, (MarkerLapsed(case.handle),))


def note_referral(case: Case, *, state: str) -> Decision[Case]:
    """What triage says of the referral."""
    return Decision(replace(case, referral_state=state))


def note_protection(case: Case, *, state: str) -> Decision[Case]:
    """What triage says of the safe harbour."""
    return Decision(replace(case, protection_state=state))
