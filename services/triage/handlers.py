"""One command or one event, one transaction."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from google.protobuf.message import Message

from harbourlight.triage.v1 import events_pb2, triage_pb2
from services.triage.domain import protection, referral
from services.triage.domain.events import Condition
from services.triage.domain.model import Facts, Referral
from services.triage.queue import officer_of
from services.triage.store import referrals as store
from shared import translate
from shared.cloudevents import Incoming
from shared.commands import Call, Commands, Emitter
from shared.database import Database
from shared.decisions import Decision, NotYet

EMITTER = Emitter(events_pb2)

_REFERRAL_IDS = UUID("6f3e0d5c-5a0f-5f0a-9d2b-0c6f0f8f6b11")
"""Namespace of the ids that follow from the event which a referral was made of."""

_SWEEP = 500

Decide = Callable[[Referral | None, datetime], Decision[Referral]]


def view(state: Referral, revision: int) -> triage_pb2.Referral:
    """The referral as officers see it."""
    message = translate.to_message(state, triage_pb2.Referral)
    message.etag = str(revision)
    return message


class Handlers:
    """The service's commands."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._commands = Commands(database, store.REFERRALS, EMITTER)

    async def accept(self, call: Call, request: triage_pb2.AcceptReferralRequest) -> bytes:
        """Takes the case up."""
        return await self._run(
            call,
            request,
            triage_pb2.AcceptReferralResponse,
            lambda state, now: referral.accept(state, now=now),
        )

    async def reject(self, call: Call, request: triage_pb2.RejectReferralRequest) -> bytes:
        """Does not take the case up."""
        reason = translate.enum_of(request, "reason")
        return await self._run(
            call,
            request,
            triage_pb2.RejectReferralResponse,
            lambda state, now: referral.reject(state, reason=reason, now=now),
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

    async def _run(self, call: Call, request: Any, response: Any, decide: Decide) -> bytes:
        officer = officer_of(call.caller)
        return await self._commands.run(
            call,
            request,
            find=(store.BY_REFERRAL_ID, UUID(request.referral_id)),
            visible=lambda state: officer.sees(state.desk, state.facts.country),
            decide=decide,
            reply=lambda state, revision: response(referral=view(state, revision)),
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
