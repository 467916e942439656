"""What happens to a referral, its safe harbour and its deadlines."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Condition:
    """What final protection depends on."""

    code: str
    due_date: str
    met: bool = False


@dataclass(frozen=True)
class ReferralRequested:
    """A report reached its desk."""

    handle: str
    referral_id: str
    desk: str
    priority: str


@dataclass(frozen=True)
class ReferralAccepted:
    """The desk took the referral up."""

    handle: str
    referral_id: str
    desk: str


@dataclass(frozen=True)
class ReferralRejected:
    """The desk did not take the referral up."""

    handle: str
    referral_id: str
    reason: str


@dataclass(frozen=True)
class InformationRequested:
    """The desk asked the company for more."""

    handle: str
    referral_id: str
    topics: tuple[str, ...]


@dataclass(frozen=True)
class ReferralProgressed:
    """Work started, was held, resumed, or went a step further."""

    handle: str
    referral_id: str
    state: str
    reason: str = ""
    step: str = ""


@dataclass(frozen=True)
class ReferralFailed:
    """Work ended without an outcome."""

    handle: str
    referral_id: str
    reason: str


@dataclass(frozen=True)
class ReferralCompleted:
    """The desk closed the referral with an outcome."""

    handle: str
    referral_id: str
    outcome: str


@dataclass(frozen=True)
class ReferralCancelled:
    """The ground of the referral fell away."""

    handle: str
    referral_id: str
    reason: str


@dataclass(frozen=True)
class ProtectionDecided:
    """The safe harbour moved."""

    handle: str
    state: str
    reasons: tuple[str, ...]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class UnsealingRequested:
    """The desk asked for the reporter's identity."""

    handle: str
    unsealing_id: str
    referral_id: str
    desk: str
    legal_basis: str
    ends_at: datetime


@dataclass(frozen=True)
class UnsealingGranted:
    """A custodian released its half of the key."""

    handle: str
    unsealing_id: str
    custodian: str
    ends_at: datetime


@dataclass(frozen=True)
class UnsealingRefused:
    """A custodian did not."""

    handle: str
    unsealing_id: str
    custodian: str
    reason: str


@dataclass(frozen=True)
class UnsealingExpired:
    """A request lapsed, or a released half was deleted."""

    handle: str
    unsealing_id: str
    cause: str


@dataclass(frozen=True)
class TransferRequested:
    """The desk offered the case to another one."""

    handle: str
    referral_id: str
    based_on: str
    desk: str
    from_desk: str
    reason: str


@dataclass(frozen=True)
class TransferRejected:
    """The other desk did not take it, so the case stays."""

    handle: str
    referral_id: str
    desk: str
    reason: str


@dataclass(frozen=True)
class TransferCancelled:
    """The offer is void."""

    handle: str
    referral_id: str
    desk: str


@dataclass(frozen=True)
class ReferralTransferred:
    """The other desk took the case over."""

    handle: str
    referral_id: str
    based_on: str
    desk: str
    from_desk: str


@dataclass(frozen=True)
class OfficerRecused:
    """An officer has no part in the case any more."""

    handle: str
    referral_id: str
    officer: str


@dataclass(frozen=True)
class Headcount:
    """A number of people."""

    exact: int


@dataclass(frozen=True)
class FactsReleased:
    """The desk put a fact of the sealed report on record."""

    handle: str
    referral_id: str
    facility_id: str
    people_affected: Headcount | None


@dataclass(frozen=True)
class DeadlineEvent:
    """Something about one deadline."""

    handle: str
    code: str
    due_at: datetime


class DeadlineStarted(DeadlineEvent):
    """A clock runs."""


class DeadlineWarned(DeadlineEvent):
    """Little time is left."""


class DeadlineMet(DeadlineEvent):
    """What was due was done in time."""


class DeadlineMissed(DeadlineEvent):
    """What was due was not done in time."""
