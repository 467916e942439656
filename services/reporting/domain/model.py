"""A case, and what the platform reads of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CaseState(StrEnum):
    """Where a case stands on the company's side."""

    MARKED = "MARKED"
    FILED = "FILED"
    WITHDRAWN = "WITHDRAWN"
    LAPSED = "LAPSED"
    ERASED = "ERASED"


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
class Erasure:
    """One party's agreement to erase a case."""

    party: str
    """DESK or CUSTODIAN."""
    reason: str
    organisation: str
    agreed_at: datetime


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
    handling_desk: str = ""
    previous_desk: str = ""
    """The desk before, until the handling one has confirmed that it opens the case."""
    company_number: int = 0
    """Last number of what the company wrote."""
    desk_number: int = 0
    epoch: int = 0
    key_epoch: int = 0
    """Last epoch whose content key is here."""
    erasure: Erasure | None = None
    review_at: datetime | None = None
    review_due: bool = False
    recused: tuple[str, ...] = ()
    """Pseudonyms of officers who have no part in the case. The company is not told."""

    @property
    def desk_now(self) -> str:
        """Desk that handles the case."""
        return self.handling_desk or self.desk

    @property
    def epoch_now(self) -> int:
        """Epoch of the next content. Cases from before there were epochs are in the first."""
        return max(self.epoch, 1)

    @property
    def country(self) -> str:
        """Of the site, once it is reported."""
        return self.facts.country if self.facts else ""
