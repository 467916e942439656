"""The requests to unseal a case's identity: each is answered once, by a custodian or by time.

Whichever of the two custodians answers first has answered for both: a desk that was refused by
one does not turn to the other with the same request.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from services.triage.domain.events import (
    UnsealingExpired,
    UnsealingGranted,
    UnsealingRefused,
    UnsealingRequested,
)
from services.triage.domain.model import Unsealing, UnsealingState
from shared.errors import Refusal, Violation, invalid, not_found, wrong_state

ANSWER_WITHIN = timedelta(days=14)
"""How long custodians have; then the request lapses."""
KEPT = timedelta(days=7)
"""How long the asking officer has to fetch a released half; then it is deleted."""

_S = UnsealingState
Unsealings = tuple[Unsealing, ...]
Moved = tuple[Unsealings, tuple[Any, ...]]
"""The requests as they are now, and what happened to them."""


class Cause(StrEnum):
    """Why a request or a released half is no more."""

    UNANSWERED = "UNANSWERED"
    HALF_DELETED = "HALF_DELETED"
    CASE_ENDED = "CASE_ENDED"
    TRANSFERRED = "TRANSFERRED"


def find(unsealings: Unsealings, unsealing_id: str) -> Unsealing:
    """The request with this id. Raises Refusal (NOT_FOUND)."""
    for one in unsealings:
        if one.unsealing_id == unsealing_id:
            return one
    raise not_found("unsealing")


def request(
    unsealings: Unsealings, handle: str, referral_id: str, asked: Unsealing, now: datetime
) -> Moved:
    """One more request.

    Raises Refusal (WRONG_STATE) where one is open, and (INVALID) where the number is not the next
    or both halves went to one organisation.
    """
    if waiting := next((one for one in unsealings if one.open), None):
        raise _still_open(waiting, now)
    faults = []
    if asked.number != len(unsealings) + 1:
        faults.append(
            Violation("number", f"{len(unsealings) + 1} comes next in this case: sign again")
        )
    if asked.custodian == asked.alternate:
        faults.append(Violation("alternate", "is the custodian's own organisation: name another"))
    if faults:
        raise invalid(faults)
    event = UnsealingRequested(
        handle, asked.unsealing_id, referral_id, asked.desk, asked.legal_basis, asked.ends_at
    )
    return (*unsealings, asked), (event,)


def _still_open(waiting: Unsealing, now: datetime) -> Refusal:
    # The timer says first that the earlier one is over.
    when = "a few seconds" if now >= waiting.ends_at else f"until {waiting.ends_at:%Y-%m-%d}"
    what = f"unsealing {waiting.unsealing_id} of the case"
    return wrong_state(what, waiting.state, "request another", (f"wait {when}",))


def grant(unsealings: Unsealings, handle: str, unsealing_id: str, by: str, now: datetime) -> Moved:
    """A custodian released its half, which is kept for a while."""
    ends_at = now + KEPT
    changes = {"state": _S.GRANTED, "ends_at": ends_at}
    event = UnsealingGranted(handle, unsealing_id, by, ends_at)
    return _answer(unsealings, unsealing_id, by, "grant it", now, changes), (event,)


def refuse(
    unsealings: Unsealings, handle: str, unsealing_id: str, by: str, reason: str, now: datetime
) -> Moved:
    """A custodian did not release its half."""
    changes = {"state": _S.REFUSED, "ends_at": now, "refusal": reason}
    event = UnsealingRefused(handle, unsealing_id, by, reason)
    return _answer(unsealings, unsealing_id, by, "refuse it", now, changes), (event,)


def _answer(
    unsealings: Unsealings,
    unsealing_id: str,
    by: str,
    wanted: str,
    now: datetime,
    changes: dict[str, Any],
) -> Unsealings:
    asked = find(unsealings, unsealing_id)
    if by not in (asked.custodian, asked.alternate):
        raise not_found("unsealing")
    # Due, whether or not the timer has recorded it yet.
    late = asked.state == _S.REQUESTED and now >= asked.ends_at
    if asked.state != _S.REQUESTED or late:
        raise wrong_state("the unsealing", _S.EXPIRED if late else asked.state, wanted, ())
    answered = replace(asked, answered_by=by, answered_at=now, **changes)
    return tuple(answered if one is asked else one for one in unsealings)


def sweep(unsealings: Unsealings, handle: str, now: datetime) -> Moved:
    """What the passing of time alone does."""
    return _expire(
        unsealings,
        handle,
        lambda one: now >= one.ends_at,
        {_S.REQUESTED: Cause.UNANSWERED, _S.GRANTED: Cause.HALF_DELETED},
        now,
    )


def end(unsealings: Unsealings, handle: str, cause: Cause, now: datetime) -> Moved:
    """The ground fell away: what waits is void, and what was released is deleted."""
    unsealings, lapsed = sweep(unsealings, handle, now)
    causes = {_S.REQUESTED: cause, _S.GRANTED: cause}
    unsealings, ended = _expire(unsealings, handle, lambda one: True, causes, now)
    return unsealings, lapsed + ended


def next_moment(unsealings: Unsealings) -> datetime | None:
    """When `sweep` next has something to do, or None where nothing is open."""
    return min((one.ends_at for one in unsealings if one.open), default=None)


def _expire(
    unsealings: Unsealings,
    handle: str,
    concerned: Callable[[Unsealing], bool],
    causes: dict[UnsealingState, Cause],
    now: datetime,
) -> Moved:
    moved: list[Unsealing] = []
    events: list[UnsealingExpired] = []
    for one in unsealings:
        if one.open and concerned(one):
            state = _S.EXPIRED if one.state == _S.REQUESTED else _S.CLOSED
            # What ended it may have happened elsewhere before it was asked here.
            ended_at = max(one.requested_at, min(one.ends_at, now))
            moved.append(replace(one, state=state, ends_at=ended_at))
            events.append(UnsealingExpired(handle, one.unsealing_id, causes[one.state]))
        else:
            moved.append(one)
    return tuple(moved), tuple(events)
