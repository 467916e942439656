"""The tables of the inbox: how far each case has come on each stream, and what is parked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared import cloudevents
from shared.cloudevents import Incoming
from shared.database import Conflict, Connection, Database

_READ = """
SELECT stream, subject, sequence, topic, value, headers, attempts, reason, error
FROM inbox_parked WHERE consumer = $1 AND subject = ANY($2)
UNION ALL
SELECT stream, subject, sequence, NULL, NULL, NULL, NULL, NULL, NULL
FROM inbox_mark WHERE consumer = $1 AND subject = ANY($2)
ORDER BY sequence
"""
"""What is parked, and the marks: rows without a topic."""

Key = tuple[str, str, int]
"""Subject, stream and sequence of a parked event."""


@dataclass
class Held:
    """An event that is or becomes parked."""

    incoming: Incoming
    attempts: int = 0
    reason: str = "gap"
    error: str | None = None


@dataclass
class Line:
    """One case on one stream."""

    mark: int
    waiting: dict[int, Held] = field(default_factory=dict)


class InboxTables:
    """The rows of one consumer."""

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer

    async def due(self, database: Database, most: int) -> set[str]:
        """Subjects with a parked event whose time for another try has come."""
        rows = await database.fetch(
            "SELECT DISTINCT subject FROM inbox_parked"
            " WHERE consumer = $1 AND reason <> 'poison' AND retry_at <= now() LIMIT $2",
            self._consumer,
            most,
        )
        return {row["subject"] for row in rows}

    async def read(
        self, connection: Connection, subjects: list[str], good: Sequence[Incoming]
    ) -> tuple[dict[str, dict[str, Line]], dict[tuple[str, str], int], dict[Key, str]]:
        """What waits per subject and stream, the marks, and the reason of each parked event."""
        rows = await connection.fetch(_READ, self._consumer, subjects)
        read = {
            (row["subject"], row["stream"]): row["sequence"] for row in rows if row["topic"] is None
        }
        cases: dict[str, dict[str, Line]] = {}
        parked: dict[Key, str] = {}

        def hold(held: Held) -> None:
            one = held.incoming
            lines = cases.setdefault(one.subject, {})
            line = lines.get(one.stream)
            if line is None:
                line = lines[one.stream] = Line(read.get((one.subject, one.stream), 0))
            if one.sequence > line.mark:
                line.waiting.setdefault(one.sequence, held)

        for row in rows:
            if row["topic"] is None:
                continue
            headers = cloudevents.from_json(row["headers"])
            incoming = cloudevents.decode(row["topic"], row["value"], headers)
            parked[incoming.subject, incoming.stream, incoming.sequence] = row["reason"]
            hold(Held(incoming, row["attempts"], row["reason"], row["error"]))
        for one in good:
            hold(Held(one))
        return cases, read, parked

    async def save_marks(
        self,
        connection: Connection,
        cases: dict[str, dict[str, Line]],
        read: dict[tuple[str, str], int],
    ) -> None:
        """Writes the marks that moved.

        Raises Conflict where one is no longer as it was read: another consumer took the same
        events in, and this transaction must not.
        """
        moved = [
            (stream, subject, line.mark, read.get((subject, stream), 0))
            for subject, lines in sorted(cases.items())
            for stream, line in sorted(lines.items())
        ]
        new = [
            (stream, subject, mark) for stream, subject, mark, before in moved if mark > before == 0
        ]
        old = [row for row in moved if row[2] > row[3] > 0]
        if new:
            done = await connection.execute(
                "INSERT INTO inbox_mark (consumer, stream, subject, sequence)"
                " SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[])"
                " ON CONFLICT DO NOTHING",
                self._consumer,
                *(list(column) for column in zip(*new, strict=True)),
            )
            _expect(done, len(new))
        if old:
            done = await connection.execute(
                "UPDATE inbox_mark m SET sequence = n.sequence"
                " FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[])"
                " AS n (stream, subject, sequence, before)"
                " WHERE m.consumer = $1 AND m.stream = n.stream AND m.subject = n.subject"
                " AND m.sequence = n.before",
                self._consumer,
                *(list(column) for column in zip(*old, strict=True)),
            )
            _expect(done, len(old))

    async def save_parked(
        self,
        connection: Connection,
        handled: Sequence[Incoming],
        held: Sequence[Held],
        parked: dict[Key, str],
        now: datetime,
    ) -> None:
        """Removes the parked rows that were handled and writes those that wait."""
        gone = [
            (one.subject, one.stream, one.sequence)
            for one in handled
            if (one.subject, one.stream, one.sequence) in parked
        ]
        if gone:
            await connection.executemany(
                "DELETE FROM inbox_parked"
                " WHERE consumer = $1 AND subject = $2 AND stream = $3 AND sequence = $4",
                [(self._consumer, *key) for key in gone],
            )
        if held:
            await connection.executemany(
                "INSERT INTO inbox_parked (consumer, stream, subject, sequence, reason, attempts,"
                " retry_at, error, topic, value, headers)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
                " ON CONFLICT (consumer, subject, stream, sequence) DO UPDATE SET"
                " reason = excluded.reason, attempts = excluded.attempts,"
                " retry_at = excluded.retry_at, error = excluded.error",
                [self._row(one, now) for one in held],
            )

    def _row(self, held: Held, now: datetime) -> tuple[object, ...]:
        one = held.incoming
        seconds = {"gap": 60.0, "not_yet": 2.0}.get(held.reason, 0.2 * 4**held.attempts)
        return (
            self._consumer,
            one.stream,
            one.subject,
            one.sequence,
            held.reason,
            held.attempts,
            now + timedelta(seconds=seconds),
            held.error,
            one.topic,
            one.value,
            cloudevents.to_json(one.headers),
        )


def _expect(done: str, rows: int) -> None:
    if int(done.rsplit(" ", 1)[1]) != rows:
        raise Conflict("a mark moved meanwhile")
