"""Unsealing: one command, one transaction; and what desks and custodians read of it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from harbourlight import unsealing as brief_of
from harbourlight.options.v1 import options_pb2 as options
from harbourlight.triage.v1 import unsealing_pb2 as pb
from services.triage.domain import transfer, unsealing, unsealings
from services.triage.domain.model import Referral
from services.triage.domain.queue import QueueFilter
from services.triage.handlers import EMITTER, sees_referral
from services.triage.queue import officer_of
from services.triage.store import cases
from services.triage.store import unsealings as store
from shared import translate
from shared.callers import Caller
from shared.commands import Call, Commands
from shared.database import Connection, Database
from shared.decisions import Decision
from shared.erasure import KeyStore
from shared.errors import Violation, invalid, not_found
from shared.receipts import Receipt, Receipts
from shared.signed_tokens import SignedTokens

_PAGE, _MOST = 50, 200

Write = Callable[[Connection, Referral, Receipt | None], Awaitable[None]]


class Unsealings:
    """The commands and queries of UnsealingService."""

    def __init__(self, database: Database, tokens: SignedTokens, keys: KeyStore) -> None:
        self._database = database
        self._tokens = tokens
        self._keys = keys
        self._commands = Commands(database, cases.REFERRALS, EMITTER, Receipts(keys))

    async def request(self, call: Call, request: pb.RequestUnsealingRequest) -> bytes:
        """A desk asks. Raises Refusal (INVALID) where the brief is not its signer's."""
        brief, unsealing_id = request.brief, str(uuid4())
        referral_id = str(UUID(request.referral_id))
        legal_basis = translate.enum_of(brief, "legal_basis")
        if faults := _faults(request):
            raise invalid(faults)

        def decide(state: Referral | None, now: datetime) -> Decision[Referral]:
            if state and brief.handle != state.handle:
                fault = f"is not the referral's case, {state.handle}: sign again"
                raise invalid([Violation("brief.handle", fault)])
            return unsealing.request(
                transfer.held(state, referral_id),
                unsealing_id=unsealing_id,
                number=brief.number,
                legal_basis=legal_basis,
                custodian=brief.custodian,
                alternate=brief.alternate,
                now=now,
            )

        async def keep(connection: Connection, state: Referral, receipt: Receipt | None) -> None:
            key = await self._keys.of(connection, state.handle)
            await store.put_brief(connection, key, unsealing_id, brief, receipt)

        return await self._commands.run(
            call,
            request,
            find=(cases.BY_REFERRAL_ID, UUID(referral_id)),
            visible=lambda state: sees_referral(call.caller, state, referral_id),
            decide=decide,
            reply=lambda state, _: pb.RequestUnsealingResponse(
                unsealing=_shown(state, unsealing_id)
            ),
            signer=brief.signer,
            also=keep,
        )

    async def grant(self, call: Call, request: pb.GrantUnsealingRequest) -> bytes:
        """A custodian releases its half."""
        unsealing_id, by = str(UUID(request.unsealing_id)), call.caller.organisation
        row = await self._find(call.caller, unsealing_id)
        wanted = brief_of.key_id(row.record.brief.one_time_key)
        if request.half.key_id != wanted:
            fault = f"is not {wanted}, the request's one-time key: seal the half to that one"
            raise invalid([Violation("half.key_id", fault)])

        async def keep(connection: Connection, state: Referral, receipt: Receipt | None) -> None:
            key = await self._keys.of(connection, state.handle)
            await store.put(connection, key, unsealing_id, "half", request.half)

        return await self._answer(
            call,
            request,
            unsealing_id,
            lambda state, now: unsealing.grant(
                state, unsealing_id=unsealing_id, custodian=by, now=now
            ),
            pb.GrantUnsealingResponse,
            keep,
        )

    async def refuse(self, call: Call, request: pb.RefuseUnsealingRequest) -> bytes:
        """A custodian keeps its half."""
        unsealing_id, by = str(UUID(request.unsealing_id)), call.caller.organisation
        reason = translate.enum_of(request, "reason")

        async def keep(connection: Connection, state: Referral, receipt: Receipt | None) -> None:
            if request.HasField("remark"):
                key = await self._keys.of(connection, state.handle)
                await store.put(connection, key, unsealing_id, "remark", request.remark)

        return await self._answer(
            call,
            request,
            unsealing_id,
            lambda state, now: unsealing.refuse(
                state, unsealing_id=unsealing_id, custodian=by, reason=reason, now=now
            ),
            pb.RefuseUnsealingResponse,
            keep,
        )

    async def _answer(
        self,
        call: Call,
        request: Any,
        unsealing_id: str,
        decide: Callable[[Referral, datetime], Decision[Referral]],
        response: Callable[..., Any],
        keep: Write,
    ) -> bytes:
        by = call.caller.organisation

        def decide_known(state: Referral | None, now: datetime) -> Decision[Referral]:
            if state is None:
                raise not_found("unsealing")
            return decide(state, now)

        def visible(state: Referral) -> bool:
            asked = unsealings.find(state.unsealings, unsealing_id)
            return by in (asked.custodian, asked.alternate)

        return await self._commands.run(
            call,
            request,
            find=(store.REFERRAL_OF, UUID(unsealing_id)),
            visible=visible,
            decide=decide_known,
            reply=lambda state, _: response(unsealing=_shown(state, unsealing_id)),
            signer=request.signer,
            also=keep,
        )

    async def get(self, call: Call, unsealing_id: str) -> pb.UnsealingRecord:
        """One in full. Raises Refusal (NOT_FOUND), also where it is not the caller's."""
        return (await self._find(call.caller, unsealing_id)).record

    async def _find(self, caller: Caller, unsealing_id: str) -> store.Row:
        row = await self._database.reading(
            lambda connection: store.read(connection, self._keys, unsealing_id)
        )
        if row is None or not _sees(caller, row):
            raise not_found("unsealing")
        return row

    async def list_waiting(
        self, call: Call, request: pb.ListUnsealingsRequest
    ) -> pb.ListUnsealingsResponse:
        """A page of what the custodian may answer. Raises Refusal (INVALID) for its token."""
        by = call.caller.organisation
        scope = "\0".join((call.method, call.caller.name)).encode()
        after, size = self._place(scope, request, store.FIRST)
        rows = await store.waiting_for(self._database, by, after, size + 1)
        records, token = self._page(scope, rows, size)
        return pb.ListUnsealingsResponse(records=records, next_page_token=token)

    async def list_of_desks(
        self, call: Call, request: pb.ListMyUnsealingsRequest
    ) -> pb.ListMyUnsealingsResponse:
        """A page of what the officer's desks asked for. Raises Refusal (INVALID) for its token."""
        selection = officer_of(call.caller).select(QueueFilter(handle=request.handle))
        scope = "\0".join((call.method, call.caller.name, request.handle)).encode()
        before, size = self._place(scope, request, store.LAST)
        rows = await store.of_desks(self._database, selection, before, size + 1)
        records, token = self._page(scope, rows, size, lambda row: _sees(call.caller, row))
        return pb.ListMyUnsealingsResponse(records=records, next_page_token=token)

    def _place(self, scope: bytes, request: Any, start: store.Place) -> tuple[store.Place, int]:
        size = min(request.page_size or _PAGE, _MOST)
        if not request.page_token:
            return start, size
        moment, number = self._tokens.decode(scope, request.page_token, "page_token")
        return (datetime.fromisoformat(moment), UUID(number)), size

    def _page(
        self,
        scope: bytes,
        rows: Sequence[store.Row],
        size: int,
        shown: Callable[[store.Row], bool] = lambda _: True,
    ) -> tuple[list[pb.UnsealingRecord], str]:
        token = ""
        if len(rows) > size:
            moment, number = rows[size - 1].place
            token = self._tokens.encode(scope, [moment.isoformat(), str(number)])
        return [row.record for row in rows[:size] if shown(row)], token


def _faults(request: pb.RequestUnsealingRequest) -> list[Violation]:
    if str(UUID(request.brief.referral_id)) != str(UUID(request.referral_id)):
        return [Violation("brief.referral_id", "is another referral than the request's")]
    try:
        brief_of.verify(request.brief)
    except brief_of.BadBrief as error:
        return [Violation("brief.signature", str(error))]
    if request.receipt_nonce != brief_of.receipt_nonce(request.brief):
        return [Violation("receipt_nonce", "does not follow from the brief's signature")]
    return []


def _sees(caller: Caller, row: store.Row) -> bool:
    if caller.role == options.ROLE_CUSTODIAN:
        return caller.organisation in row.custodians
    has_part = caller.pseudonym(row.handle) not in row.recused
    return has_part and officer_of(caller).sees(row.desk, row.country)


def _shown(state: Referral, unsealing_id: str) -> pb.Unsealing:
    found = unsealings.find(state.unsealings, unsealing_id)
    return translate.to_message(found, pb.Unsealing)
