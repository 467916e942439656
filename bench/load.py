"""Load: signed calls sent as they are, as many at once as asked for.

Everything is prepared before the clock runs, and the answers stay bytes, so that a call costs
here the same and as little as can be whoever answers it.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import grpc
import uvloop

from bench import reports, tasks
from deploy.embedded.health import channel


async def _run(given: dict[str, Any]) -> None:
    calls = reports.signed_calls(given["origin"], given["count"])
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
    ca = Path(given["ca"]) if given["ca"] else None
    channels = [channel(given["address"], ca, options) for _ in range(given["channels"])]
    await asyncio.gather(*(one.channel_ready() for one in channels))
    left = iter(calls)

    async def call_one_after_another(one: grpc.aio.Channel) -> None:
        invoke = one.unary_unary(reports.SUBMIT)
        for call in left:
            await invoke(call.request, metadata=call.metadata)

    tasks.ready()
    await asyncio.to_thread(tasks.wait_for_go)
    started, worked = time.monotonic(), time.process_time()
    await asyncio.gather(
        *(
            call_one_after_another(channels[number % len(channels)])
            for number in range(given["concurrency"])
        )
    )
    seconds = time.monotonic() - started
    tasks.answer(
        {
            "calls_per_second": len(calls) / seconds,
            "processor_share": (time.process_time() - worked) / seconds,
        }
    )
    for one in channels:
        await one.close()


if __name__ == "__main__":
    uvloop.run(_run(tasks.arguments()))
