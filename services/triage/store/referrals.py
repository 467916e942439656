"""The queue over the referrals, and what changes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from math import prod
from uuid import UUID

import asyncpg

from services.triage.domain.model import Priority, ReferralState
from services.triage.domain.queue import Order, Position, Selection, Values
from shared.database import Database

_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)
_HEADS = 4
"""How many times a page's rows are read to find its edge, so that empty lanes do not matter."""

_COLUMNS = "subject, revision, changed_xid::text::bigint AS changed, body"
_CASE = "split_part(subject, '/', 1)"
_MATCHES = (
    "($1::text[] IS NULL OR state = ANY($1)) AND ($2::text[] IS NULL OR desk = ANY($2))"
    " AND ($3::text[] IS NULL OR country = ANY($3)) AND ($4::text[] IS NULL OR sector = ANY($4))"
    " AND ($5::text[] IS NULL OR exploitation_type = ANY($5))"
    " AND ($6::text[] IS NULL OR priority = ANY($6))"
    f" AND ($7::text IS NULL OR {_CASE} = $7)"
)
_ONE = f"SELECT {_COLUMNS} FROM referrals WHERE {_CASE} = $7::text AND {_MATCHES} ORDER BY subject"
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

    subject: str
    revision: int
    changed: int
    """Transaction that wrote it."""
    body: bytes


def _rows(rows: Sequence[asyncpg.Record]) -> list[Row]:
    return [Row(row["subject"], row["revision"], row["changed"], row["body"]) for row in rows]


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
        f"SELECT {_COLUMNS} FROM referrals WHERE referral_id = $1", UUID(referral_id)
    )
    return _rows(rows)[0] if rows else None


async def read_page(
    database: Database, selection: Selection, order: Order, after: Position | None, most: int
) -> list[Row]:
    """The first `most` referrals of the queue that come after the position."""
    if selection.handle is not None:
        rows = await database.fetch(_ONE, *_arguments(selection)) if after is None else []
        return _rows(rows)
    if selection.desks is None:
        rows = await database.fetch(_DESKS)
        selection = replace(selection, desks=tuple(row["desk"] for row in rows))
    priorities = sorted(selection.priorities or Priority)
    if order != Order.PRIORITY:
        return await _read_lanes(database, selection, priorities, order, after, most)
    found: list[Row] = []
    for priority in priorities:
        if after is not None and priority < after.priority:
            continue
        here = after if after is not None and priority == after.priority else None
        left = most - len(found)
        found += await _read_lanes(database, selection, [priority], order, here, left)
        if len(found) == most:
            break
    return found


async def _read_lanes(
    database: Database,
    selection: Selection,
    priorities: Sequence[str],
    order: Order,
    after: Position | None,
    most: int,
) -> list[Row]:
    """The first referrals of these priorities by age."""
    by_country = selection.countries is not None
    lanes = (
        selection.desks or (),
        selection.states or tuple(ReferralState),
        priorities,
        selection.countries if selection.countries is not None else ("",),
    )
    number = prod(len(values) for values in lanes)
    if not number:
        return []
    newest_first = order == Order.NEWEST_FIRST
    rows = await database.fetch(
        _lanes_query(by_country, newest_first),
        *lanes,
        selection.sectors,
        selection.exploitation_types,
        after.received_at if after else (_LATEST if newest_first else _EARLIEST),
        after.subject if after else "",
        most,
        _HEADS * most // number + 1,
    )
    return _rows(rows)


@cache
def _lanes_query(by_country: bool, newest_first: bool) -> str:
    """SQL that merges lanes.

    The first rows of every lane tell an edge that the page does not go beyond; read up to there,
    the lanes together give little more than the page. Each LATERAL has a LIMIT, which leaves the
    planner no way but an index scan per lane and per row, whatever it thinks of their number.
    """
    country = "AND r.country = lane.country" if by_country else ""
    after, upto, farthest, way = (">", "<=", "infinity", "ASC")
    if newest_first:
        after, upto, farthest, way = ("<", ">=", "-infinity", "DESC")
    scan = f"""
        SELECT r.received_at, r.subject FROM referrals r
        WHERE r.desk = lane.desk AND r.state = lane.state AND r.priority = lane.priority {country}
        AND ($5::text[] IS NULL OR r.sector = ANY($5))
        AND ($6::text[] IS NULL OR r.exploitation_type = ANY($6))
        AND (r.received_at, r.subject) {after} ($7::timestamptz, $8::text)"""
    order = f"received_at {way}, subject {way}"
    return f"""
WITH lane AS (
    SELECT * FROM unnest($1::text[]) AS desk, unnest($2::text[]) AS state,
                  unnest($3::text[]) AS priority, unnest($4::text[]) AS country
), edge AS (
    SELECT * FROM (
        SELECT head.*, row_number() OVER (ORDER BY {order}) AS nth
        FROM lane CROSS JOIN LATERAL ({scan} ORDER BY {order} LIMIT $10) AS head
    ) AS heads WHERE nth = $9
), page AS (
    SELECT found.* FROM lane LEFT JOIN edge ON true CROSS JOIN LATERAL ({scan}
        AND (r.received_at, r.subject)
            {upto} (coalesce(edge.received_at, '{farthest}'), coalesce(edge.subject, ''))
        ORDER BY {order} LIMIT $9
    ) AS found
    ORDER BY {order} LIMIT $9
)
SELECT whole.* FROM page CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM referrals r WHERE r.subject = page.subject LIMIT 1
) AS whole
ORDER BY page.received_at {way}, page.subject {way}
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
    """What matches and was written later than (transaction, subject), in that order."""
    rows = await database.fetch(_CHANGED, *_arguments(selection), str(since), after, most)
    return _rows(rows)


async def due(database: Database, now: datetime, most: int) -> list[str]:
    """Handles of referrals whose time has something to do (domain.referral.pass_time)."""
    rows = await database.fetch(
        "SELECT subject FROM referrals WHERE clock_at <= $1 ORDER BY clock_at LIMIT $2", now, most
    )
    return [row["subject"] for row in rows]
