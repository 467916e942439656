"""The ledger's SQL."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg

from harbourlight.proofs.checkpoints import Checkpoint
from harbourlight.proofs.merkle import Node
from harbourlight.proofs.notes import Note, Signature, VerifierKey
from services.ledger.domain import Row


class Reader(Protocol):
    """What reads: a connection, or the database outside of any transaction."""

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows."""
        ...

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row."""
        ...


class Writer(Reader, Protocol):
    """A connection within a transaction."""

    async def execute(self, query: str, *arguments: Any) -> str:
        """The command's tag."""
        ...


@dataclass(frozen=True)
class Head:
    """How far a log has come."""

    log: int
    size: int
    conflict: str | None
    """Why it is halted; None where it is not."""
    signed: int
    """Size of the newest checkpoint, or -1."""
    is_published: bool
    """Whether that one is."""


@dataclass(frozen=True)
class Signed:
    """A checkpoint as it is stored."""

    size: int
    note: Note
    """Signed by the log alone."""
    is_published: bool

    @property
    def checkpoint(self) -> Checkpoint:
        """What it says."""
        return Checkpoint.parse(self.note.text)


_HEADS = """
SELECT l.log, l.size, l.conflict, coalesce(c.size, -1) AS signed,
       coalesce(c.is_published, true) AS is_published
FROM log l LEFT JOIN LATERAL (
    SELECT size, is_published FROM checkpoint c WHERE c.log = l.log ORDER BY size DESC LIMIT 1
) c ON true ORDER BY l.log
"""


async def heads(reader: Reader) -> list[Head]:
    """Both logs."""
    return [Head(**row) for row in await reader.fetch(_HEADS)]


async def lock(connection: Writer, log: int) -> tuple[int, str | None]:
    """Size and conflict of a log. Nobody else appends until this transaction ends."""
    row = await connection.fetchrow("SELECT size, conflict FROM log WHERE log = $1 FOR UPDATE", log)
    assert row is not None
    return row["size"], row["conflict"]


async def set_conflict(connection: Writer, log: int, reason: str) -> None:
    """Halts the log; the first reason stays."""
    await connection.execute(
        "UPDATE log SET conflict = $2 WHERE log = $1 AND conflict IS NULL", log, reason
    )


async def hashes(reader: Reader, log: int, nodes: Sequence[Node]) -> dict[Node, bytes]:
    """The hashes of perfect subtrees, each from the row of its last leaf."""
    wanted = {node.last_leaf for node in nodes}
    rows = await reader.fetch(
        "SELECT index, leaf, subtrees FROM entry WHERE log = $1 AND index = ANY($2)",
        log,
        list(wanted),
    )
    found = {row["index"]: Row(row["index"], b"", row["leaf"], row["subtrees"]) for row in rows}
    return {node: found[node.last_leaf].hash_of(node) for node in nodes}


async def places(reader: Reader, log: int, leaves: Sequence[bytes]) -> dict[bytes, int]:
    """Leaf hash -> index, of those that the log has."""
    rows = await reader.fetch(
        "SELECT leaf, index FROM entry WHERE log = $1 AND leaf = ANY($2)", log, leaves
    )
    return {row["leaf"]: row["index"] for row in rows}


async def add(connection: Writer, log: int, rows: Sequence[Row]) -> None:
    """Appends rows to a log that is locked."""
    await connection.execute(
        "INSERT INTO entry (log, index, value, leaf, subtrees) SELECT $1, *"
        " FROM unnest($2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[])",
        log,
        [row.index for row in rows],
        [row.value for row in rows],
        [row.leaf for row in rows],
        [row.subtrees for row in rows],
    )
    await connection.execute("UPDATE log SET size = $2 WHERE log = $1", log, rows[-1].index + 1)


async def values(reader: Reader, log: int, start: int, end: int) -> list[tuple[int, bytes]]:
    """Index and value of the entries from `start` up to `end`, without it."""
    rows = await reader.fetch(
        "SELECT index, value FROM entry WHERE log = $1 AND index >= $2 AND index < $3"
        " ORDER BY index",
        log,
        start,
        end,
    )
    return [(row["index"], row["value"]) for row in rows]


def _signed(row: asyncpg.Record | None) -> Signed | None:
    if row is None:
        return None
    return Signed(row["size"], Note.parse(row["note"]), row["is_published"])


_COLUMNS = "size, note, is_published"


async def newest(reader: Reader, log: int) -> Signed | None:
    """The checkpoint that was signed last, published or not."""
    return _signed(
        await reader.fetchrow(
            f"SELECT {_COLUMNS} FROM checkpoint WHERE log = $1 ORDER BY size DESC LIMIT 1", log
        )
    )


async def published(reader: Reader, log: int, witnesses: int = 0) -> Signed | None:
    """The newest checkpoint that is published and that so many witnesses cosigned."""
    return _signed(
        await reader.fetchrow(
            f"SELECT {_COLUMNS} FROM generate_series($2::int, greatest($2::int, (SELECT max("
            "witnesses) FROM checkpoint WHERE log = $1))) AS n (count) CROSS JOIN LATERAL ("
            f"SELECT {_COLUMNS} FROM checkpoint WHERE log = $1 AND witnesses = n.count"
            " AND is_published ORDER BY size DESC LIMIT 1) AS c ORDER BY size DESC LIMIT 1",
            log,
            witnesses,
        )
    )


async def published_size(reader: Reader, log: int) -> int:
    """Size of the newest checkpoint that is published; 0 where none is."""
    row = await reader.fetchrow(
        "SELECT size FROM checkpoint WHERE log = $1 AND is_published ORDER BY size DESC LIMIT 1",
        log,
    )
    return 0 if row is None else int(row["size"])


async def covering(reader: Reader, log: int, index: int, witnesses: int) -> Signed | None:
    """The earliest published checkpoint with this entry that so many witnesses cosigned.

    Where none is, the one that most did, and of these the newest.
    """
    most = await reader.fetchrow(
        f"SELECT {_COLUMNS}, witnesses FROM checkpoint WHERE log = $1 AND size > $2"
        " AND is_published ORDER BY witnesses DESC, size DESC LIMIT 1",
        log,
        index,
    )
    if most is None or most["witnesses"] < witnesses:
        return _signed(most)
    # A look at the index for each number of witnesses, however many checkpoints there are.
    return _signed(
        await reader.fetchrow(
            f"SELECT {_COLUMNS} FROM generate_series($3::int, $4::int) AS n (count)"
            f" CROSS JOIN LATERAL (SELECT {_COLUMNS} FROM checkpoint WHERE log = $1"
            " AND witnesses = n.count AND size > $2 AND is_published ORDER BY size LIMIT 1) AS c"
            " ORDER BY size LIMIT 1",
            log,
            index,
            witnesses,
            most["witnesses"],
        )
    )


async def add_checkpoint(
    connection: Writer, log: int, size: int, note: Note, *, is_published: bool
) -> None:
    """Keeps a checkpoint; one of this size that is there stays."""
    await connection.execute(
        "INSERT INTO checkpoint (log, size, note, is_published) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING",
        log,
        size,
        str(note),
        is_published,
    )


async def publish(connection: Writer, log: int, size: int) -> None:
    """Lets everybody see a checkpoint."""
    await connection.execute(
        "UPDATE checkpoint SET is_published = true WHERE log = $1 AND size = $2", log, size
    )


async def forget(connection: Writer, hours: int) -> None:
    """Drops the checkpoints that no witness cosigned, but for new ones and each log's newest."""
    await connection.execute(
        "DELETE FROM checkpoint c WHERE witnesses = 0 AND is_published"
        " AND signed_at < now() - make_interval(hours => $1)"
        " AND size < (SELECT max(size) FROM checkpoint m WHERE m.log = c.log)",
        hours,
    )


async def add_cosignatures(
    connection: Writer, log: int, size: int, found: Iterable[tuple[VerifierKey, Signature]]
) -> None:
    """Keeps each witness's first and last word on a checkpoint."""
    for witness, signature in found:
        await connection.execute(
            "INSERT INTO cosignature AS c (log, size, witness, first_line, first_time, last_line,"
            " last_time) VALUES ($1, $2, $3, $4, $5, $4, $5)"
            " ON CONFLICT (log, size, witness) DO UPDATE SET"
            " first_line = CASE WHEN excluded.first_time < c.first_time"
            " THEN excluded.first_line ELSE c.first_line END,"
            " first_time = least(c.first_time, excluded.first_time),"
            " last_line = CASE WHEN excluded.last_time > c.last_time"
            " THEN excluded.last_line ELSE c.last_line END,"
            " last_time = greatest(c.last_time, excluded.last_time)",
            log,
            size,
            str(witness),
            str(signature),
            signature.timestamp,
        )
    await connection.execute(
        "UPDATE checkpoint SET witnesses = (SELECT count(*) FROM cosignature s"
        " WHERE s.log = $1 AND s.size = $2) WHERE log = $1 AND size = $2",
        log,
        size,
    )


async def cosignatures(reader: Reader, log: int, size: int, *, last: bool) -> list[str]:
    """The signature lines on a checkpoint: each witness's last one, or its first."""
    rows = await reader.fetch(
        "SELECT first_line, last_line FROM cosignature WHERE log = $1 AND size = $2"
        " ORDER BY witness",
        log,
        size,
    )
    return [row["last_line" if last else "first_line"] for row in rows]
