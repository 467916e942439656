"""One command or one event, one transaction."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from google.protobuf.message import Message

from harbourlight.options.v1 import options_pb2 as options
from harbourlight.remedy.v1 import events_pb2, remedy_pb2
from harbourlight.types.v1 import types_pb2
from services.remedy import store
from services.remedy.domain import rules
from services.remedy.domain.remedy import Item, ItemState, Remedy
from shared import translate
from shared.callers import EVERYTHING, Caller
from shared.cloudevents import Incoming
from shared.commands import Call, Commands, Emitter
from shared.database import Database
from shared.decisions import Decision, NotYet
from shared.errors import not_found
from shared.signed_tokens import SignedTokens

EMITTER = Emitter(events_pb2)

_PAGE, _LARGEST_PAGE = 50, 200
_FIRST = str(UUID(int=0))


def view(remedy: Remedy, revision: int) -> remedy_pb2.Remedy:
    """The remedy as its company and its desk see it."""
    message = translate.to_message(remedy, remedy_pb2.Remedy)
    message.MergeFrom(translate.to_message(remedy.standing, remedy_pb2.Remedy))
    message.etag = str(revision)
    return message


def item_view(item: Item) -> remedy_pb2.RemedyItem:
    """One item as those see it who may verify it."""
    return translate.to_message(item, remedy_pb2.RemedyItem)


def sees(caller: Caller, remedy: Remedy) -> bool:
    """Whether the remedy is the caller's own, or in an officer's scope."""
    if caller.role == options.ROLE_COMPANY:
        return caller.handle == remedy.handle
    return (
        caller.role == options.ROLE_AUTHORITY
        and not caller.desks.isdisjoint((remedy.desk, EVERYTHING))
        and not caller.jurisdictions.isdisjoint((remedy.country, EVERYTHING))
    )


def sees_item(caller: Caller, remedy: Remedy, item_id: str) -> bool:
    """Also what a named organisation may verify; an item is nothing to it before agreement."""
    if caller.role == options.ROLE_NGO:
        named = caller.organisation in remedy.verifiers
        return named and bool(remedy.item(item_id).agreed_on)
    return sees(caller, remedy)


def _kind(caller: Caller) -> str:
    return options.Role.Name(caller.role).removeprefix("ROLE_")


class Handlers:
    """The service's commands and queries."""

    def __init__(self, database: Database, tokens: SignedTokens) -> None:
        self._database = database
        self._tokens = tokens
        self._commands = Commands(database, store.REMEDIES, EMITTER)

    async def propose_plan(self, call: Call, request: remedy_pb2.ProposePlanRequest) -> bytes:
        """Puts new items in place of those still planned."""
        items = [
            replace(translate.to_dataclass(one, Item), item_id=str(uuid4()))
            for one in request.items
        ]
        return await self._on_remedy(
            call,
            request,
            lambda remedy, now: rules.propose_plan(remedy, items=items, today=now.date()),
            remedy_pb2.ProposePlanResponse,
        )

    async def agree_plan(self, call: Call, request: remedy_pb2.AgreePlanRequest) -> bytes:
        """Agrees to every planned item."""
        verifiers = tuple(request.verifiers)
        return await self._on_remedy(
            call,
            request,
            lambda remedy, now: rules.agree_plan(remedy, verifiers=verifiers, today=now.date()),
            remedy_pb2.AgreePlanResponse,
        )

    async def record_progress(self, call: Call, request: remedy_pb2.RecordProgressRequest) -> bytes:
        """Takes an item a step further."""
        state = translate.enum_of(request, "state")
        return await self._on_remedy(
            call,
            request,
            lambda remedy, _: rules.record_progress(
                remedy, item_id=str(UUID(request.item_id)), state=state
            ),
            remedy_pb2.RecordProgressResponse,
        )

    async def verify_item(self, call: Call, request: remedy_pb2.VerifyItemRequest) -> bytes:
        """Confirms an item."""
        method, kind = translate.enum_of(request, "method"), _kind(call.caller)
        return await self._on_item(
            call,
            request,
            lambda remedy, item_id: rules.verify_item(
                remedy, item_id=item_id, method=method, verifier=kind
            ),
            remedy_pb2.VerifyItemResponse,
        )

    async def dispute_item(self, call: Call, request: remedy_pb2.DisputeItemRequest) -> bytes:
        """Contests an item."""
        reason, kind = translate.enum_of(request, "reason"), _kind(call.caller)
        return await self._on_item(
            call,
            request,
            lambda remedy, item_id: rules.dispute_item(
                remedy, item_id=item_id, reason=reason, disputant=kind
            ),
            remedy_pb2.DisputeItemResponse,
        )

    async def cancel_item(self, call: Call, request: remedy_pb2.CancelItemRequest) -> bytes:
        """Takes an item out of the plan."""
        reason = translate.enum_of(request, "reason")
        return await self._on_item(
            call,
            request,
            lambda remedy, item_id: rules.cancel_item(remedy, item_id=item_id, reason=reason),
            remedy_pb2.CancelItemResponse,
        )

    async def read(self, caller: Caller, handle: str) -> remedy_pb2.Remedy:
        """The remedy now. Raises Refusal (NOT_FOUND), also where it is not the caller's."""
        stored = await store.read_remedy(self._database, handle)
        if stored is None or not sees(caller, stored.state):
            raise not_found("remedy")
        return view(stored.state, stored.revision)

    async def list_assignments(
        self, call: Call, request: remedy_pb2.ListAssignmentsRequest
    ) -> remedy_pb2.ListAssignmentsResponse:
        """One page of the items that the caller's organisation may verify."""
        enum = types_pb2.RemedyItemState.DESCRIPTOR
        asked = {translate.enum_name(enum, state) for state in request.states} or {*ItemState}
        states = sorted(asked - {ItemState.PLANNED})
        size = min(request.page_size or _PAGE, _LARGEST_PAGE)
        scope = "\0".join((call.method, call.caller.name, *states)).encode()
        token = request.page_token
        after = self._tokens.decode(scope, token, "page_token")[0] if token else _FIRST
        organisation = call.caller.organisation
        found = await store.assignments(self._database, organisation, states, after, size + 1)
        response = remedy_pb2.ListAssignmentsResponse(
            assignments=[_assignment(remedy, item) for remedy, item in found[:size]]
        )
        if len(found) > size:
            response.next_page_token = self._tokens.encode(scope, [found[size - 1][1].item_id])
        return response

    async def _on_remedy(
        self,
        call: Call,
        request: Any,
        decide: Callable[[Remedy | None, datetime], Decision[Remedy]],
        response: Callable[..., Message],
    ) -> bytes:
        return await self._commands.run(
            call,
            request,
            find=(store.BY_HANDLE, request.handle),
            visible=lambda remedy: sees(call.caller, remedy),
            decide=decide,
            reply=lambda remedy, n: response(remedy=view(remedy, n)),
        )

    async def _on_item(
        self,
        call: Call,
        request: Any,
        decide: Callable[[Remedy, str], Decision[Remedy]],
        response: Callable[..., Message],
    ) -> bytes:
        item_id = str(UUID(request.item_id))

        def decide_known(remedy: Remedy | None, _: datetime) -> Decision[Remedy]:
            if remedy is None:
                raise not_found("remedy item")
            return decide(remedy, item_id)

        return await self._commands.run(
            call,
            request,
            find=(store.BY_ITEM, item_id),
            visible=lambda remedy: sees_item(call.caller, remedy, item_id),
            decide=decide_known,
            reply=lambda remedy, _: response(item=item_view(remedy.item(item_id))),
        )


def _assignment(remedy: Remedy, item: Item) -> remedy_pb2.Assignment:
    agreed_on = datetime.fromisoformat(item.agreed_on).replace(tzinfo=UTC)
    return remedy_pb2.Assignment(
        item=item_view(item),
        country=remedy.country,
        sector=remedy.sector,
        agreed_at=translate.timestamp(agreed_on),
    )


def _known(remedy: Remedy | None) -> Remedy:
    if remedy is None:
        raise NotYet("the report of the case is not known here")
    return remedy


def _report(incoming: Incoming) -> rules.Report:
    assert incoming.event is not None
    return translate.to_dataclass(incoming.event, rules.Report)


def report_filed(_: Remedy | None, incoming: Incoming, now: datetime) -> Decision[Remedy]:
    """Makes the remedy of the case."""
    return rules.file_report(incoming.subject, _report(incoming))


def report_amended(remedy: Remedy | None, incoming: Incoming, now: datetime) -> Decision[Remedy]:
    """Brings what was found up to date."""
    return rules.amend_report(_known(remedy), _report(incoming))


def referral_accepted(remedy: Remedy | None, incoming: Incoming, now: datetime) -> Decision[Remedy]:
    """Opens the remedy."""
    event: Any = incoming.event
    return rules.accept_referral(_known(remedy), referral_id=event.referral_id, desk=event.desk)


def referral_ended(remedy: Remedy | None, incoming: Incoming, now: datetime) -> Decision[Remedy]:
    """Leaves the company nothing more to do."""
    event: Any = incoming.event
    return rules.end_referral(_known(remedy), referral_id=event.referral_id)
