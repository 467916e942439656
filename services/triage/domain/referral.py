"""How a referral moves: by its desk's commands, by what the company does, and by time."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.triage.domain import deadlines, unsealings
from services.triage.domain.deadlines import Code
from services.triage.domain.events import (
    InformationRequested,
    ReferralAccepted,
    ReferralCancelled,
    ReferralCompleted,
    ReferralFailed,
    ReferralProgressed,
    ReferralRejected,
    ReferralRequested,
    TransferCancelled,
)
from services.triage.domain.model import Facts, Referral, ReferralState, TransferState
from shared.decisions import Decision
from shared.errors import Refusal, Violation, invalid, not_found, wrong_state

_S = ReferralState
ACTIVE = (_S.ACCEPTED, _S.IN_PROGRESS, _S.ON_HOLD)
"""States in which the desk works on the case."""
ENDED = (_S.REJECTED, _S.COMPLETED, _S.FAILED, _S.CANCELLED, _S.ENTERED_IN_ERROR)

_ALWAYS = (
    "fail it",
    "transfer it",
    "request information",
    "decide on protection",
    "release a fact",
    "request unsealing",
)
ALLOWED: dict[ReferralState, tuple[str, ...]] = {
    _S.REQUESTED: ("accept it", "reject it", "transfer it"),
    _S.ACCEPTED: ("start work", "put it on hold", *_ALWAYS),
    _S.IN_PROGRESS: ("record a step", "put it on hold", "complete it", *_ALWAYS),
    _S.ON_HOLD: ("resume work", *_ALWAYS),
    _S.COMPLETED: ("decide on protection", "release a fact"),
}
"""What an officer can do from each state; nothing from one that is not named."""

_PROGRESS = {
    _S.IN_PROGRESS: ("start or resume work", ACTIVE),
    _S.ON_HOLD: ("put it on hold", (_S.ACCEPTED, _S.IN_PROGRESS)),
    _S.FAILED: ("fail it", ACTIVE),
}
"""Where progress may lead: how it is called, and from which states."""

_NEED_REMEDY = ("CONFIRMED", "PARTLY_CONFIRMED")


def expect(referral: Referral | None, states: tuple[ReferralState, ...], wanted: str) -> Referral:
    """The referral, in one of these states. Raises Refusal (NOT_FOUND, WRONG_STATE)."""
    known = expect_known(referral)
    if known.state not in states:
        raise wrong_state("the referral", known.state, wanted, ALLOWED.get(known.state, ()))
    return known


def expect_known(referral: Referral | None) -> Referral:
    """The referral. Raises Refusal (NOT_FOUND) where there is none."""
    if referral is None:
        raise not_found("referral")
    return referral


def _decide(
    referral: Referral, event: Any, clocks: deadlines.Moved | None = None, **changes: Any
) -> Decision[Referral]:
    moved, events = clocks or (referral.deadlines, ())
    return Decision(replace(referral, deadlines=moved, **changes), (event, *events))


def void_offer(referral: Referral, now: datetime) -> tuple[Referral, tuple[Any, ...]]:
    """Without the offer to another desk that waits, and what that is told as."""
    offer = referral.offer
    if offer is None:
        return referral, ()
    void = replace(offer, state=TransferState.CANCELLED, settled_at=now)
    transfers = tuple(void if one is offer else one for one in referral.transfers)
    event = TransferCancelled(referral.handle, offer.referral_id, offer.desk)
    return replace(referral, transfers=transfers), (event,)


def _end(
    referral: Referral, event: Any, clocks: deadlines.Moved, now: datetime, **changes: Any
) -> Decision[Referral]:
    """As `_decide`, where the desk's work ends, and with it what was asked or offered."""
    kept, void = void_offer(referral, now)
    ended, more = unsealings.end(kept.unsealings, kept.handle, unsealings.Cause.CASE_ENDED, now)
    decision = _decide(kept, event, clocks, unsealings=ended, **changes)
    return Decision(decision.state, (*decision.events, *more, *void))


def request(
    referral: Referral | None,
    *,
    handle: str,
    referral_id: str,
    desk: str,
    facts: Facts,
    ilo_indicators: tuple[str, ...],
    came_forward_at: datetime,
    received_at: datetime,
) -> Decision[Referral]:
    """A new referral: the report reached its desk, which has to acknowledge it."""
    if referral is not None:
        raise wrong_state("the referral", referral.state, "request it again", ())
    clocks, started = deadlines.start((), handle, Code.ACKNOWLEDGE, received_at)
    requested = Referral(
        referral_id=referral_id,
        handle=handle,
        state=_S.REQUESTED,
        desk=desk,
        priority=facts.priority,
        facts=facts,
        ilo_indicators=ilo_indicators,
        came_forward_at=came_forward_at,
        received_at=received_at,
        deadlines=clocks,
    )
    event = ReferralRequested(handle, referral_id, desk, requested.priority)
    return Decision(requested, (event, *started))


def accept(referral: Referral | None, *, now: datetime) -> Decision[Referral]:
    """The desk takes the case up, which acknowledges the report."""
    known = expect(referral, (_S.REQUESTED,), "accept it")
    event = ReferralAccepted(known.handle, known.referral_id, known.desk)
    clocks = deadlines.acknowledge(known.deadlines, known.handle, now)
    return _decide(known, event, clocks, state=_S.ACCEPTED)


def reject(referral: Referral | None, *, reason: str, now: datetime) -> Decision[Referral]:
    """The desk does not take the case up; saying so acknowledges the report."""
    known = expect(referral, (_S.REQUESTED,), "reject it")
    event = ReferralRejected(known.handle, known.referral_id, reason)
    met, events = deadlines.meet(known.deadlines, known.handle, Code.ACKNOWLEDGE, now)
    ended, more = deadlines.end(met, known.handle, now)
    return _end(known, event, (ended, events + more), now, state=_S.REJECTED, reason=reason)


def request_information(
    referral: Referral | None, *, topics: tuple[str, ...]
) -> Decision[Referral]:
    """Adds open questions; those that are open already are not asked again."""
    known = expect(referral, ACTIVE, "request information")
    new = tuple(topic for topic in topics if topic not in known.open_questions)
    if not new:
        return Decision(known)
    event = InformationRequested(known.handle, known.referral_id, new)
    return _decide(known, event, open_questions=known.open_questions + new)


def record_progress(
    referral: Referral | None, *, state: str, reason: str, step: str, now: datetime
) -> Decision[Referral]:
    """Starts, resumes, holds or fails the work, or records a step of it.

    Raises Refusal (INVALID) where a reason is missing or out of place, and where nothing would be
    recorded.
    """
    known = expect_known(referral)
    target = ReferralState(state)
    if fault := _progress_fault(target, reason, step):
        raise invalid([fault])
    wanted, states = _PROGRESS[target]
    expect(known, states, wanted)
    if target == known.state and not step:
        raise invalid([Violation("step", f"the referral is {state} already: say what was done")])
    if target == _S.FAILED:
        failed = ReferralFailed(known.handle, known.referral_id, reason)
        clocks = deadlines.end(known.deadlines, known.handle, now)
        return _end(known, failed, clocks, now, state=target, reason=reason)
    steps = (*known.steps, step) if step else known.steps
    event = ReferralProgressed(known.handle, known.referral_id, target, reason, step)
    return _decide(known, event, state=target, reason=reason, steps=steps)


def _progress_fault(target: ReferralState, reason: str, step: str) -> Violation | None:
    if target == _S.IN_PROGRESS:
        if reason:
            return Violation("reason", "only ON_HOLD and FAILED have a reason: leave it out")
    elif not reason:
        return Violation("reason", f"{target} needs a reason: say why")
    if target == _S.FAILED and step:
        return Violation("step", "FAILED has no step: record the step as IN_PROGRESS before it")
    return None


def complete(referral: Referral | None, *, outcome: str, now: datetime) -> Decision[Referral]:
    """Closes the referral with what was found, which is the feedback that is due.

    Raises Refusal (WRONG_STATE) where something was found and its remedy is not closed: remedy is
    closed by verification, never by the desk's decision.
    """
    known = expect(referral, (_S.IN_PROGRESS,), "complete it")
    if outcome in _NEED_REMEDY and not known.remedy_closed:
        raise _remedy_open(outcome)
    event = ReferralCompleted(known.handle, known.referral_id, outcome)
    clocks = deadlines.meet(known.deadlines, known.handle, Code.FEEDBACK, now)
    return _end(known, event, clocks, now, state=_S.COMPLETED, outcome=outcome)


def _remedy_open(outcome: str) -> Refusal:
    return wrong_state(
        "the remedy of the case",
        "not closed",
        f"complete the referral as {outcome} before every indicator found has a verified item",
        ("complete it as NOT_CONFIRMED", "record a step", "put it on hold", "fail it"),
    )


def amend(
    referral: Referral | None, *, facts: Facts, ilo_indicators: tuple[str, ...], amendments: int
) -> Decision[Referral]:
    """The company's answer: other facts, which also answer whatever it was asked for."""
    known = expect_known(referral)
    return Decision(
        replace(
            known,
            facts=facts,
            ilo_indicators=ilo_indicators,
            priority=facts.priority,
            open_questions=(),
            amendments=amendments,
        )
    )


def withdraw(referral: Referral | None, *, now: datetime) -> Decision[Referral] | None:
    """The report is withdrawn; None where no referral is left to cancel.

    Withdrawn before it was filed, a marker never came to a desk.
    """
    return _cancel(referral, "REPORT_WITHDRAWN", now)


def erase(referral: Referral | None, *, now: datetime) -> Decision[Referral] | None:
    """The case was erased; None where no referral is left to cancel."""
    return _cancel(referral, "CASE_ERASED", now)


def _cancel(referral: Referral | None, reason: str, now: datetime) -> Decision[Referral] | None:
    if referral is None or referral.state in ENDED:
        return None
    event = ReferralCancelled(referral.handle, referral.referral_id, reason)
    clocks = deadlines.end(referral.deadlines, referral.handle, now)
    return _end(referral, event, clocks, now, state=_S.CANCELLED, reason=reason)


def note_remedy(referral: Referral, *, closed: bool) -> Decision[Referral]:
    """What the remedy service says of the case."""
    return Decision(replace(referral, remedy_closed=closed))


def pass_time(referral: Referral | None, *, now: datetime) -> Decision[Referral] | None:
    """What is due of its deadlines and unsealings; None where nothing is."""
    if referral is None:
        return None
    moved, events = deadlines.sweep(referral.deadlines, referral.handle, now)
    swept, lapsed = unsealings.sweep(referral.unsealings, referral.handle, now)
    if not events and not lapsed:
        return None
    return Decision(replace(referral, deadlines=moved, unsealings=swept), (*events, *lapsed))


def next_moment(referral: Referral) -> datetime | None:
    """When `pass_time` next has something to do, or None where no clock runs."""
    moments = (
        deadlines.next_moment(referral.deadlines),
        unsealings.next_moment(referral.unsealings),
    )
    return min((one for one in moments if one is not None), default=None)
