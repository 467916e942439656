"""The outbox relay: events per second from the outbox to acknowledged and marked."""

import asyncio
import time
from datetime import UTC, datetime

import asyncpg

from bench import reports
from bench.figures import Effort, Figure, throughput
from bench.rig import Rig, Room
from shared import outbox


async def measure(rig: Rig, effort: Effort) -> list[Figure]:
    """The reporting process's relay against the bare producer, with the same records."""
    count = effort.of(30_000)
    room = await rig.room("bare")

    async def bare() -> float:
        topic = room.topic("bare")
        async with rig.task(
            "bench.floors.produce", kafka=rig.kafka_options, topic=topic, count=count
        ) as task:
            await task.ready()
            task.go()
            return float(await task.result())

    async with rig.service("reporting", room):
        await _relayed(rig, room, 500)
        return await throughput(
            "outbox_relay", "events/s", ">= 0.5", effort, bare, lambda: _relayed(rig, room, count)
        )


async def until_sent(database: asyncpg.Connection) -> None:
    """Waits until nothing is left in the reporting service's outbox."""
    waiting = "SELECT EXISTS (SELECT FROM reporting.outbox WHERE sent_at IS NULL)"
    while await database.fetchval(waiting):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def _relayed(rig: Rig, room: Room, count: int) -> float:
    """Events per second from their commit until the last is marked as sent."""
    events = [
        outbox.Outgoing(event, event.handle, datetime.now(UTC), traceparent=reports.TRACEPARENT)
        for event in reports.filed(count)
    ]
    async with rig.connection(room) as database:
        await database.execute("SET search_path = reporting")
        async with database.transaction():
            await outbox.append(database, events)
            await database.execute("SELECT pg_notify('reporting', '')")
        started = time.monotonic()
        await until_sent(database)
        return count / (time.monotonic() - started)
