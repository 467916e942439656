"""Reads topics, databases and client logs, by code of its own."""

import asyncio
import base64
import json
from urllib.parse import unquote, unquote_to_bytes

import asyncpg
from google.protobuf import any_pb2
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from deploy import topology
from deploy.ops.checker.model import (
    CHANGES_ON_ITS_WAY,
    Action,
    Headers,
    Seen,
    Tables,
    Topics,
    Waiting,
    Written,
    digest,
)
from deploy.ops.site import Site, Unreachable

_STALLED_POLLS = 30


async def read_topics(site: Site) -> Topics:
    """Everything that the topics hold now. Raises Unreachable."""
    try:
        return await asyncio.to_thread(_read_topics, site)
    except KafkaError as error:
        raise Unreachable(f"Kafka does not show its topics ({error})") from error


def _read_topics(site: Site) -> Topics:
    names = [topic.name for topic in topology.topics(site.prefix)]
    with site.admin() as admin:
        places = [
            TopicPartition(topic["name"], partition["partition_index"])
            for topic in admin.describe_topics(names)
            if not topic["error_code"]
            for partition in topic["partitions"]
        ]
    found = Topics()
    consumer = KafkaConsumer(**site.kafka.client_options(), group_id=None, enable_auto_commit=False)
    try:
        consumer.assign(places)
        begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
        for place, begin in begins.items():
            found.begins[place.topic.removeprefix(site.prefix), place.partition] = begin
        consumer.seek_to_beginning(*places)
        left, idle = {one for one in places if ends[one] > begins[one]}, 0
        while left:
            polled = consumer.poll(timeout_ms=1000, max_records=5000)
            idle = 0 if polled else idle + 1
            if idle > _STALLED_POLLS:
                raise KafkaError(f"no record for {idle} s, and {len(left)} partitions unread")
            for place, batch in polled.items():
                for record in batch:
                    if record.offset < ends[place]:
                        _add(found, site.prefix, record)
            left = {one for one in left if consumer.position(one) < ends[one]}
    finally:
        consumer.close()
    return found


def _add(found: Topics, prefix: str, record: object) -> None:
    seen = seen_of(prefix, record)
    is_event = seen.subject and seen.sequence and seen.id and seen.type
    if is_event and not seen.topic.endswith(".dlq"):
        found.records.append(seen)
    else:
        found.unreadable.append(seen)


def seen_of(prefix: str, record: object) -> Seen:
    """A record, as the checker sees it. What its headers do not say stays empty."""
    raw: Headers = tuple((name, bytes(text or b"")) for name, text in record.headers)  # type: ignore[attr-defined]
    key, value = record.key or b"", record.value or b""  # type: ignore[attr-defined]
    said = {name: text.decode("utf-8", "replace") for name, text in raw}
    topic = record.topic.removeprefix(prefix)  # type: ignore[attr-defined]
    number = said.get("ce_sequence", "")
    kept = [pair for pair in raw if pair[0] != CHANGES_ON_ITS_WAY]
    return Seen(
        topic=topic,
        partition=record.partition,  # type: ignore[attr-defined]
        offset=record.offset,  # type: ignore[attr-defined]
        key=key.decode("utf-8", "replace"),
        subject=said.get("ce_subject", ""),
        stream=said.get("ce_stream", topic),
        sequence=int(number) if number.isdecimal() else 0,
        id=said.get("ce_id", ""),
        type=said.get("ce_type", ""),
        cause=said.get("ce_causationid", ""),
        commitment=said.get("ce_commitment", ""),
        digest=digest(key, value, raw),
        kept_digest=digest(key, value, kept),
        value_digest=digest(b"", value, ()),
    )


async def read_tables(site: Site) -> Tables:
    """Everything that the databases hold, at one moment. Raises Unreachable."""
    async with (
        site.connect() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        found = Tables(await connection.fetchval("SELECT now()"))
        for service in topology.DATABASES:
            await _read_service(connection, service, found)
        await _read_parties(connection, found)
        if await connection.fetchval("SELECT to_regclass('ledger.entry')"):
            rows = await connection.fetch("SELECT value FROM ledger.entry WHERE log = 1")
            found.ledger = frozenset(_base64(row["value"]) for row in rows)
        return found


async def _read_service(connection: asyncpg.Connection, service: str, found: Tables) -> None:
    async for row in connection.cursor(
        "SELECT topic, subject, sequence, event_id::text, type, causation_id::text, commitment,"
        f" sent_at, created_on::text, payload, headers FROM {service}.outbox"
    ):
        letter = None
        if row["headers"] is not None:
            letter = digest(row["subject"].encode(), row["payload"], _headers(row["headers"]))
        found.outbox.append(
            Written(
                service,
                row["topic"],
                row["subject"],
                row["sequence"],
                row["event_id"],
                row["type"],
                row["causation_id"] or "",
                _base64(row["commitment"]),
                row["sent_at"] is not None,
                row["created_on"],
                digest(b"", row["payload"], ()),
                letter,
            )
        )
    for row in await connection.fetch(
        f"SELECT topic, subject, last FROM {service}.outbox_sequence"
    ):
        found.drawn[service, row["topic"], row["subject"]] = row["last"]
    # A group has its service's name.
    for row in await connection.fetch(
        f"SELECT stream, subject, sequence FROM {service}.inbox_mark WHERE consumer = $1", service
    ):
        found.marks[service, row["stream"], row["subject"]] = row["sequence"]
    for row in await connection.fetch(
        f"SELECT stream, subject, sequence, reason, topic, value, headers"
        f" FROM {service}.inbox_parked WHERE consumer = $1",
        service,
    ):
        headers = _headers(row["headers"])
        found.parked.append(
            Waiting(
                *(service, row["stream"], row["subject"], row["sequence"], row["reason"]),
                dict(headers).get("ce_id", b"").decode("utf-8", "replace"),
                row["topic"],
                digest(row["subject"].encode(), row["value"], headers),
            )
        )
    for row in await connection.fetch(
        f"SELECT action, consumer, stream, subject, sequence, topic, kafka_offset"
        f" FROM {service}.operator_action"
    ):
        found.actions.append(
            Action(
                *(service, row["action"], row["consumer"] or "", row["stream"] or ""),
                *(row["subject"] or "", row["sequence"] or 0),
                *(row["topic"] or "", -1 if row["kafka_offset"] is None else row["kafka_offset"]),
            )
        )
    for row in await connection.fetch(f"SELECT method, request_id::text FROM {service}.answer"):
        found.answers[row["method"].rpartition("/")[2], row["request_id"]] += 1
    for row in await connection.fetch(f"SELECT event_id::text FROM {service}.receipt"):
        found.receipts.add(row["event_id"])


async def _read_parties(connection: asyncpg.Connection, found: Tables) -> None:
    for row in await connection.fetch(
        "SELECT handle, number, event FROM notification.notice ORDER BY handle, number"
    ):
        found.notices[row["handle"]].append((row["number"], _type(row["event"])))
    for row in await connection.fetch("SELECT handle, last FROM notification.notice_count"):
        found.notice_counts[row["handle"]] = row["last"]
    rows = await connection.fetch("SELECT number, event FROM notification.feed_log ORDER BY number")
    found.feed = [(row["number"], _type(row["event"])) for row in rows]
    found.feed_count = await connection.fetchval("SELECT last FROM notification.feed_count")


def _headers(text: str) -> list[tuple[str, bytes]]:
    """A record's headers as the databases keep them: quoted names and values."""
    return [(unquote(name), unquote_to_bytes(value)) for name, value in json.loads(text)]


def _base64(value: bytes | None) -> str:
    return base64.b64encode(value).decode() if value is not None else ""


def _type(packed: bytes) -> str:
    return any_pb2.Any.FromString(packed).type_url.rpartition("/")[2]
