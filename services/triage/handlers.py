"""One command or one event, one transaction."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from google.protobuf.message import Message

from harbourlight import routing
from harbourlight.triage.v1 import events_pb2, triage_pb2
from services.triage.domain import protection, record, referral, transfer
from services.triage.domain.events import Condition
from services.triage.domain.model import Facts, Referral
from services.triage.queue import sees
from services.triage.store import cases
from services.triage.store import referrals as store
from shared import translate
from shared.callers import Caller
from shared.cloudevents import Incoming
from shared.commands import Call, Commands, Emitter
from shared.database import Database
from shared.decisions import Decision, NotYet
from shared.outbox import Outgoing
from shared.receipts import Receipts

EMITTER = Emitter(events_pb2)

_REFERRAL_IDS = UUID("6f3e0d5c-5a0f-5f0a-9d2b-0c6f0f8f6b11")
"""Namespace of the ids that follow from the event which a referral was made of."""

_SWEEP = 500

Decide = Callable[[Referral | None, datetime], Decision[Referral]]


def committed(event: Outgoing) -> bool:
    """Every step of an unsealing is an entry of the ledger; this one nobody lodges: time does."""
    return isinstance(event.event, events_pb2.UnsealingExpired)


def _id(request: Any) -> str:
    return str(UUID(request.referral_id))


def sees_referral(caller: Caller, state: Referral, referral_id: str) -> bool:
    """Whether this officer has a part in the case, at the desk of this referral of it."""
    desk = transfer.desk_of(state, referral_id)
    return desk is not None and sees(caller, state, desk)


def view(state: Referral, revision: int) -> triage_pb2.Referral:
    """The referral as officers see it."""
    message = translate.to_message(state, triage_pb2.Referral)
    message.etag = str(revision)
    return message


class Handlers:
    """The service's commands."""

    def __init__(self, database: Database, receipts: Receipts) -> None:
        self._database = database
        self._commands = Commands(database, cases.REFERRALS, EMITTER, receipts, committed)

    async def accept(self, call: Call, request: triage_pb2.AcceptReferralRequest) -> bytes:
        """Takes the case up."""
        return await self._run(
            call,
            request,
            triage_pb2.AcceptReferralResponse,
            lambda state, now: transfer.accept(state, referral_id=_id(request), now=now),
            held=False,
        )

    async def reject(self, call: Call, request: triage_pb2.RejectReferralRequest) -> bytes:
        """Does not take the case up."""
        reason = translate.enum_of(request, "reason")
        return await self._run(
            call,
            request,
            triage_pb2.RejectReferralResponse,
            lambda state, now: transfer.reject(
                state, referral_id=_id(request), reason=reason, now=now
            ),
            held=False,
        )

    async def transfer(self, call: Call, request: triage_pb2.TransferReferralRequest) -> bytes:
        """Offers the case to another desk."""
        reason, referral_id = translate.enum_of(request, "reason"), str(uuid4())
        return await self._run(
            call,
            request,
            triage_pb2.TransferReferralResponse,
            lambda state, now: transfer.request(
                state,
                referral_id=referral_id,
                desk=request.desk,
                reason=reason,
                desks=routing.current().desks,
                now=now,
            ),
        )

    async def recuse(self, call: Call, request: triage_pb2.RecuseOfficerRequest) -> bytes:
        """Takes an officer off the case."""
        caller = call.caller
        officer = caller.colleague(request.officer) if request.officer else caller

        def decide(state: Referral | None, _: datetime) -> Decision[Referral]:
            known = referral.expect_known(state)
            return record.recuse(known, officer=officer.pseudonym(known.handle))

        return await self._run(
            call, request, lambda **_: triage_pb2.RecuseOfficerResponse(), decide
        )

    async def release_facts(self, call: Call, request: triage_pb2.ReleaseFactsRequest) -> bytes:
        """Puts a fact of the sealed report on record."""
        return await self._run(
            call,
            request,
            triage_pb2.ReleaseFactsResponse,
            lambda state, _: record.release(
                state,
                facility_id=request.facility_id,
                people_affected=request.people_affected,
            ),
            signer=request.signer,
        )

    async def request_information(
        self, call: Call, request: triage_pb2.RequestInformationRequest
    ) -> bytes:
        """Asks the company for more."""
        topics = translate.enums_of(request, "topics")
        return await self._run(
            call,
            request,
            triage_pb2.RequestInformationResponse,
            lambda state, _: referral.request_information(state, topics=topics),
        )

    async def record_progress(self, call: Call, request: triage_pb2.RecordProgressRequest) -> bytes:
        """Starts, holds, resumes or fails the work, or records a step."""
        target, reason, step = (
            translate.enum_of(request, field) for field in ("state", "reason", "step")
        )
        return await self._run(
            call,
            request,
            triage_pb2.RecordProgressResponse,
            lambda state, now: referral.record_progress(
                state, state=target, reason=reason, step=step, now=now
            ),
        )

    async def complete(self, call: Call, request: triage_pb2.CompleteReferralRequest) -> bytes:
        """Closes the referral with what was found."""
        outcome = translate.enum_of(request, "outcome")
        return await self._run(
            call,
            request,
            triage_pb2.CompleteReferralResponse,
            lambda state, now: referral.complete(state, outcome=outcome, now=now),
        )

    async def decide_protection(
        self, call: Call, request: triage_pb2.DecideProtectionRequest
    ) -> bytes:
        """Moves the safe harbour of the case."""
        decision = translate.enum_of(request, "decision")
        reasons = translate.enums_of(request, "reasons")
        met = translate.enums_of(request, "conditions_met")
        conditions = tuple(
            Condition(translate.enum_of(one, "code"), one.due_date) for one in request.conditions
        )
        return await self._run(
            call,
            request,
            triage_pb2.DecideProtectionResponse,
            lambda state, now: protection.decide(
                state,
                decision=decision,
                reasons=reasons,
                conditions=conditions,
                conditions_met=met,
                now=now,
            ),
        )

    async def _run(
        self,
        call: Call,
        request: Any,
        response: Any,
        decide: Decide,
        *,
        held: bool = True,
        signer: bytes | None = None,
    ) -> bytes:
        """`held`: for the referral alone by which its desk has the case, not one on offer."""
        referral_id = _id(request)

        def decide_on(state: Referral | None, now: datetime) -> Decision[Referral]:
            return decide(transfer.held(state, referral_id) if held else state, now)

        return await self._commands.run(
            call,
            request,
            find=(cases.BY_REFERRAL_ID, UUID(referral_id)),
            visible=lambda state: sees_referral(call.caller, state, referral_id),
            decide=decide_on,
            reply=lambda state, revision: response(
                referral=view(transfer.seen_as(state, referral_id), revision)
            ),
            signer=signer,
        )

    async def sweep(self) -> None:
        """Deadlines and unsealings whose time has come, each referral in its own transaction."""
        for handle in await store.due(self._database, datetime.now(UTC), _SWEEP):
            await self._commands.pass_time(
                handle, lambda state, now: referral.pass_time(state, now=now)
            )


def report_filed(state: Referral | None, incoming: Incoming, now: datetime) -> Decision[Referral]:
    """Brings the case to its desk."""
    event: Any = incoming.event
    return referral.request(
        state,
        handle=incoming.subject,
        referral_id=str(uuid5(_REFERRAL_IDS, incoming.id)),
        desk=event.desk,
        facts=_facts(event.facts),
        ilo_indicators=translate.enums_of(event, "ilo_indicators"),
        came_forward_at=translate.moment(event.came_forward_at),
        received_at=incoming.time,
    )


def report_amended(state: Referral | None, incoming: Incoming, now: datetime) -> Decision[Referral]:
    """Replaces the facts."""
    event: Any = incoming.event
    return referral.amend(
        state,
        facts=_facts(event.facts),
        ilo_indicators=translate.enums_of(event, "ilo_indicators"),
        amendments=event.amendments,
    )


def report_withdrawn(
    state: Referral | None, incoming: Incoming, now: datetime
) -> Decision[Referral] | None:
    """Cancels the referral, as of the withdrawal."""
    return referral.withdraw(state, now=incoming.time)


def case_erased(
    state: Referral | None, incoming: Incoming, now: datetime
) -> Decision[Referral] | None:
    """Cancels the referral: what was sealed can be opened by nobody any more."""
    return referral.erase(state, now=incoming.time)


def remedy_closed(state: Referral | None, incoming: Incoming, now: datetime) -> Decision[Referral]:
    """Frees the referral to be completed with a finding."""
    return referral.note_remedy(_known(state), closed=True)


def remedy_reopened(
    state: Referral | None, incoming: Incoming, now: datetime
) -> Decision[Referral]:
    """Takes that back."""
    return referral.note_remedy(_known(state), closed=False)


def _known(state: Referral | None) -> Referral:
    if state is None:
        raise NotYet("the referral is not known here")
    return state


def _facts(message: Message) -> Facts:
    return translate.to_dataclass(message, Facts)
