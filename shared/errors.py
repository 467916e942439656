"""The one error that crosses every layer.

Domain, handlers and stores raise `Refusal`; `shared.statuses` turns it into gRPC, at the edge.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """Why something was refused."""

    INVALID = "INVALID"
    WRONG_STATE = "WRONG_STATE"
    STALE = "STALE"
    NOT_FOUND = "NOT_FOUND"
    REUSED_REQUEST_ID = "REUSED_REQUEST_ID"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    DENIED = "DENIED"
    EXHAUSTED = "EXHAUSTED"
    PROOF_OF_WORK_REQUIRED = "PROOF_OF_WORK_REQUIRED"
    STOPPING = "STOPPING"
    DATABASE_AWAY = "DATABASE_AWAY"


class Violation(NamedTuple):
    """One fault of one field."""

    field: str
    """Path within the request, such as facts.country or items[2].due_date."""
    description: str


class Refusal(Exception):
    """A command or query that changes nothing, with the reason for people."""

    def __init__(
        self,
        kind: Kind,
        message: str,
        violations: Iterable[Violation] = (),
        *,
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.violations = tuple(violations)
        self.metadata = dict(metadata or {})
        """What a program needs to do what the message says."""
        self.retry_after = retry_after
        """Seconds after which the same may be asked again."""


def invalid(violations: Sequence[Violation]) -> Refusal:
    """A request with these faults."""
    faults = "; ".join(f"{field}: {description}" for field, description in violations[:3])
    more = f"; and {len(violations) - 3} more" if len(violations) > 3 else ""
    return Refusal(Kind.INVALID, f"the request is not valid: {faults}{more}", violations)


def wrong_state(what: str, state: str, wanted: str, allowed: Iterable[str]) -> Refusal:
    """`wanted` is not allowed while `what` is in `state`; `allowed` is what is."""
    choices = ", ".join(allowed) or "nothing more"
    return Refusal(
        Kind.WRONG_STATE, f"{what} is {state}: cannot {wanted}; allowed from here: {choices}"
    )


def not_found(what: str) -> Refusal:
    """Absent, or not the caller's to see: the two are not told apart."""
    return Refusal(Kind.NOT_FOUND, f"no such {what}")


def stale(expected: str, current: str) -> Refusal:
    """The caller decided on an older version."""
    return Refusal(
        Kind.STALE,
        f"changed meanwhile: the etag {expected!r} is not the current {current!r}; "
        "read again and decide again",
    )
