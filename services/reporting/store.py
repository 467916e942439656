"""The reporting service's SQL."""

from datetime import datetime

from harbourlight.reporting.v1 import reporting_pb2
from services.reporting.domain import Case
from shared.database import Database
from shared.records import Column, Records, Stored

BY_HANDLE = "subject = $1"

CASES: Records[Case] = Records(
    "cases",
    Case,
    reporting_pb2.Case,
    {
        "state": Column("text", lambda case: str(case.state)),
        "perfect_by": Column("timestamptz", lambda case: case.perfect_by),
    },
)


async def read_case(database: Database, handle: str) -> Stored[Case] | None:
    """The case as it is now, or None."""
    row = await database.fetchrow("SELECT revision, body FROM cases WHERE subject = $1", handle)
    return None if row is None else Stored(CASES.read(row["body"]), row["revision"])


async def overdue_markers(database: Database, now: datetime, most: int) -> list[str]:
    """Handles of marked cases whose time to be perfected is over."""
    rows = await database.fetch(
        "SELECT subject FROM cases WHERE perfect_by <= $1 ORDER BY perfect_by LIMIT $2", now, most
    )
    return [row["subject"] for row in rows]
