"""SQL of files."""

from collections.abc import Sequence

import asyncpg

from services.reporting.evidence.domain import Declared, Evidence, EvidenceState
from shared.database import Connection, Database

_COLUMNS = "number, hash, size, sha256, place, state, received"


def _read(row: asyncpg.Record) -> Evidence:
    declared = Declared(row["number"], row["hash"], row["size"], row["sha256"])
    return Evidence(declared, row["place"], EvidenceState(row["state"]), row["received"])


async def find(connection: Connection, handle: str, number: int) -> Evidence | None:
    """A file, or None."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM evidence WHERE subject = $1 AND number = $2", handle, number
    )
    return None if row is None else _read(row)


async def page(connection: Connection, handle: str, after: int, most: int) -> Sequence[Evidence]:
    """Files behind a number, in the order of their numbers."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM evidence WHERE subject = $1 AND number > $2"
        " ORDER BY number LIMIT $3",
        handle,
        after,
        most,
    )
    return [_read(row) for row in rows]


async def kept_bytes(connection: Connection, handle: str) -> int:
    """Bytes that the case's files take, or will."""
    return int(
        await connection.fetchval(
            "SELECT coalesce(sum(size), 0)::bigint FROM evidence WHERE subject = $1", handle
        )
    )


async def insert(connection: Connection, handle: str, evidence: Evidence) -> None:
    """A new file."""
    declared = evidence.declared
    await connection.execute(
        f"INSERT INTO evidence (subject, {_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        handle,
        declared.number,
        declared.hash,
        declared.size,
        declared.sha256,
        evidence.place,
        evidence.state.value,
        evidence.received,
    )


async def move(database: Database, handle: str, number: int, before: int, after: int) -> bool:
    """Notes that bytes are kept up to `after`; False where others had moved on from `before`."""
    done = await database.execute(
        "UPDATE evidence SET received = $4 WHERE subject = $1 AND number = $2 AND received = $3"
        " AND state = 'ARRIVING'",
        handle,
        number,
        before,
        after,
    )
    return done == "UPDATE 1"


async def exists(database: Database, handle: str, number: int) -> bool:
    """Whether the file is known."""
    row = await database.fetchrow(
        "SELECT FROM evidence WHERE subject = $1 AND number = $2", handle, number
    )
    return row is not None


async def set_state(connection: Connection, handle: str, number: int, state: EvidenceState) -> None:
    """Moves a file on."""
    await connection.execute(
        "UPDATE evidence SET state = $3 WHERE subject = $1 AND number = $2",
        handle,
        number,
        state.value,
    )


async def delete(connection: Connection, handle: str) -> list[int]:
    """Removes what is known of the case's files; the numbers that they had."""
    rows = await connection.fetch(
        "DELETE FROM evidence WHERE subject = $1 RETURNING number", handle
    )
    return [row["number"] for row in rows]
