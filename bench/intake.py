"""Intake: reports accepted per second, with everything that a report goes through."""

from bench.figures import Effort, Figure, throughput
from bench.relay import until_sent
from bench.rig import Rig

_CONCURRENCY, _CHANNELS = 64, 4
_WARM_UP = 200


async def measure(rig: Rig, effort: Effort) -> list[Figure]:
    """The reporting service over TLS against a bare gRPC handler with one insert, without."""
    count = effort.of(3_000)
    room = await rig.room()
    async with (
        rig.task("bench.floors.inserts", database_url=room.database_url) as bare,
        rig.service("reporting", room) as address,
        rig.connection(room) as database,
    ):
        bare_address, ca = await bare.ready(), str(rig.stack.ca)

        async def calls_per_second(of: str, ca: str = "", number: int = count) -> float:
            async with rig.task(
                "bench.load",
                address=of,
                ca=ca,
                origin=rig.stack.endpoints["origin"],
                count=number,
                concurrency=_CONCURRENCY,
                channels=_CHANNELS,
            ) as load:
                await load.ready()
                # What one round left to be sent is no burden of the next.
                await until_sent(database)
                load.go()
                found = await load.result()
            return float(found["calls_per_second"])

        await calls_per_second(bare_address, number=_WARM_UP)
        await calls_per_second(address, ca, _WARM_UP)
        return await throughput(
            "intake",
            "calls/s",
            ">= 0.5",
            effort,
            lambda: calls_per_second(bare_address),
            lambda: calls_per_second(address, ca),
        )
