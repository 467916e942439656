"""What happens to cases. Each has the name and the fields of the contract's event."""

from dataclasses import dataclass
from datetime import datetime

from services.reporting.domain.model import Facts


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


@dataclass(frozen=True)
class MessageSent:
    """Company or desk wrote to the other."""

    handle: str
    sender: str
    number: int
    purpose: str


@dataclass(frozen=True)
class CaseResealed:
    """The case was sealed to a desk, or to a new key of it."""

    handle: str
    desk: str


@dataclass(frozen=True)
class ResealConfirmed:
    """The desk that took the case over opens it."""

    handle: str
    desk: str


@dataclass(frozen=True)
class RetentionReviewDue:
    """Somebody has to decide whether the case is kept."""

    handle: str
    review_at: datetime


@dataclass(frozen=True)
class ErasureAgreed:
    """One party would erase the case."""

    handle: str
    party: str
    reason: str


@dataclass(frozen=True)
class CaseErased:
    """Nobody opens any more what was sealed."""

    handle: str
    reason: str


@dataclass(frozen=True)
class EvidenceAdded:
    """A file of the case arrived whole."""

    handle: str
    number: int
