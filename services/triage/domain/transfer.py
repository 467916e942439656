"""A case goes to another desk: the sender holds it until the receiver accepts.

The offer is a referral of its own, in state REQUESTED at the receiving desk and based on the
sender's. The state of the case stays the sender's until then, whatever else happens in it.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.triage.domain import deadlines, referral, unsealings
from services.triage.domain.events import (
    ReferralAccepted,
    ReferralTransferred,
    TransferRejected,
    TransferRequested,
)
from services.triage.domain.model import Referral, ReferralState, Transfer, TransferState
from services.triage.domain.unsealing import FINANCIAL_DESK
from shared.decisions import Decision
from shared.errors import Refusal, Violation, invalid, not_found, wrong_state

TRANSFERRED = "TRANSFERRED"
"""Reason that the sender's referral ends for."""
_S = ReferralState
_MOVABLE = (_S.REQUESTED, *referral.ACTIVE)


def desk_of(it: Referral, referral_id: str) -> str | None:
    """The desk of the case's referral with this id, whatever became of it; None: no such one."""
    if referral_id == it.referral_id:
        return it.desk
    for one in it.transfers:
        if referral_id == one.referral_id:
            return one.desk
        if referral_id == one.based_on:
            return one.from_desk
    return None


def held(it: Referral | None, referral_id: str) -> Referral | None:
    """The referral, where it is the one that its desk works on.

    Raises Refusal (WRONG_STATE) where the id is of one that was only offered, or has gone on.
    """
    if it is None or referral_id == it.referral_id:
        return it
    if it.offer and it.offer.referral_id == referral_id:
        raise _wrong(_S.REQUESTED, "do that with it", ("accept it", "reject it"))
    raise _wrong(_state_of(it, referral_id), "do that with it")


def request(
    it: Referral | None,
    *,
    referral_id: str,
    desk: str,
    reason: str,
    desks: Collection[str],
    now: datetime,
) -> Decision[Referral]:
    """Offers the case to another desk of `desks`; an offer that waits elsewhere is void by it."""
    known = referral.expect(it, _MOVABLE, "transfer it")
    faults = []
    if desk == FINANCIAL_DESK:
        faults.append("the financial intelligence desk has a record of its own: name another desk")
    elif desk not in desks:
        faults.append(f"{desk!r} is none of {', '.join(sorted(desks))}")
    elif desk == known.desk:
        faults.append("is the desk that has the case: name another")
    if faults:
        raise invalid([Violation("desk", fault) for fault in faults])
    if known.offer and known.offer.desk == desk:
        raise wrong_state(
            "the transfer", f"REQUESTED at {desk}", "request it again", ("wait for its answer",)
        )
    before, void = referral.void_offer(known, now)
    offer = Transfer(
        referral_id, desk, known.referral_id, known.desk, reason, TransferState.REQUESTED, now
    )
    event = TransferRequested(
        known.handle, referral_id, known.referral_id, desk, known.desk, reason
    )
    return Decision(replace(before, transfers=(*before.transfers, offer)), (*void, event))


def accept(it: Referral | None, *, referral_id: str, now: datetime) -> Decision[Referral]:
    """Takes a case up: one that reached its desk, or that another desk offered to it."""
    known = referral.expect_known(it)
    offer = _offered(known, referral_id, "accept it")
    if offer is None:
        return referral.accept(known, now=now)
    clocks, events = deadlines.acknowledge(known.deadlines, known.handle, now)
    ended, void = unsealings.end(known.unsealings, known.handle, unsealings.Cause.TRANSFERRED, now)
    taken = replace(
        _settled(known, offer, TransferState.ACCEPTED, now),
        referral_id=offer.referral_id,
        based_on=known.referral_id,
        desk=offer.desk,
        state=_S.ACCEPTED,
        reason="",
        steps=(),
        received_at=offer.requested_at,
        deadlines=clocks,
        unsealings=ended,
    )
    moved = ReferralTransferred(
        known.handle, offer.referral_id, known.referral_id, offer.desk, known.desk
    )
    accepted = ReferralAccepted(known.handle, offer.referral_id, offer.desk)
    return Decision(taken, (moved, accepted, *events, *void))


def reject(
    it: Referral | None, *, referral_id: str, reason: str, now: datetime
) -> Decision[Referral]:
    """Does not take a case up. One that another desk offered stays with that desk."""
    known = referral.expect_known(it)
    offer = _offered(known, referral_id, "reject it")
    if offer is None:
        return referral.reject(known, reason=reason, now=now)
    stays = _settled(known, offer, TransferState.REJECTED, now, rejection=reason)
    return Decision(stays, (TransferRejected(known.handle, referral_id, offer.desk, reason),))


def offered(it: Referral, offer: Transfer) -> Referral:
    """The case as the receiving desk sees it before it has it: without what the sender did."""
    return replace(
        it,
        referral_id=offer.referral_id,
        based_on=offer.based_on,
        desk=offer.desk,
        state=_S(offer.state),
        reason=offer.rejection,
        received_at=offer.requested_at,
        steps=(),
        open_questions=(),
        deadlines=(),
        unsealings=(),
        transfers=(offer,),
        recused=(),
    )


def seen_as(it: Referral, referral_id: str) -> Referral:
    """The case as the desk of this referral sees it: held, or only offered."""
    for one in it.transfers:
        if one.referral_id == referral_id != it.referral_id:
            return offered(it, one)
    return it


def gone(it: Referral) -> Referral:
    """The sender's referral as it stays on record once another desk has the case."""
    over = tuple(one for one in it.deadlines if not one.open)
    return replace(
        it,
        state=_S.CANCELLED,
        reason=TRANSFERRED,
        open_questions=(),
        deadlines=over,
        unsealings=(),
        transfers=(),
    )


def _offered(it: Referral, referral_id: str, wanted: str) -> Transfer | None:
    """The offer with this id; None where the id is the held referral's own.

    Raises Refusal (WRONG_STATE) where it waits no more, (NOT_FOUND) where there is none.
    """
    if referral_id == it.referral_id:
        return None
    if it.offer and it.offer.referral_id == referral_id:
        return it.offer
    raise _wrong(_state_of(it, referral_id), wanted)


def _state_of(it: Referral, referral_id: str) -> ReferralState:
    for one in it.transfers:
        if one.based_on == referral_id and one.state == TransferState.ACCEPTED:
            return _S.CANCELLED
    for one in it.transfers:
        if one.referral_id == referral_id:
            return _S(one.state)
    raise not_found("referral")


def _wrong(state: ReferralState, wanted: str, allowed: tuple[str, ...] = ()) -> Refusal:
    return wrong_state("the referral", state, wanted, allowed)


def _settled(
    it: Referral, offer: Transfer, state: TransferState, now: datetime, **changes: Any
) -> Referral:
    settled = replace(offer, state=state, settled_at=now, **changes)
    return replace(it, transfers=tuple(settled if one is offer else one for one in it.transfers))
