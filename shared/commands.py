"""Runs one command: a transaction that locks, decides, saves, records the answer and emits.

A repeated command (same caller, method and request_id) gets the recorded answer, also after a
restart; another body under the same id is refused. The record is looked for only when something
is in the way, so a first command pays one insert for it.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, Generic, TypeVar
from uuid import UUID

import asyncpg
from google.protobuf.message import Message

from harbourlight.proofs.challenges import Opening
from shared import outbox, translate
from shared.callers import Caller
from shared.database import Connection, Database
from shared.decisions import Decision
from shared.errors import Kind, Refusal, stale
from shared.receipts import COLUMNS, Lodged, Receipt, Receipts, asked
from shared.records import Records

S = TypeVar("S")


@dataclass(frozen=True)
class Call:
    """One authenticated call."""

    caller: Caller
    method: str
    request_hash: bytes
    """SHA-256 of the exact request bytes."""
    stopping: Callable[[], bool] = lambda: False
    """Whether the server is about to stop; watches end then."""


class Emitter:
    """Turns a domain's events into the contract's, by their names."""

    def __init__(self, events: ModuleType) -> None:
        self._module = events

    def outgoing(
        self, event: Any, subject: str, now: datetime, cause: Any | None = None
    ) -> outbox.Outgoing:
        """The event on its way out; `cause` is the incoming event that it follows from."""
        message = getattr(self._module, type(event).__name__)
        return outbox.Outgoing(
            translate.to_message(event, message),
            subject,
            now,
            causation_id=cause.id if cause else None,
            traceparent=cause.traceparent if cause else None,
        )


@dataclass(frozen=True)
class Answer:
    """What a command is answered, as it is recorded."""

    response: bytes
    """Serialized, without the receipt."""
    receipt: Receipt | None = None


class _AnsweredBefore(Exception):
    """The request_id is recorded already."""


class Commands(Generic[S]):
    """The commands of one aggregate."""

    def __init__(
        self,
        database: Database,
        records: Records[S],
        emitter: Emitter,
        receipts: Receipts | None = None,
        committed: Callable[[outbox.Outgoing], bool] = lambda _: False,
    ) -> None:
        """`receipts` are needed where requests may ask for one, or events are to be `committed`
        to the ledger although nobody asked for a receipt of them."""
        self._database = database
        self._records = records
        self._emitter = emitter
        self._receipts = receipts
        self._committed = committed
        # The row comes first: who makes it holds the subject's lock, and nothing else is written
        # by who does not.
        self._making = outbox.beside(
            f"made AS ({records.making(_FIRST_OF_STATE)}),"
            f" recorded AS ({_ANSWER} FROM made RETURNING receipt), {_RECEIPT}",
            "SELECT count(*) FROM made",
            condition="WHERE EXISTS (SELECT FROM made)",
        )

    async def run(
        self,
        call: Call,
        request: Any,
        *,
        find: tuple[str, Any],
        decide: Callable[[S | None, datetime], Decision[S]],
        reply: Callable[[S, int], Message],
        visible: Callable[[S], bool] = lambda _: True,
        subject: str | None = None,
        signer: bytes | None = None,
        also: Callable[[Connection, S, Receipt | None], Awaitable[None]] | None = None,
    ) -> bytes:
        """The serialized response, with a receipt where one was asked for and an event emitted.

        `find` is an SQL condition on $1 and its value, for the row to lock; `subject` names the
        row to make where there is none. `decide` gets None where there is no row, or none that is
        `visible` to the caller. `reply` gets the new state and its revision, which is the etag.
        `signer` is the raw public key that the receipt is bound to: the caller's own, or one that
        the request names.
        `also` gets the new state and the receipt, and writes what else belongs to the command, in
        its transaction.
        Raises Refusal, which changes nothing.
        """

        opening = asked(request, call.caller.key if signer is None else signer, call.request_hash)

        async def work(connection: Connection) -> Answer:
            condition, value = find
            found = await self._records.lock(connection, value, condition)
            key, stored = found if found and visible(found[1].state) else (subject, None)
            etag = getattr(request, "etag", "")
            if etag and stored and etag != str(stored.revision):
                raise stale(etag, str(stored.revision))
            now = datetime.now(UTC)
            decision = decide(stored.state if stored else None, now)
            if key is None:
                raise RuntimeError("a command made a state although it names no subject")
            revision = stored.revision if stored else 0
            if decision.events:
                await self._records.save(connection, [(key, decision.state, revision)])
                revision += 1
            events = [self._emitter.outgoing(event, key, now) for event in decision.events]
            lodged = None
            if opening and events:
                lodged, events = await self._given.lodge(
                    connection if stored else None, events, opening
                )
            events = await self._commit(connection, events)
            if also is not None and events:
                await also(connection, decision.state, lodged.receipt if lodged else None)
            response = reply(decision.state, revision).SerializeToString()
            await record_answer(connection, call, request.request_id, response, lodged, events)
            return Answer(response, lodged.receipt if lodged else None)

        answer = None
        if subject is not None and also is None:
            answer = await self._make(call, request, subject, decide, reply, opening)
        if answer is None:
            database = self._database
            answer = await answered_once(database, call, request.request_id, work, self._receipts)
        if answer.receipt is None:
            return answer.response
        return self._given.added(call.method, answer.response, answer.receipt)

    async def _make(
        self,
        call: Call,
        request: Any,
        subject: str,
        decide: Callable[[S | None, datetime], Decision[S]],
        reply: Callable[[S, int], Message],
        opening: Opening | None,
    ) -> Answer | None:
        """Makes a state in one statement, as most first commands of a subject go.

        None, and nothing was written, where the subject has a state already or this is refused:
        then it is decided again under the row's lock.
        """
        now = datetime.now(UTC)
        try:
            decision = decide(None, now)
        except Refusal:
            return None
        events = [self._emitter.outgoing(event, subject, now) for event in decision.events]
        # The receipt commits to the first event.
        if not events or any(self._committed(one) for one in events[1 if opening else 0 :]):
            return None
        lodged = None
        if opening:
            lodged, events = await self._given.lodge(None, events, opening)
        response = reply(decision.state, 1).SerializeToString()
        try:
            made = await outbox.append_beside(
                self._database,
                self._making,
                events,
                *_recorded(call, request.request_id, response, lodged),
                *self._records.row(subject, decision.state),
            )
        except asyncpg.UniqueViolationError:
            # Of the answer or the key: somebody was there before, whom the lock will tell.
            made = 0
        if made:
            return Answer(response, lodged.receipt if lodged else None)
        if lodged:
            await self._given.take_back(self._database, lodged)
        return None

    @property
    def _given(self) -> Receipts:
        assert self._receipts, "a request asks for a receipt, and this service gives none"
        return self._receipts

    async def pass_time(
        self, subject: str, decide: Callable[[S | None, datetime], Decision[S] | None]
    ) -> None:
        """Decides under lock what a state comes to by the clock alone; None changes nothing."""

        async def work(connection: Connection) -> None:
            found = await self._records.lock(connection, subject)
            now = datetime.now(UTC)
            decision = decide(found[1].state if found else None, now)
            if found is None or decision is None:
                return
            await self._records.save(connection, [(subject, decision.state, found[1].revision)])
            events = [self._emitter.outgoing(event, subject, now) for event in decision.events]
            await outbox.append(connection, await self._commit(connection, events))

        await self._database.transaction(work)

    async def _commit(
        self, connection: Connection, events: list[outbox.Outgoing]
    ) -> list[outbox.Outgoing]:
        if not any(map(self._committed, events)):
            return events
        return await self._given.lodge_due(connection, events, self._committed)


_RECEIPT = f"""
kept AS (
    INSERT INTO receipt ({COLUMNS})
    SELECT receipt, $21, $22, $23, $24 FROM recorded WHERE receipt IS NOT NULL
), given AS (
    INSERT INTO erasure_key (subject, key_id) SELECT $21, $25 FROM recorded
    WHERE $25::uuid IS NOT NULL
)"""
_ANSWER = """
INSERT INTO answer (caller, method, request_id, request_hash, response, receipt)
SELECT $15::text, $16::text, $17::uuid, $18::bytea, $19::bytea, $20::uuid"""
_RECORD = outbox.beside(
    f"recorded AS ({_ANSWER} ON CONFLICT DO NOTHING RETURNING receipt), {_RECEIPT}",
    "SELECT count(*) FROM recorded",
)
_LODGED = len(COLUMNS.split(",")) + 1
_FIRST_OF_STATE = outbox.FIRST_BESIDE + 5 + _LODGED


def _recorded(call: Call, request_id: str, response: bytes, lodged: Lodged | None) -> list[Any]:
    return [
        call.caller.name,
        call.method,
        UUID(request_id),
        call.request_hash,
        response,
        *((*lodged.columns, lodged.new_key) if lodged else (None,) * _LODGED),
    ]


async def record_answer(
    connection: Connection,
    call: Call,
    request_id: str,
    response: bytes,
    lodged: Lodged | None = None,
    events: Iterable[outbox.Outgoing] = (),
) -> None:
    """Keeps the answer of a command and its receipt, and appends its events, in one statement.

    Call it last, as `outbox.append`.
    """
    recorded = await outbox.append_beside(
        connection, _RECORD, events, *_recorded(call, request_id, response, lodged)
    )
    if not recorded:
        raise _AnsweredBefore


async def answered_once(
    database: Database,
    call: Call,
    request_id: str,
    work: Callable[[Connection], Awaitable[Answer]],
    receipts: Receipts | None = None,
) -> Answer:
    """The answer of `work`, or the recorded one where this command was answered before.

    Raises Refusal (REUSED_REQUEST_ID) where the id was used for another body.
    """
    refusal: Refusal | None = None
    try:
        return await database.transaction(work)
    except _AnsweredBefore:
        pass
    except Refusal as error:
        refusal = error
    row = await database.fetchrow(
        f"SELECT request_hash, response, {COLUMNS}"
        " FROM answer LEFT JOIN receipt ON receipt.event_id = answer.receipt"
        " WHERE caller = $1 AND request_id = $2 AND method = $3",
        call.caller.name,
        UUID(request_id),
        call.method,
    )
    if row is None:
        assert refusal is not None
        raise refusal
    if row["request_hash"] != call.request_hash:
        raise Refusal(
            Kind.REUSED_REQUEST_ID,
            f"request_id {request_id} was used for another request: choose a new one",
        )
    kept = await receipts.opened(database, [row]) if receipts and row["event_id"] else []
    return Answer(row["response"], kept[0] if kept else None)
