"""Faust routing: events per second from their source to what each audience may see of them."""

from bench import reports
from bench.consumer import filled, pace
from bench.figures import Effort, Figure, throughput
from bench.rig import Rig

_ROUTED = "notification.routed.v1"


async def measure(rig: Rig, effort: Effort) -> list[Figure]:
    """The router's process against a bare Faust agent that forwards."""
    count = effort.of(10_000)

    async def bare() -> float:
        room = await filled(rig, count, "bare")
        target = room.topic("bare")
        async with (
            rig.task(
                "bench.floors.forward",
                kafka=rig.kafka_options,
                group=target,
                source=room.topic(reports.FILED),
                target=target,
            ),
            rig.ends(target) as ends,
        ):
            return await pace(ends.count, count)

    async def ours() -> float:
        room = await filled(rig, count)
        async with (
            rig.service("notification-router", room),
            rig.ends(room.topic(_ROUTED)) as ends,
        ):
            return await pace(ends.count, count)

    return await throughput("faust_routing", "events/s", ">= 0.6", effort, bare, ours)
