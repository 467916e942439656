"""How far events have come: what waits in the outboxes, and what waits on the topics."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
)

from deploy import topology
from deploy.ops.site import Site

_COORDINATOR_SECONDS = 15.0
_NO_COORDINATOR_YET = (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
)


@dataclass(frozen=True)
class Outbox:
    """One service's way out."""

    service: str
    unsent: int
    oldest_seconds: float | None
    """How long the oldest unsent row has waited."""
    kept: int
    """Sent rows that topics can be refilled from."""
    kept_since: str
    """Day of the oldest kept row."""
    relay: bool
    """Whether a relay holds the lock, and so is sending."""


@dataclass(frozen=True)
class Lag:
    """How much one group has not read of one topic."""

    group: str
    topic: str
    records: int
    """Records behind what the group has committed."""
    members: int
    """Members of the whole group; 0 means that nobody reads."""


_OUTBOX = """
SELECT count(*) FILTER (WHERE sent_at IS NULL) AS unsent,
       extract(epoch FROM clock_timestamp() - min(written_at) FILTER (WHERE sent_at IS NULL))::float
           AS oldest,
       count(sent_at) AS kept, min(created_on)::text AS since
FROM {schema}.outbox
"""
_LOCK_HOLDER = """
SELECT EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32 | objid::bigint) = hashtextextended($1, 0)
)
"""


async def outboxes(
    connection: asyncpg.Connection, prefix: str = "", service: str = ""
) -> list[Outbox]:
    """Each service's outbox."""
    found = []
    for name in [service] if service else topology.DATABASES:
        row = await connection.fetchrow(_OUTBOX.format(schema=name))
        assert row is not None
        found.append(
            Outbox(
                name,
                row["unsent"],
                row["oldest"],
                row["kept"],
                row["since"] or "",
                await connection.fetchval(_LOCK_HOLDER, f"relay/{prefix}{name}"),
            )
        )
    return found


async def lags(site: Site) -> list[Lag]:
    """Each group's lag on each topic that it reads. Raises Unreachable."""
    return await asyncio.to_thread(_lags, site)


def _lags(site: Site) -> list[Lag]:
    names = [site.prefix + group for group in topology.READERS]
    with site.admin() as admin:
        described = groups(admin, names)
        committed = _patiently(lambda: admin.list_group_offsets(names))
        there = partitions(admin, [site.prefix + one.name for one in topology.topics()])
        begins = _offsets(admin, there, OffsetSpec.EARLIEST)
        ends = _offsets(admin, there, OffsetSpec.LATEST)
    found = []
    for group, topics in topology.READERS.items():
        offsets = committed.get(site.prefix + group, {})
        members = len(described.get(site.prefix + group, {}).get("members") or ())
        for topic in topics:
            behind = 0
            for one in there:
                if one.topic == site.prefix + topic:
                    at = offsets[one].offset if one in offsets else -1
                    behind += max(0, ends[one] - max(at, begins[one]))
            found.append(Lag(group, topic, behind, members))
    return found


def groups(admin: KafkaAdminClient, names: list[str]) -> dict[str, Any]:
    """What the broker knows of these groups. Raises KafkaError."""
    return _patiently(lambda: admin.describe_groups(names))


def _patiently(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The answer, also of a broker that has just started and still loads its groups."""
    deadline = time.monotonic() + _COORDINATOR_SECONDS
    while True:
        try:
            return ask()
        except _NO_COORDINATOR_YET:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def partitions(admin: KafkaAdminClient, names: list[str]) -> list[TopicPartition]:
    """The partitions of those of these topics that are there."""
    return [
        TopicPartition(topic["name"], partition["partition_index"])
        for topic in admin.describe_topics(names)
        if not topic["error_code"]
        for partition in topic["partitions"]
    ]


def _offsets(
    admin: KafkaAdminClient, where: list[TopicPartition], spec: Any
) -> dict[TopicPartition, int]:
    found = admin.list_partition_offsets(dict.fromkeys(where, spec))
    return {one: at.offset for one, at in found.items()}
