"""A referral: a case at one desk, with its safe harbour and its deadlines."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.triage.domain.deadlines import Deadline
from services.triage.domain.events import Condition


class ReferralState(StrEnum):
    """Where a referral stands: FHIR Task states as profiled by Gravity SDOH."""

    REQUESTED = "REQUESTED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    IN_PROGRESS = "IN_PROGRESS"
    ON_HOLD = "ON_HOLD"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    ENTERED_IN_ERROR = "ENTERED_IN_ERROR"


class ProtectionState(StrEnum):
    """Where the safe harbour of the case stands."""

    MARKED = "MARKED"
    CONDITIONAL = "CONDITIONAL"
    FINAL = "FINAL"
    DECLINED = "DECLINED"
    LAPSED = "LAPSED"
    REVOKED = "REVOKED"


class Priority(StrEnum):
    """P1 stands above P2, whatever else is known."""

    P1 = "P1"
    P2 = "P2"


class UnsealingState(StrEnum):
    """Where a request to unseal an identity stands."""

    REQUESTED = "REQUESTED"
    GRANTED = "GRANTED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"
    CLOSED = "CLOSED"


@dataclass(frozen=True)
class Unsealing:
    """A desk's request that a custodian release its half of the key to an identity."""

    unsealing_id: str
    number: int
    """The case's own count of requests, from 1."""
    state: UnsealingState
    desk: str
    legal_basis: str
    custodian: str
    """Organisation that the half is sealed to."""
    alternate: str
    """Organisation that it is sealed to as well, in case the first is away."""
    requested_at: datetime
    ends_at: datetime
    """When a request lapses unless it is answered, or a released half is deleted."""
    answered_by: str = ""
    """Organisation that granted or refused."""
    answered_at: datetime | None = None
    refusal: str = ""

    @property
    def open(self) -> bool:
        """Whether it waits for an answer, or a released half is still there."""
        return self.state in (UnsealingState.REQUESTED, UnsealingState.GRANTED)


class TransferState(StrEnum):
    """Where the offer of a case to another desk stands."""

    REQUESTED = "REQUESTED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True)
class Transfer:
    """The offer of a case to another desk: a referral of its own, based on the sender's."""

    referral_id: str
    """The referral at the receiving desk."""
    desk: str
    based_on: str
    """The sender's referral."""
    from_desk: str
    reason: str
    state: TransferState
    requested_at: datetime
    settled_at: datetime | None = None
    rejection: str = ""


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
    def priority(self) -> Priority:
        """P1 for a child (not sure counts as yes), organ removal or ongoing danger."""
        child = self.child_involved != "NO"
        first = child or self.exploitation_type == "ORGAN_REMOVAL" or self.ongoing_danger
        return Priority.P1 if first else Priority.P2


@dataclass(frozen=True)
class Referral:
    """A case at one desk."""

    referral_id: str
    handle: str
    state: ReferralState
    desk: str
    priority: Priority
    facts: Facts
    ilo_indicators: tuple[str, ...]
    came_forward_at: datetime
    received_at: datetime
    reason: str = ""
    outcome: str = ""
    steps: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()
    protection_state: ProtectionState = ProtectionState.MARKED
    protection_reasons: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    remedy_closed: bool = False
    amendments: int = 0
    unsealings: tuple[Unsealing, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    """To whom the case was offered, in their order."""
    based_on: str = ""
    """The referral that this one follows, at the desk that the case came from."""
    facility_id: str = ""
    people_affected: int = 0
    """Both as far as the desk released them."""
    recused: tuple[str, ...] = ()
    """Officers who have no part in the case, each as a hash that tells no name."""

    @property
    def offer(self) -> Transfer | None:
        """The transfer that waits for its desk."""
        waiting = (one for one in self.transfers if one.state == TransferState.REQUESTED)
        return next(waiting, None)
