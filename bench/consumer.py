"""A consumer with mark and state change: events per second taken into a service's database."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from bench import reports
from bench.figures import Effort, Figure, throughput
from bench.rig import Rig, Room


async def measure(rig: Rig, effort: Effort) -> list[Figure]:
    """Triage taking reports in, against poll, decode, one batched insert, offset commit."""
    count = effort.of(8_000)
    # Long enough to be measured at its pace.
    bare_count = 3 * count

    async def bare() -> float:
        room = await filled(rig, bare_count)
        async with (
            rig.task(
                "bench.floors.consume",
                database_url=room.database_url,
                kafka=rig.kafka_options,
                topic=room.topic(reports.FILED),
                group=room.topic("bare"),
            ) as task,
            rig.connection(room) as database,
        ):
            await task.ready()
            return await pace(lambda: database.fetchval("SELECT count(*) FROM bare"), bare_count)

    async def ours() -> float:
        room = await filled(rig, count)
        async with rig.service("triage", room), rig.connection(room) as database:
            query = "SELECT count(*) FROM triage.referrals"
            return await pace(lambda: database.fetchval(query), count)

    return await throughput("consumer", "events/s", ">= 0.4", effort, bare, ours)


async def filled(rig: Rig, count: int, *topics: str) -> Room:
    """A room whose topic of reports holds that many, each of a case of its own."""
    room = await rig.room(*topics)
    async with rig.task(
        "bench.floors.produce",
        kafka=rig.kafka_options,
        topic=room.topic(reports.FILED),
        count=count,
    ) as task:
        await task.ready()
        task.go()
        await task.result()
    return room


async def pace(counted: Callable[[], Awaitable[int]], total: int) -> float:
    """How many per second `counted` grows by, from its first step until it reaches `total`.

    What a process does before its first step, such as to start and to join its group, is left out.
    """
    first, began = 0, 0.0
    while True:
        count = await counted()
        now = time.monotonic()
        if count and not first:
            first, began = count, now
        if count >= total:
            return (total - first) / (now - began)
        await asyncio.sleep(0.02)
