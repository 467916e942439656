"""Unsealings: what is sealed of them, and who finds them. The referral's row decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from google.protobuf.message import Message

from harbourlight.triage.v1 import unsealing_pb2 as pb
from services.triage.domain.model import Referral
from services.triage.domain.queue import Selection
from shared import receipts, translate
from shared.database import Connection, Database
from shared.erasure import Erased, ErasureKey, KeyStore
from shared.receipts import Receipt

REFERRAL_OF = "subject = (SELECT subject FROM unsealings WHERE unsealing_id = $1)"
"""Condition on the referral that an unsealing belongs to."""

FIRST = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))
LAST = (datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1))
"""Places before and behind every unsealing."""

_FOLLOW = """
INSERT INTO unsealings AS old
    (unsealing_id, subject, desk, country, custodian, alternate, state, requested_at, body, recused)
SELECT id, subject, desk, country, custodian, alternate, state, time, body,
       string_to_array(recused, ',')
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::timestamptz[], $9::bytea[], $10::text[])
    AS n (id, subject, desk, country, custodian, alternate, state, time, body, recused)
ON CONFLICT (unsealing_id) DO UPDATE SET
    country = excluded.country, state = excluded.state, body = excluded.body,
    recused = excluded.recused,
    -- What was released is there for as long as it may be fetched.
    half = CASE excluded.state WHEN 'GRANTED' THEN old.half END
WHERE (old.country, old.state, old.recused)
    IS DISTINCT FROM (excluded.country, excluded.state, excluded.recused)
"""
_COLUMNS = (
    "unsealing_id, unsealings.subject, desk, country, custodian, alternate, requested_at, body,"
    " brief, recused"
)
_WAITING = f"""
SELECT {_COLUMNS} FROM unsealings
WHERE state = 'REQUESTED' AND $1 IN (custodian, alternate)
  AND (requested_at, unsealing_id) > ($2, $3)
ORDER BY requested_at, unsealing_id LIMIT $4
"""
_OF_DESKS = f"""
SELECT {_COLUMNS} FROM unsealings
WHERE ($1::text[] IS NULL OR desk = ANY($1)) AND ($2::text[] IS NULL OR country = ANY($2))
  AND ($3::text IS NULL OR subject = $3) AND (requested_at, unsealing_id) < ($4, $5)
ORDER BY requested_at DESC, unsealing_id DESC LIMIT $6
"""
_WHOLE = f"""
SELECT {_COLUMNS}, sealed, half, remark, event_id, type, time, opening
FROM unsealings LEFT JOIN receipt ON receipt.event_id = unsealings.receipt WHERE unsealing_id = $1
"""

Place = tuple[datetime, UUID]
"""(requested at, id): the order of every list."""


@dataclass(frozen=True)
class Row:
    """An unsealing as it is read for people."""

    place: Place
    desk: str
    country: str
    custodians: tuple[str, str]
    handle: str
    recused: tuple[str, ...]
    record: pb.UnsealingRecord


def _row(row: asyncpg.Record) -> Row:
    record = pb.UnsealingRecord(
        unsealing=pb.Unsealing.FromString(row["body"]),
        brief=pb.UnsealingBrief.FromString(row["brief"]),
    )
    place = (row["requested_at"], row["unsealing_id"])
    custodians = (row["custodian"], row["alternate"])
    return Row(
        place,
        row["desk"],
        row["country"],
        custodians,
        row["subject"],
        tuple(row["recused"]),
        record,
    )


async def follow(connection: Connection, referrals: Sequence[Referral]) -> None:
    """Brings the rows up to date with their referrals, which are locked."""
    rows = [
        (
            UUID(one.unsealing_id),
            referral.handle,
            one.desk,
            referral.facts.country,
            one.custodian,
            one.alternate,
            str(one.state),
            one.requested_at,
            translate.to_message(one, pb.Unsealing).SerializeToString(),
            ",".join(referral.recused),
        )
        for referral in sorted(referrals, key=lambda one: one.handle)
        for one in referral.unsealings
    ]
    if rows:
        await connection.execute(_FOLLOW, *(list(column) for column in zip(*rows, strict=True)))


async def put_brief(
    connection: Connection,
    key: ErasureKey,
    unsealing_id: str,
    brief: pb.UnsealingBrief,
    receipt: Receipt | None,
) -> None:
    """Keeps what the officer put before the custodians, and which receipt is the request's."""
    short, sealed = pb.UnsealingBrief(), pb.UnsealingBrief()
    short.CopyFrom(brief)
    for seal in ("custodian_seal", "alternate_seal"):
        getattr(sealed, seal).ciphertext = getattr(brief, seal).ciphertext
        getattr(short, seal).ClearField("ciphertext")
    sealed.explanation.CopyFrom(brief.explanation)
    short.ClearField("explanation")
    await connection.execute(
        "UPDATE unsealings SET brief = $2, receipt = $3 WHERE unsealing_id = $1",
        UUID(unsealing_id),
        short.SerializeToString(),
        UUID(receipt.text.event_id) if receipt else None,
    )
    await put(connection, key, unsealing_id, "sealed", sealed)


async def put(
    connection: Connection, key: ErasureKey, unsealing_id: str, column: str, message: Message
) -> None:
    """Keeps what is sealed: a `half`, a `remark`."""
    wrapped = key.wrap(_place(unsealing_id, column), message.SerializeToString())
    await connection.execute(
        f"UPDATE unsealings SET {column} = $2 WHERE unsealing_id = $1", UUID(unsealing_id), wrapped
    )


def _place(unsealing_id: str, column: str) -> str:
    return f"unsealing/{unsealing_id}/{column}"


async def read(connection: Connection, keys: KeyStore, unsealing_id: str) -> Row | None:
    """One in full, or None; without its receipt and what was sealed where the case was erased."""
    found = await connection.fetchrow(_WHOLE, UUID(unsealing_id))
    if found is None:
        return None
    row = _row(found)
    try:
        key = await keys.find(connection, found["subject"])
    except Erased:
        return row
    assert key is not None, "what is sealed was wrapped under a key"
    record = row.record
    if found["event_id"]:
        receipt = receipts.opened(found, key)
        record.receipt.CopyFrom(receipts.unpromised(receipt))
        record.request_hash = receipt.opening.request_hash
    parts = (("sealed", record.brief), ("half", record.half), ("remark", record.remark))
    for column, into in parts:
        if found[column] is not None:
            into.MergeFromString(key.unwrap(_place(unsealing_id, column), found[column]))
    return row


async def waiting_for(database: Database, organisation: str, after: Place, most: int) -> list[Row]:
    """The first `most` that this custodian may answer and that come after a place."""
    rows = await database.fetch(_WAITING, organisation, *after, most)
    return [_row(row) for row in rows]


async def of_desks(database: Database, selection: Selection, before: Place, most: int) -> list[Row]:
    """The last `most` of the selection's desks, countries and handle before a place."""
    rows = await database.fetch(
        _OF_DESKS, selection.desks, selection.countries, selection.handle, *before, most
    )
    return [_row(row) for row in rows]


async def erase(connection: Connection, handle: str) -> None:
    """Deletes what is sealed in the case's requests, and what opens their receipts."""
    await connection.execute(
        "UPDATE unsealings SET sealed = NULL, half = NULL, remark = NULL WHERE subject = $1", handle
    )
    await connection.execute("DELETE FROM receipt WHERE subject = $1", handle)
