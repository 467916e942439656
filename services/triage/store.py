"""The triage service's SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import product
from uuid import UUID

import asyncpg

from harbourlight.triage.v1 import triage_pb2
from services.triage.domain import deadlines
from services.triage.domain.model import Priority, Referral, ReferralState
from services.triage.domain.queue import Order, Position, Selection, Values
from shared.database import Database
from shared.records import Column, Records

BY_REFERRAL_ID = "referral_id = $1"

REFERRALS: Records[Referral] = Records(
    "referrals",
    Referral,
    triage_pb2.Referral,
    {
        "referral_id": Column("uuid", lambda referral: referral.referral_id),
        "state": Column("text", lambda referral: str(referral.state)),
        "desk": Column("text", lambda referral: referral.desk),
        "country": Column("text", lambda referral: referral.facts.country),
        "sector": Column("text", lambda referral: referral.facts.sector),
        "exploitation_type": Column("text", lambda referral: referral.facts.exploitation_type),
        "priority": Column("text", lambda referral: str(referral.priority)),
        "came_forward_at": Column("timestamptz", lambda referral: referral.came_forward_at),
        "received_at": Column("timestamptz", lambda referral: referral.received_at),
        "clock_at": Column("timestamptz", lambda r: deadlines.next_moment(r.deadlines)),
    },
)

_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)

_COLUMNS = "revision, changed_xid::text::bigint AS changed, body"
_MATCHES = (
    "($1::text[] IS NULL OR state = ANY($1)) AND ($2::text[] IS NULL OR desk = ANY($2))"
    " AND ($3::text[] IS NULL OR country = ANY($3)) AND ($4::text[] IS NULL OR sector = ANY($4))"
    " AND ($5::text[] IS NULL OR exploitation_type = ANY($5))"
    " AND ($6::text[] IS NULL OR priority = ANY($6))"
    " AND ($7::text IS NULL OR subject = $7)"
)
_ONE = f"SELECT {_COLUMNS} FROM referrals WHERE subject = $7::text AND {_MATCHES}"
_CHANGED = (
    f"SELECT {_COLUMNS} FROM referrals WHERE {_MATCHES}"
    " AND (changed_xid, subject) > ($8::text::xid8, $9::text)"
    " ORDER BY changed_xid, subject LIMIT $10"
)
# From one desk to the next, since a DISTINCT would read every row.
_DESKS = """
WITH RECURSIVE found AS (
    (SELECT desk FROM referrals ORDER BY desk LIMIT 1)
    UNION ALL
    SELECT (SELECT r.desk FROM referrals r WHERE r.desk > f.desk ORDER BY r.desk LIMIT 1)
    FROM found f WHERE f.desk IS NOT NULL
)
SELECT desk FROM found WHERE desk IS NOT NULL
"""


@dataclass(frozen=True)
class Row:
    """A referral as it is read for people."""

    revision: int
    changed: int
    """Transaction that wrote it."""
    body: bytes


def _rows(rows: Sequence[asyncpg.Record]) -> list[Row]:
    return [Row(row["revision"], row["changed"], row["body"]) for row in rows]


def _arguments(selection: Selection) -> tuple[Values | str, ...]:
    return (
        selection.states,
        selection.desks,
        selection.countries,
        selection.sectors,
        selection.exploitation_types,
        selection.priorities,
        selection.handle,
    )


async def read_referral(database: Database, referral_id: str) -> Row | None:
    """The referral as it is now, or None."""
    rows = await database.fetch(
        f"SELECT {_COLUMNS} FROM referrals WHERE {BY_REFERRAL_ID}", UUID(referral_id)
    )
    return _rows(rows)[0] if rows else None


async def read_page(
    database: Database, selection: Selection, order: Order, after: Position | None, most: int
) -> list[Row]:
    """The first `most` referrals of the queue that come after the position."""
    if selection.handle is not None:
        rows = await database.fetch(_ONE, *_arguments(selection)) if after is None else []
        return _rows(rows)
    desks = selection.desks
    if desks is None:
        desks = tuple(row["desk"] for row in await database.fetch(_DESKS))
    lanes = _lanes(selection, desks, order, after)
    if not lanes:
        return []
    rows = await database.fetch(
        _page_query(selection.countries is not None, order),
        *(list(column) for column in zip(*lanes, strict=True)),
        selection.sectors,
        selection.exploitation_types,
        most,
    )
    return _rows(rows)


def _lanes(
    selection: Selection, desks: Sequence[str], order: Order, after: Position | None
) -> list[tuple[str, str, str, str, datetime, str]]:
    """Desk, country, state and priority of each lane, and what its rows come after."""
    begin = (_LATEST if order == Order.NEWEST_FIRST else _EARLIEST, "")
    lanes = []
    for desk, country, state, priority in product(
        desks,
        ("",) if selection.countries is None else selection.countries,
        selection.states or tuple(ReferralState),
        selection.priorities or tuple(Priority),
    ):
        since = begin
        if after is not None:
            if order != Order.PRIORITY or priority == after.priority:
                since = (after.received_at, after.handle)
            elif priority < after.priority:
                continue
        lanes.append((desk, country, str(state), str(priority), *since))
    return lanes


@cache
def _page_query(by_country: bool, order: Order) -> str:
    """SQL for a page: the first rows of each lane, merged."""
    country = "AND r.country = lane.country" if by_country else ""
    after, way = ("<", "DESC") if order == Order.NEWEST_FIRST else (">", "ASC")
    first = "found.priority, " if order == Order.PRIORITY else ""
    return f"""
SELECT {_COLUMNS} FROM (
    SELECT found.subject, row_number() OVER (
        ORDER BY {first} found.received_at {way}, found.subject {way}
    ) AS place
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[])
        AS lane (desk, country, state, priority, after_at, after_subject)
    CROSS JOIN LATERAL (
        SELECT r.subject, r.priority, r.received_at FROM referrals r
        WHERE r.desk = lane.desk {country} AND r.state = lane.state AND r.priority = lane.priority
        AND (r.received_at, r.subject) {after} (lane.after_at, lane.after_subject)
        AND ($7::text[] IS NULL OR r.sector = ANY($7))
        AND ($8::text[] IS NULL OR r.exploitation_type = ANY($8))
        ORDER BY r.received_at {way}, r.subject {way} LIMIT $9
    ) AS found
    ORDER BY place LIMIT $9
) AS page JOIN referrals USING (subject) ORDER BY place
"""


async def horizon(database: Database) -> int:
    """A transaction before which every change is committed and visible, or never will be.

    What is not visible yet was written at or after it: read changes since a horizon that was
    taken before the last reading, and none is missed, whatever order they commit in.
    """
    row = await database.fetchrow(
        "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon"
    )
    assert row is not None
    return int(row["horizon"])


async def read_changed(
    database: Database, selection: Selection, since: int, after: str, most: int
) -> list[Row]:
    """What matches and was written later than (transaction, handle), in that order."""
    rows = await database.fetch(_CHANGED, *_arguments(selection), str(since), after, most)
    return _rows(rows)


async def due(database: Database, now: datetime, most: int) -> list[str]:
    """Handles of referrals with a deadline to warn of or to miss."""
    rows = await database.fetch(
        "SELECT subject FROM referrals WHERE clock_at <= $1 ORDER BY clock_at LIMIT $2", now, most
    )
    return [row["subject"] for row in rows]
