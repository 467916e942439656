"""The notification service's SQL."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg

from services.notification.domain import FeedEntry
from shared.database import Connection, Database

NewNotice = tuple[str, datetime, bytes]
"""Handle, time, google.protobuf.Any."""

_ADD_NOTICES = """
WITH new AS (
    SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::bytea[]) WITH ORDINALITY
        AS n (handle, time, event, nth)
), counted AS (
    INSERT INTO notice_count AS c (handle, last)
    SELECT handle, count(*) FROM new GROUP BY handle ORDER BY handle
    ON CONFLICT (handle) DO UPDATE SET last = c.last + excluded.last
    RETURNING handle, last
)
INSERT INTO notice (handle, number, time, event)
SELECT n.handle,
       c.last - count(*) OVER (PARTITION BY n.handle)
              + row_number() OVER (PARTITION BY n.handle ORDER BY nth),
       n.time, n.event
FROM new n JOIN counted c USING (handle)
"""
_ENTRY = "number, day, line, items, country, sector, kinds, states, event"


async def add_notices(connection: Connection, notices: Sequence[NewNotice]) -> None:
    """Writes notices with the next numbers of their cases, in order."""
    if notices:
        await connection.execute(
            _ADD_NOTICES, *(list(column) for column in zip(*notices, strict=True))
        )


async def notices_after(
    database: Database, handle: str, number: int, most: int
) -> list[tuple[int, datetime, bytes]]:
    """(number, time, Any) of the case's notices behind `number`, oldest first."""
    rows = await database.fetch(
        "SELECT number, time, event FROM notice WHERE handle = $1 AND number > $2"
        " ORDER BY number LIMIT $3",
        handle,
        number,
        most,
    )
    return [(row["number"], row["time"], row["event"]) for row in rows]


async def draw_feed_numbers(connection: Connection, count: int) -> int:
    """The first of `count` numbers. Nobody else draws until this transaction ends."""
    last: int = await connection.fetchval(
        "UPDATE feed_count SET last = last + $1 RETURNING last", count
    )
    return last - count + 1


async def add_feed(connection: Connection, entries: Sequence[FeedEntry]) -> None:
    """Appends to the feed log."""
    await connection.executemany(
        f"INSERT INTO feed_log ({_ENTRY}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [
            (
                entry.number,
                entry.day,
                entry.line,
                list(entry.items),
                entry.country,
                entry.sector,
                sorted(entry.kinds),
                sorted(entry.states),
                entry.event,
            )
            for entry in entries
        ],
    )


async def feed_after(database: Database, number: int, most: int) -> list[FeedEntry]:
    """The feed behind `number`, in order."""
    rows = await database.fetch(
        f"SELECT {_ENTRY} FROM feed_log WHERE number > $1 ORDER BY number LIMIT $2", number, most
    )
    return [_entry(row) for row in rows]


def _entry(row: asyncpg.Record) -> FeedEntry:
    day: date = row["day"]
    return FeedEntry(
        row["number"],
        day,
        row["line"],
        tuple(row["items"]),
        row["country"],
        row["sector"],
        frozenset(row["kinds"]),
        frozenset(row["states"]),
        row["event"],
    )
