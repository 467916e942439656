"""Parked events of the services' inboxes: what waits, released or skipped by an operator.

Both changes exclude the consumers' own transactions, so that none of them writes back what it
read before.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from deploy import topology
from deploy.ops import facts
from deploy.ops.site import NotFound, Site, Unreachable, WrongState
from shared import cloudevents

_LOCK_TIMEOUT = "10s"


@dataclass(frozen=True)
class Parked:
    """An event that waits in a service's inbox."""

    id: str
    """service/stream/case/sequence: what the commands call it by."""
    service: str
    consumer: str
    stream: str
    subject: str
    sequence: int
    reason: str
    """poison, failed, not_yet, or gap where an earlier event of its line is missing."""
    attempts: int
    error: str
    type: str
    event_id: str
    parked_at: datetime
    retry_at: datetime
    mark: int
    """Sequence of the last event that its line has taken in."""
    behind: int
    """How many events of its line wait behind it."""

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Consumer, stream, subject and sequence."""
        return self.consumer, self.stream, self.subject, self.sequence

    @property
    def is_next(self) -> bool:
        """Whether its line waits for it and nothing else."""
        return self.sequence == self.mark + 1


_LIST = """
SELECT p.consumer, p.stream, p.subject, p.sequence, p.reason, p.attempts,
       coalesce(p.error, '') AS error, p.headers, p.parked_at, p.retry_at,
       coalesce(m.sequence, 0) AS mark,
       (SELECT count(*) FROM {schema}.inbox_parked b WHERE b.consumer = p.consumer
        AND b.stream = p.stream AND b.subject = p.subject AND b.sequence > p.sequence) AS behind
FROM {schema}.inbox_parked p
LEFT JOIN {schema}.inbox_mark m USING (consumer, stream, subject)
WHERE ($1::text IS NULL OR p.subject = $1)
ORDER BY p.parked_at, p.subject, p.stream, p.sequence
"""


def name_of(service: str, stream: str, subject: str, sequence: int) -> str:
    """What the commands call a parked event by."""
    return f"{service}/{stream}/{subject}/{sequence}"


async def listed(
    connection: asyncpg.Connection, service: str = "", *, subject: str | None = None
) -> list[Parked]:
    """Every parked event of a service, or of all."""
    found = []
    for schema in [service] if service else topology.DATABASES:
        for row in await connection.fetch(_LIST.format(schema=schema), subject):
            headers = facts.headers(cloudevents.from_json(row["headers"]))
            found.append(
                Parked(
                    id=name_of(schema, row["stream"], row["subject"], row["sequence"]),
                    service=schema,
                    consumer=row["consumer"],
                    stream=row["stream"],
                    subject=row["subject"],
                    sequence=row["sequence"],
                    reason=row["reason"],
                    attempts=row["attempts"],
                    error=row["error"],
                    type=headers.get("ce_type", ""),
                    event_id=headers.get("ce_id", ""),
                    parked_at=row["parked_at"],
                    retry_at=row["retry_at"],
                    mark=row["mark"],
                    behind=row["behind"],
                )
            )
    return found


def split(name: str) -> tuple[str, str, str, int]:
    """The parts of a parked event's name. Raises NotFound."""
    parts = name.split("/")
    if len(parts) != 4 or parts[0] not in topology.DATABASES or not parts[3].isdecimal():
        raise NotFound(
            f"{name!r} names no parked event: `dlq list` shows them, as service/stream/case/number"
        )
    return parts[0], parts[1], parts[2], int(parts[3])


async def find(connection: asyncpg.Connection, name: str) -> Parked:
    """The parked event of this name. Raises NotFound."""
    service, _, subject, _ = split(name)
    for one in await listed(connection, service, subject=subject):
        if one.id == name:
            return one
    raise NotFound(f"{name} is not parked (any more): `dlq list` shows what is")


async def shown(connection: asyncpg.Connection, name: str) -> dict[str, Any]:
    """Everything that may be told of a parked event."""
    one = await find(connection, name)
    row = await connection.fetchrow(
        f"SELECT topic, value, headers FROM {one.service}.inbox_parked WHERE consumer = $1"
        " AND stream = $2 AND subject = $3 AND sequence = $4",
        *one.key,
    )
    if row is None:
        raise NotFound(f"{name} is not parked any more")
    actions = await connection.fetch(
        f"SELECT at, operator, action, reason FROM {one.service}.operator_action"
        " WHERE consumer = $1 AND stream = $2 AND subject = $3 AND sequence = $4 ORDER BY id",
        *one.key,
    )
    headers = cloudevents.from_json(row["headers"])
    return {
        "parked": one,
        "headers": facts.headers(headers),
        "event": facts.coded(one.type, row["value"]),
        "actions": [dict(action) for action in actions],
    }


async def replay(site: Site, name: str, operator: str, reason: str) -> Parked:
    """Has a parked event tried again now, with its attempts counted anew.

    Raises NotFound, and WrongState where it is another event that its line waits for.
    """
    async with alone(site, split(name)[0]) as connection:
        one = _next(await find(connection, name))
        await connection.execute(
            f"UPDATE {one.service}.inbox_parked SET reason = 'failed', attempts = 0,"
            " retry_at = now() WHERE consumer = $1 AND stream = $2 AND subject = $3"
            " AND sequence = $4",
            *one.key,
        )
        await record(connection, one.service, operator, "replay", reason, line=one.key)
    return one


async def discard(site: Site, name: str, operator: str, reason: str) -> Parked:
    """Skips a parked event for good: its line goes on with the next.

    Raises NotFound, and WrongState where it is another event that its line waits for.
    """
    async with alone(site, split(name)[0]) as connection:
        one = _next(await find(connection, name))
        await connection.execute(
            f"DELETE FROM {one.service}.inbox_parked WHERE consumer = $1 AND stream = $2"
            " AND subject = $3 AND sequence = $4",
            *one.key,
        )
        await advance(connection, one.service, *one.key)
        await record(
            connection, one.service, operator, "discard", reason, line=one.key, detail=one.error
        )
    return one


async def advance(
    connection: asyncpg.Connection,
    service: str,
    consumer: str,
    stream: str,
    subject: str,
    sequence: int,
) -> None:
    """Counts an event as taken in, and has what waits for it tried now. See `alone`."""
    await connection.execute(
        f"INSERT INTO {service}.inbox_mark (consumer, stream, subject, sequence)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT (consumer, stream, subject)"
        " DO UPDATE SET sequence = excluded.sequence",
        *(consumer, stream, subject, sequence),
    )
    await connection.execute(
        f"UPDATE {service}.inbox_parked SET retry_at = now()"
        " WHERE consumer = $1 AND subject = $2 AND reason <> 'poison'",
        *(consumer, subject),
    )


async def record(
    connection: asyncpg.Connection,
    service: str,
    operator: str,
    action: str,
    reason: str,
    *,
    line: tuple[str, str, str, int] | None = None,
    letter: tuple[str, int] | None = None,
    detail: str = "",
) -> None:
    """Notes what an operator did, in the transaction that does it.

    `line` is the (consumer, stream, subject, sequence) that it was about, `letter` the dead
    letter's (topic, offset).
    """
    await connection.execute(
        f"INSERT INTO {service}.operator_action (operator, action, reason, consumer, stream,"
        " subject, sequence, topic, kafka_offset, detail)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        *(operator, action, reason),
        *(line or (None,) * 4),
        *(letter or (None, None)),
        detail,
    )


def _next(one: Parked) -> Parked:
    if one.reason == "gap" or not one.is_next:
        missing = name_of(one.service, one.stream, one.subject, one.mark + 1)
        raise WrongState(
            f"{one.id} waits for {missing}: deal with that one where `dlq list` shows it; where it "
            "does not, it has not arrived, and `rebuild topics` sends again what is missing"
        )
    return one


@asynccontextmanager
async def alone(site: Site, service: str) -> AsyncIterator[asyncpg.Connection]:
    """A transaction that none of the service's consumers overlaps."""
    async with site.connect() as connection:
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
                # Consumers read the marks first, then what is parked; so no two wait for each
                # other. Who has read holds a lock until it ends, and is waited for here.
                await connection.execute(
                    f"LOCK TABLE {service}.inbox_mark, {service}.inbox_parked"
                    " IN ACCESS EXCLUSIVE MODE"
                )
                yield connection
        except asyncpg.LockNotAvailableError as error:
            raise Unreachable(
                f"{service} kept its inbox busy for {_LOCK_TIMEOUT}: nothing was changed, try again"
            ) from error


def age(one: Parked) -> float:
    """Seconds since it was parked."""
    return (datetime.now(UTC) - one.parked_at).total_seconds()
