"""What can be made again from what is kept, and how.

- Topics, from the outboxes' sent rows: a topic that lost records gets those that it lacks.
- What the router made of them, from the topics themselves, by having it read them from the start.

Repeats do no harm: consumers know by their marks what they have seen.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

from deploy import topology
from deploy.ops import flow, parked
from deploy.ops.site import Site, Unreachable, WrongState
from services.notification import router
from shared.kafka import Record
from shared.relay import COLUMNS, record_of

_BATCH = 2_000
_FRESH_MS = topology.RETENTION_MS // 2
_DAY_MS = 86_400_000

Key = tuple[str, bytes, bytes, tuple[tuple[str, bytes], ...]]
"""What a record is known again by: topic, key, value and headers."""


@dataclass(frozen=True)
class Refilled:
    """What was done for one service."""

    service: str
    kept: int
    """Sent rows that the outbox still has."""
    sent_again: int


async def topics(
    site: Site,
    operator: str,
    reason: str,
    *,
    service: str = "",
    dry_run: bool = False,
    unsent: bool = False,
) -> list[Refilled]:
    """Sends again what the outboxes have sent and the topics do not hold.

    With `unsent` also what was not sent yet; no relay may run then. Raises Unreachable.
    """
    done = []
    for name in [service] if service else topology.DATABASES:
        async with site.connect() as connection:
            rows = await connection.fetch(
                f"SELECT {COLUMNS} FROM {name}.outbox WHERE $1 OR sent_at IS NOT NULL ORDER BY id",
                unsent,
            )
            records = [record_of(row, name, site.prefix) for row in rows]
            missing = await asyncio.to_thread(_missing, site, records)
            if missing and not dry_run:
                await asyncio.to_thread(_send, site, missing)
                detail = f"{len(missing)} records of {len(rows)} kept"
                await parked.record(
                    connection, name, operator, "rebuild topics", reason, detail=detail
                )
            if unsent and not dry_run:
                await connection.execute(
                    f"UPDATE {name}.outbox SET sent_at = now() WHERE sent_at IS NULL"
                )
        done.append(Refilled(name, len(rows), len(missing)))
    return done


def _key(topic: str, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Key:
    return topic, key, value, tuple((name, bytes(text)) for name, text in headers)


def _missing(site: Site, records: list[Record]) -> list[Record]:
    if not records:
        return []
    names = sorted({one.topic.removeprefix(site.prefix) for one in records})
    try:
        there = {
            _key(one.topic, one.key or b"", one.value or b"", one.headers)
            for one in site.topics().read_to_end(names)
        }
    except KafkaError as error:
        raise Unreachable(
            f"Kafka does not show {', '.join(names)} ({error}): where the broker is new, "
            "`python -m deploy.provision` or the next start of the stack makes its topics"
        ) from error
    return [
        fresh(one, site.prefix)
        for one in records
        if _key(one.topic, one.key, one.value, one.headers) not in there
    ]


def fresh(record: Record, prefix: str) -> Record:
    """The record with a time that the topic's retention does not take at once.

    The event's own time is in its headers and stays. What NGOs read tells no time of day, so
    there it is the day that is fresh.
    """
    now = int(time.time() * 1000)
    if now - record.timestamp_ms < _FRESH_MS:
        return record
    if record.topic == prefix + topology.FEED:
        now -= now % _DAY_MS
    return replace(record, timestamp_ms=now)


def _send(site: Site, records: list[Record]) -> None:
    try:
        producer = site.topics().producer()
        try:
            for start in range(0, len(records), _BATCH):
                producer.send_all(records[start : start + _BATCH])
        finally:
            producer.abort()
    except KafkaError as error:
        raise Unreachable(f"not all was sent again ({error}): the same command goes on") from error


async def routed(site: Site, operator: str, reason: str) -> int:
    """Has the router read its sources from the start; how many records that is.

    Raises WrongState while it runs, and Unreachable.
    """
    count = await asyncio.to_thread(_rewind, site)
    async with site.connect() as connection:
        await parked.record(
            connection, "notification", operator, "rebuild routed", reason, detail=f"{count}"
        )
    return count


def _rewind(site: Site) -> int:
    group = site.prefix + router.GROUP
    with site.admin() as admin:
        described: dict[str, Any] = flow.groups(admin, [group])[group]
        if described.get("members"):
            raise WrongState(
                f"{router.GROUP} is running, and would go on where it is: stop it, run this again, "
                "and start it; a router that was killed leaves its group within 6 s"
            )
        there = flow.partitions(admin, [site.prefix + source for source in router.SOURCES])
        done = admin.reset_group_offsets(group, dict.fromkeys(there, OffsetSpec.EARLIEST))
        if failed := [one["error"] for one in done.values() if one.get("error")]:
            raise WrongState(
                f"the broker does not set {router.GROUP} back ({failed[0]}): see that none runs"
            )
        ends = admin.list_partition_offsets(dict.fromkeys(there, OffsetSpec.LATEST))
    return sum(ends[one].offset - done[one]["offset"] for one in there)
