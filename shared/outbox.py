"""The way out: events are written beside the state change, in its transaction.

The relay sends them later, so an event leaves exactly when its change was committed.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from shared import cloudevents, contract
from shared.database import Connection, Database
from shared.telemetry import current_traceparent


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event on its way out."""

    event: Message
    subject: str
    """Case that it is about: record key, and the line that its sequence counts."""
    time: datetime
    causation_id: str | None = None
    """Id of the event that it follows from."""
    traceparent: str | None = None
    """Trace that it belongs to; None takes the current span's, NO_TRACE none at all."""
    event_id: str | None = None
    """None draws a UUIDv7, which tells the time: give an id of its own to what must not."""
    commitment: bytes | None = None
    """SHA-256 of the receipt text that the ledger shall hold; None where there is no receipt."""


NO_TRACE = ""


_DRAW = """
drawn AS (
    -- In key order, so that two batches cannot wait for each other.
    INSERT INTO outbox_sequence AS s (topic, subject, last)
    SELECT * FROM unnest($12::text[], $13::text[], $14::bigint[]) {condition}
    ON CONFLICT (topic, subject) DO UPDATE SET last = s.last + excluded.last
    RETURNING topic, subject, last
)
"""
_INSERT = """
INSERT INTO outbox (topic, subject, sequence, type, time, causation_id, traceparent, payload,
                    headers, event_id, commitment)
SELECT n.topic, n.subject, d.last - n.behind, n.type, n.time, n.causation_id,
       n.traceparent, n.payload, n.headers, coalesce(n.event_id, uuidv7()), n.commitment
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::uuid[], $6::text[],
            $7::bytea[], $8::jsonb[], $9::uuid[], $10::bytea[], $11::bigint[]) WITH ORDINALITY
    AS n (topic, subject, type, time, causation_id, traceparent, payload, headers, event_id,
          commitment, behind, nth)
JOIN drawn d USING (topic, subject)
ORDER BY n.nth
"""
_APPEND = f"WITH {_DRAW.format(condition='')} {_INSERT}"
_COLUMNS = 10
FIRST_BESIDE = 15
"""Number of the first placeholder that a statement of `beside` has for itself."""

Row = tuple[
    str, str, str, datetime, str | None, str | None, bytes, str | None, str | None, bytes | None
]
"""The columns that `_APPEND` takes, in its order."""


async def append(connection: Connection, events: Iterable[Outgoing]) -> None:
    """Writes the events into the transaction's outbox, in order, with the next sequences.

    Call it last: it takes the locks that keep a subject's events in commit order.
    """
    await append_rows(connection, _rows(events))


def beside(ctes: str, result: str, *, condition: str = "") -> str:
    """A statement that appends events and does what `ctes` say, in one round trip.

    Their placeholders begin at $15, and `result` is the query on them. With a `condition` on them
    (WHERE ...) the events are written where it holds. See `append_beside`.
    """
    draw = _DRAW.format(condition=condition)
    return f"WITH {ctes}, {draw}, appended AS ({_INSERT}) {result}"


async def append_beside(
    connection: Connection | Database, statement: str, events: Iterable[Outgoing], *arguments: Any
) -> Any:
    """Writes the events as `append` does; returns the one value of a statement of `beside`."""
    return await connection.fetchval(statement, *_arguments(_rows(events)), *arguments)


def _arguments(rows: Sequence[Row]) -> list[list[Any]]:
    """The rows by column, how many of its line are behind each, and the lines in key order."""
    # unnest() fills a short column up with nulls, and nulls cost more to send than to leave out.
    columns: list[list[Any]] = [
        list(one) if any(value is not None for value in one) else []
        for one in zip(*rows, strict=True)
    ]
    behind: list[int] = []
    lines: Counter[tuple[str, str]] = Counter()
    for row in reversed(rows):
        behind.append(lines[row[:2]])
        lines[row[:2]] += 1
    ordered = sorted(lines)
    return [
        *(columns or [[]] * _COLUMNS),
        behind[::-1],
        [topic for topic, _ in ordered],
        [subject for _, subject in ordered],
        [lines[line] for line in ordered],
    ]


def _rows(events: Iterable[Outgoing]) -> list[Row]:
    here = current_traceparent()
    rows: list[Row] = []
    for out in events:
        name = out.event.DESCRIPTOR.full_name
        kind = contract.event_type(name)
        if kind is None:
            raise TypeError(f"{name} is no event: its message declares no topic")
        if out.commitment is not None and len(out.commitment) != cloudevents.COMMITMENT_BYTES:
            raise ValueError(f"the commitment of {name} has {len(out.commitment)} bytes")
        rows.append(
            (
                kind.topic,
                out.subject,
                name,
                out.time,
                out.causation_id,
                here if out.traceparent is None else out.traceparent or None,
                out.event.SerializeToString(),
                None,
                out.event_id,
                out.commitment,
            )
        )
    return rows


async def append_dead_letters(
    connection: Connection,
    letters: Sequence[tuple[str, str, bytes, list[tuple[str, bytes]], datetime]],
) -> None:
    """Writes copies of records (dead-letter topic, key, value, own headers, time)."""
    await append_rows(
        connection,
        [
            (
                topic,
                key,
                "dead-letter",
                time,
                None,
                None,
                value,
                cloudevents.to_json(headers),
                None,
                None,
            )
            for topic, key, value, headers, time in letters
        ],
    )


async def append_rows(connection: Connection, rows: Sequence[Row]) -> None:
    """Writes rows as they are."""
    if rows:
        await connection.execute(_APPEND, *_arguments(rows))
