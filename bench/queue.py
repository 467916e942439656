"""From the answer to a report until an officer sees it in the queue, at a steady rate."""

from statistics import median

from bench.figures import Effort, Figure, percentile, turns
from bench.rig import Rig

_RATE = 50
_WARM_UP = _RATE
_EVENT_BYTES = 120


async def measure(rig: Rig, effort: Effort) -> list[Figure]:
    """Reporting and triage against commit, bare produce, poll, commit."""
    seconds = effort.of(5)
    room = await rig.room()
    async with rig.service("reporting", room) as reporting, rig.service("triage", room) as triage:

        async def ours() -> list[float]:
            async with rig.task(
                "bench.passages",
                reporting=reporting,
                triage=triage,
                ca=str(rig.stack.ca),
                origin=rig.stack.endpoints["origin"],
                token=rig.stack.token("AUTHORITY"),
                rate=_RATE,
                seconds=seconds,
            ) as task:
                await task.ready()
                task.go()
                return list(await task.result())

        floors, values = await turns(effort, lambda: _bare(rig, seconds), ours)
    return [
        Figure(
            f"accepted_to_queue_p{percent}",
            median(percentile(turn, percent / 100) for turn in values),
            "ms",
            median(percentile(turn, percent / 100) for turn in floors),
            budget,
        )
        for percent, budget in ((50, "<= 2.5"), (99, "<= 4"))
    ]


async def _bare(rig: Rig, seconds: int) -> list[float]:
    room = await rig.room("bare")
    given = {
        "database_url": room.database_url,
        "kafka": rig.kafka_options,
        "topic": room.topic("bare"),
        "group": room.topic("bare"),
        "rate": _RATE,
        "count": _RATE * seconds + _WARM_UP,
        "size": _EVENT_BYTES,
    }
    async with (
        rig.task("bench.floors.passages", end="receive", **given) as receive,
        rig.task("bench.floors.passages", end="send", **given) as send,
    ):
        await receive.ready()
        await send.ready()
        send.go()
        sent, received = await send.result(), await receive.result()
    pairs = list(zip(sent, received, strict=True))[_WARM_UP:]
    return [1000 * (later - earlier) for earlier, later in pairs]
