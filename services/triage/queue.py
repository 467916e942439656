"""The queue as officers read it: pages, single referrals, and what changes."""

from collections.abc import AsyncGenerator
from datetime import datetime

from harbourlight.triage.v1 import triage_pb2
from services.triage.domain.model import Referral
from services.triage.domain.queue import Officer, Order, Position, QueueFilter
from services.triage.store import referrals as store
from shared import translate
from shared.callers import EVERYTHING, Caller
from shared.commands import Call
from shared.database import Database
from shared.errors import not_found
from shared.signed_tokens import SignedTokens

_PAGE, _MOST = 50, 500
_WATCH_PAGE = 200


def _shown(row: store.Row) -> triage_pb2.Referral:
    """The stored message is the one that officers see, so a page of them is not translated."""
    message = triage_pb2.Referral.FromString(row.body)
    message.etag = str(row.revision)
    return message


def officer_of(caller: Caller) -> Officer:
    """What the caller's token says about where it is competent."""

    def places(claimed: frozenset[str]) -> frozenset[str] | None:
        return None if EVERYTHING in claimed else claimed

    return Officer(places(caller.desks), places(caller.jurisdictions))


def sees(caller: Caller, it: triage_pb2.Referral | Referral, desk: str | None = None) -> bool:
    """Whether this officer has a part in the case, at its desk or at another that knows of it."""
    here = officer_of(caller).sees(desk or it.desk, it.facts.country)
    return here and caller.pseudonym(it.handle) not in it.recused


class Queue:
    """The service's queries."""

    def __init__(self, database: Database, tokens: SignedTokens) -> None:
        self._database = database
        self._tokens = tokens

    async def get(self, call: Call, referral_id: str) -> triage_pb2.Referral:
        """The referral as it is now. Raises Refusal (NOT_FOUND)."""
        row = await store.read_referral(self._database, referral_id)
        shown = _shown(row) if row else None
        if shown is None or not sees(call.caller, shown):
            raise not_found("referral")
        return shown

    async def page(
        self, call: Call, request: triage_pb2.ListQueueRequest
    ) -> triage_pb2.ListQueueResponse:
        """A page of the queue. Raises Refusal (INVALID) for a page token of another query."""
        size = min(request.page_size or _PAGE, _MOST)
        query = request.filter.SerializeToString(deterministic=True)
        scope = repr((call.method, call.caller.name, request.order, query)).encode()
        after = None
        if request.page_token:
            priority, received_at, subject = self._tokens.decode(
                scope, request.page_token, "page_token"
            )
            after = Position(priority, datetime.fromisoformat(received_at), subject)
        selection = officer_of(call.caller).select(_filter(request.filter))
        order = Order(translate.enum_of(request, "order"))
        rows = await store.read_page(self._database, selection, order, after, size + 1)
        page = [_shown(row) for row in rows[:size]]
        response = triage_pb2.ListQueueResponse(
            referrals=[shown for shown in page if sees(call.caller, shown)]
        )
        if len(rows) > size:
            last = _position(rows[size - 1], page[-1])
            response.next_page_token = self._tokens.encode(
                scope, [last.priority, last.received_at.isoformat(), last.subject]
            )
        return response

    async def watch(
        self, call: Call, wanted: triage_pb2.QueueFilter
    ) -> AsyncGenerator[list[triage_pb2.Referral] | None, None]:
        """The matching referrals, then what changes of them: None wherever nothing is new now."""
        selection = officer_of(call.caller).select(_filter(wanted))
        since = await store.horizon(self._database)
        told: dict[str, str] = {}
        after = None
        while rows := await store.read_page(
            self._database, selection, Order.PRIORITY, after, _WATCH_PAGE
        ):
            page = [_shown(row) for row in rows]
            told |= _still_read(rows, page, since)
            after = _position(rows[-1], page[-1])
            if shown := [one for one in page if sees(call.caller, one)]:
                yield shown
        while True:
            # Taken before reading, so that what is not visible yet is read the next time.
            horizon = await store.horizon(self._database)
            place, subject, before, told = since, "", told, {}
            while rows := await store.read_changed(
                self._database, selection, place, subject, _WATCH_PAGE
            ):
                page = [_shown(row) for row in rows]
                told |= _still_read(rows, page, horizon)
                place, subject = rows[-1].changed, rows[-1].subject
                if new := [
                    one
                    for one in page
                    if before.get(one.referral_id) != one.etag and sees(call.caller, one)
                ]:
                    yield new
            since = horizon
            yield None


def _filter(wanted: triage_pb2.QueueFilter) -> QueueFilter:
    return translate.to_dataclass(wanted, QueueFilter)


def _position(row: store.Row, shown: triage_pb2.Referral) -> Position:
    received_at = translate.moment(shown.received_at)
    return Position(translate.enum_of(shown, "priority"), received_at, row.subject)


def _still_read(
    rows: list[store.Row], page: list[triage_pb2.Referral], since: int
) -> dict[str, str]:
    """Id -> etag of what a reading of the changes since then will find again."""
    return {
        one.referral_id: one.etag
        for row, one in zip(rows, page, strict=True)
        if row.changed >= since
    }
