"""The reporting service's SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from harbourlight.reporting.v1 import reporting_pb2
from services.reporting.domain.model import Case
from shared.database import Connection, Database
from shared.records import Column, Records, Stored

BY_HANDLE = "subject = $1"

CASES: Records[Case] = Records(
    "cases",
    Case,
    reporting_pb2.Case,
    {
        "state": Column("text", lambda case: str(case.state)),
        "perfect_by": Column("timestamptz", lambda case: case.perfect_by),
        "review_at": Column(
            "timestamptz", lambda case: None if case.review_due else case.review_at
        ),
    },
)


async def read_case(database: Database, handle: str) -> Stored[Case] | None:
    """The case as it is now, or None."""
    row = await database.fetchrow("SELECT revision, body FROM cases WHERE subject = $1", handle)
    return None if row is None else Stored(CASES.read(row["body"]), row["revision"])


async def case_in(connection: Connection, handle: str) -> Case | None:
    """The case as the transaction sees it, or None."""
    body = await connection.fetchval("SELECT body FROM cases WHERE subject = $1", handle)
    return None if body is None else CASES.read(body)


async def overdue_markers(database: Database, now: datetime, most: int) -> list[str]:
    """Handles of marked cases whose time to be perfected is over."""
    return await _due(database, "perfect_by", now, most)


async def to_review(database: Database, now: datetime, most: int) -> list[str]:
    """Handles of cases whose retention is over and whose review is not yet due."""
    return await _due(database, "review_at", now, most)


async def _due(database: Database, column: str, now: datetime, most: int) -> list[str]:
    rows = await database.fetch(
        f"SELECT subject FROM cases WHERE {column} <= $1 ORDER BY {column} LIMIT $2", now, most
    )
    return [row["subject"] for row in rows]


@dataclass(frozen=True)
class SealRow:
    """A key, or half of one, for a desk; wrapped."""

    desk: str
    what: str
    number: int
    sealed: bytes


@dataclass(frozen=True)
class MessageRow:
    """Something that was written; wrapped."""

    place: int
    sender: str
    purpose: str
    desk: str
    sent_at: datetime
    sealed: bytes
    resealed: bytes | None = None
    """A further seal for the desk that reads it; wrapped."""


_ADD = """
WITH written AS (
    INSERT INTO messages (subject, place, sender, purpose, desk, sent_at, sealed)
    SELECT $1::text, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[],
                                   $6::timestamptz[], $7::bytea[])
)
INSERT INTO seals (subject, desk, what, number, sealed)
SELECT $1::text, * FROM unnest($8::text[], $9::text[], $10::bigint[], $11::bytea[])
ON CONFLICT (subject, desk, what, number) DO UPDATE SET sealed = excluded.sealed
"""


async def add(
    connection: Connection, handle: str, messages: Sequence[MessageRow], seals: Sequence[SealRow]
) -> None:
    """Writes messages, and seals in place of those that were there."""
    await connection.execute(
        _ADD,
        handle,
        [one.place for one in messages],
        [one.sender for one in messages],
        [one.purpose for one in messages],
        [one.desk for one in messages],
        [one.sent_at for one in messages],
        [one.sealed for one in messages],
        [one.desk for one in seals],
        [one.what for one in seals],
        [one.number for one in seals],
        [one.sealed for one in seals],
    )


async def seals(connection: Connection, handle: str, desk: str) -> list[SealRow]:
    """The identity, and what is sealed to the desk, but for its seals of messages."""
    rows = await connection.fetch(
        "SELECT desk, what, number, sealed FROM seals WHERE subject = $1 AND desk IN ('', $2)"
        " AND what <> 'message' ORDER BY what, number",
        handle,
        desk,
    )
    return [SealRow(*row) for row in rows]


async def not_sealed_to(connection: Connection, handle: str, desk: str) -> list[str]:
    """What some desk has a seal for, and this one has not."""
    rows = await connection.fetch(
        "SELECT DISTINCT what, number FROM seals AS all_of"
        " WHERE subject = $1 AND what IN ('half', 'content_key') AND NOT EXISTS ("
        "  SELECT FROM seals AS own WHERE own.subject = $1 AND own.desk = $2"
        "   AND own.what = all_of.what AND own.number = all_of.number"
        " ) ORDER BY what, number",
        handle,
        desk,
    )
    names = {"half": "its half of the identity's key", "content_key": "the content key of epoch"}
    return [f"{names[what]} {number or ''}".rstrip() for what, number in rows]


async def keep_seals_of(connection: Connection, handle: str, desk: str) -> None:
    """Deletes what is sealed to other desks."""
    await connection.execute(
        "DELETE FROM seals WHERE subject = $1 AND desk NOT IN ('', $2)", handle, desk
    )


async def forget_halves(connection: Connection, handle: str) -> None:
    """Deletes the desks' halves of an identity that another one takes the place of."""
    await connection.execute("DELETE FROM seals WHERE subject = $1 AND what = 'half'", handle)


_MESSAGES = """
SELECT m.place, m.sender, m.purpose, m.desk, m.sent_at, m.sealed, s.sealed AS resealed
FROM messages m LEFT JOIN seals s
    ON s.subject = m.subject AND s.desk = $2 AND s.what = 'message' AND s.number = m.place
WHERE m.subject = $1
"""


async def messages_after(
    connection: Connection, handle: str, desk: str, place: int, most: int
) -> list[MessageRow]:
    """What was written behind a place, in order, with the seals for the desk."""
    rows = await connection.fetch(
        f"{_MESSAGES} AND m.place > $3 ORDER BY m.place LIMIT $4", handle, desk, place, most
    )
    return [_message(row) for row in rows]


async def latest_report(connection: Connection, handle: str) -> MessageRow | None:
    """What the report says now, or None where nothing was sealed with it."""
    row = await connection.fetchrow(
        f"{_MESSAGES} AND m.purpose = 'REPORT' ORDER BY m.place DESC LIMIT 1", handle, ""
    )
    return None if row is None else _message(row)


async def messages_at(
    connection: Connection, handle: str, places: Sequence[int]
) -> dict[int, MessageRow]:
    """What was written at some places."""
    rows = await connection.fetch(f"{_MESSAGES} AND m.place = ANY($3)", handle, "", places)
    return {row["place"]: _message(row) for row in rows}


def _message(row: asyncpg.Record) -> MessageRow:
    return MessageRow(*row)


async def erase(connection: Connection, handle: str) -> None:
    """Deletes what was sealed, and what the company's commands were answered."""
    for table in ("seals", "messages"):
        await connection.execute(f"DELETE FROM {table} WHERE subject = $1", handle)
    # They tell of the case as it was.
    await connection.execute("DELETE FROM answer WHERE caller = $1", handle)
    await connection.execute("DELETE FROM receipt WHERE subject = $1", handle)
