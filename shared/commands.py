"""Runs one command: a transaction that locks, decides, saves, records the answer and emits.

A repeated command (same caller, method and request_id) gets the recorded answer, also after a
restart; another body under the same id is refused. The record is looked for only when something
is in the way, so a first command pays one insert for it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, Generic, TypeVar
from uuid import UUID

from google.protobuf.message import Message

from shared import outbox, translate
from shared.callers import Caller
from shared.database import Connection, Database
from shared.decisions import Decision
from shared.errors import Kind, Refusal, stale
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


class _AnsweredBefore(Exception):
    """The request_id is recorded already."""


class Commands(Generic[S]):
    """The commands of one aggregate."""

    def __init__(self, database: Database, records: Records[S], emitter: Emitter) -> None:
        self._database = database
        self._records = records
        self._emitter = emitter

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
    ) -> bytes:
        """The serialized response.

        `find` is an SQL condition on $1 and its value, for the row to lock; `subject` names the
        row to make where there is none. `decide` gets None where there is no row, or none that is
        `visible` to the caller. `reply` gets the new state and its revision, which is the etag.
        Raises Refusal, which changes nothing.
        """

        async def work(connection: Connection) -> bytes:
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
            response = reply(decision.state, revision).SerializeToString()
            await record_answer(connection, call, request.request_id, response)
            await outbox.append(
                connection,
                [self._emitter.outgoing(event, key, now) for event in decision.events],
            )
            return response

        return await answered_once(self._database, call, request.request_id, work)

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
            await outbox.append(
                connection,
                [self._emitter.outgoing(event, subject, now) for event in decision.events],
            )

        await self._database.transaction(work)


async def record_answer(
    connection: Connection, call: Call, request_id: str, response: bytes
) -> None:
    """Keeps the answer of a command, in its transaction."""
    done = await connection.execute(
        "INSERT INTO answer (caller, method, request_id, request_hash, response)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        call.caller.name,
        call.method,
        UUID(request_id),
        call.request_hash,
        response,
    )
    if done != "INSERT 0 1":
        raise _AnsweredBefore


async def answered_once(
    database: Database,
    call: Call,
    request_id: str,
    work: Callable[[Connection], Awaitable[bytes]],
) -> bytes:
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
        "SELECT request_hash, response FROM answer"
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
    return bytes(row["response"])
