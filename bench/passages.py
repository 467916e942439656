"""Reports handed in at a steady rate while an officer watches the queue."""

import asyncio
import time
from pathlib import Path
from typing import Any

import uvloop

from bench import reports, tasks
from deploy.embedded.health import channel
from harbourlight.triage.v1 import triage_pb2

_WATCH = "/harbourlight.triage.v1.TriageService/WatchQueue"
_WARM_UP_SECONDS = 1.0
_PATIENCE_SECONDS = 20.0


async def _run(given: dict[str, Any]) -> None:
    rate = given["rate"]
    calls = reports.signed_calls(given["origin"], int(rate * (given["seconds"] + _WARM_UP_SECONDS)))
    options = [("grpc.enable_http_proxy", 0)]
    ca = Path(given["ca"]) if given["ca"] else None
    company = channel(given["reporting"], ca, options)
    officer = channel(given["triage"], ca, options)
    submit = company.unary_unary(reports.SUBMIT)
    accepted: dict[str, float] = {}
    visible: dict[str, float] = {}
    missing = {call.handle for call in calls}
    everything = asyncio.Event()

    async def watch() -> None:
        metadata = (("authorization", f"Bearer {given['token']}"),)
        async for answer in officer.unary_stream(_WATCH)(b"", metadata=metadata):
            now = time.monotonic()
            for referral in triage_pb2.WatchQueueResponse.FromString(answer).referrals:
                visible.setdefault(referral.handle, now)
                missing.discard(referral.handle)
            if not missing:
                everything.set()

    async def hand_in(call: reports.SignedCall) -> None:
        await submit(call.request, metadata=call.metadata)
        accepted[call.handle] = time.monotonic()

    tasks.ready()
    await asyncio.to_thread(tasks.wait_for_go)
    watching = asyncio.create_task(watch())
    begun = time.monotonic()
    handing_in = []
    for number, call in enumerate(calls):
        # Each at its time, however long the ones before take.
        await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
        handing_in.append(asyncio.create_task(hand_in(call)))
    await asyncio.gather(*handing_in)
    async with asyncio.timeout(_PATIENCE_SECONDS):
        await everything.wait()
    watching.cancel()
    measured = calls[int(rate * _WARM_UP_SECONDS) :]
    tasks.answer([1000 * (visible[call.handle] - accepted[call.handle]) for call in measured])
    await company.close()
    await officer.close()


if __name__ == "__main__":
    uvloop.run(_run(tasks.arguments()))
