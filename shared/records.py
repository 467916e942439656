"""States of one aggregate, a row per subject.

A row holds the state as the contract's own message, beside the columns that queries need. The
revision grows by one with every save, and a save that does not follow on the revision it was
read at is a conflict: two writers of one subject cannot both win.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import asyncpg
from google.protobuf.message import Message

from shared import translate
from shared.database import Conflict, Connection

S = TypeVar("S")


@dataclass(frozen=True)
class Stored(Generic[S]):
    """A state as read under lock."""

    state: S
    revision: int


@dataclass(frozen=True)
class Column(Generic[S]):
    """A column that follows from the state."""

    sql_type: str
    """An array's ("uuid[]") value is a sequence of strings without commas."""
    value: Callable[[S], Any]

    @property
    def is_array(self) -> bool:
        """Whether it holds several values."""
        return self.sql_type.endswith("[]")

    def sent(self, state: S) -> Any:
        """The value as a parameter: unnest() would flatten arrays of arrays, so one is a text."""
        value = self.value(state)
        return ",".join(value) if self.is_array else value


class Records(Generic[S]):
    """The table of one aggregate: (subject, revision, changed_xid, body, and its columns)."""

    def __init__(
        self,
        table: str,
        state: type[S],
        message: type[Message],
        columns: Mapping[str, Column[S]],
    ) -> None:
        self._state = state
        self._message = message
        self._columns = columns
        names = ["subject", "revision", "body", *columns]
        types = ["text", "bigint", "bytea"]
        types += ["text" if one.is_array else one.sql_type for one in columns.values()]
        values = names[:3] + [
            f"string_to_array({name}, ',')::{one.sql_type}" if one.is_array else name
            for name, one in columns.items()
        ]
        arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(types, 1))
        updates = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        self._select = f"SELECT subject, revision, body FROM {table} WHERE"
        # Rows are locked in subject order, so that two batches cannot wait for each other.
        self._lock_many = f"{self._select} subject = ANY($1) ORDER BY subject FOR UPDATE"
        self._save = (
            f"INSERT INTO {table} AS old ({', '.join(names)}) SELECT {', '.join(values)}"
            f" FROM unnest({arrays}) AS new ({', '.join(names)})"
            f" ON CONFLICT (subject) DO UPDATE SET {updates}, changed_xid = pg_current_xact_id()"
            " WHERE old.revision = excluded.revision - 1"
        )

        self._table, self._types, self._values = table, types, values
        self._names = names

    def making(self, first: int) -> str:
        """SQL that writes a new row, placeholders from $`first` on; none where there is one."""
        new = ", ".join(f"${first + n}::{kind}" for n, kind in enumerate(self._types))
        return (
            f"INSERT INTO {self._table} ({', '.join(self._names)}) SELECT {', '.join(self._values)}"
            f" FROM (VALUES ({new})) AS new ({', '.join(self._names)})"
            " ON CONFLICT (subject) DO NOTHING RETURNING subject"
        )

    def row(self, subject: str, state: S) -> list[Any]:
        """The values of `making`."""
        columns = [column.sent(state) for column in self._columns.values()]
        return [subject, 1, self.body(state), *columns]

    def _stored(self, row: asyncpg.Record) -> Stored[S]:
        return Stored(self.read(row["body"]), row["revision"])

    def read(self, body: bytes) -> S:
        """The state that a row's body holds."""
        message = self._message()
        message.ParseFromString(body)
        return translate.to_dataclass(message, self._state)

    async def lock(
        self, connection: Connection, value: Any, condition: str = "subject = $1"
    ) -> tuple[str, Stored[S]] | None:
        """The one row that meets the condition, locked until the transaction ends, or None."""
        row = await connection.fetchrow(f"{self._select} {condition} FOR UPDATE", value)
        return None if row is None else (row["subject"], self._stored(row))

    async def lock_many(
        self, connection: Connection, subjects: Iterable[str]
    ) -> dict[str, Stored[S]]:
        """The rows of those subjects that have one, locked until the transaction ends."""
        rows = await connection.fetch(self._lock_many, sorted(subjects))
        return {row["subject"]: self._stored(row) for row in rows}

    async def save(self, connection: Connection, changes: Sequence[tuple[str, S, int]]) -> None:
        """Writes (subject, state, revision that it was read at; 0 where it is new).

        Raises Conflict where another transaction was first.
        """
        if not changes:
            return
        ordered = sorted(changes, key=lambda change: change[0])
        bodies = [self.body(state) for _, state, _ in ordered]
        values = [
            [column.sent(state) for _, state, _ in ordered] for column in self._columns.values()
        ]
        done = await connection.execute(
            self._save,
            [subject for subject, _, _ in ordered],
            [revision + 1 for _, _, revision in ordered],
            bodies,
            *values,
        )
        if int(done.rsplit(" ", 1)[1]) != len(ordered):
            raise Conflict("a record changed between reading and saving")

    def body(self, state: S) -> bytes:
        """The state as a row keeps it."""
        return translate.to_message(state, self._message).SerializeToString()
