"""The whole embedded stack as `make up` runs it: how soon it is ready, how much memory it holds."""

import asyncio
import contextlib
import signal
import sys
import time

import psutil

from bench.figures import Effort, Figure
from bench.rig import Rig
from deploy.embedded.bootstrap import ROOT
from deploy.embedded.processes import launcher

_SETTLE_SECONDS = 3.0


async def measure(rig: Rig, effort: Effort) -> list[Figure]:
    """Starts everything in an empty folder, waits until it is ready, weighs it and stops it."""
    folder = rig.data / "whole"
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *launcher(signal.SIGTERM),
        *(sys.executable, "-m", "deploy.embedded", "up", "--fresh", "--data", str(folder)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        last = b""
        async for last in process.stdout:
            if last == b"ready\n":
                break
        else:
            raise RuntimeError(f"the stack did not start: {last.decode()}")
        seconds = time.monotonic() - started
        await asyncio.sleep(_SETTLE_SECONDS)
        mebibytes = _resident(psutil.Process(process.pid)) / 2**20
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.communicate()
    return [
        Figure("stack_memory", mebibytes, "MiB", None, "<= 1536"),
        Figure("stack_ready", seconds, "s", None, "<= 20"),
    ]


def _resident(root: psutil.Process) -> int:
    """Bytes in memory of a process and all below it; what they share counts once if it can."""
    total = 0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            memory = process.memory_full_info()
            total += getattr(memory, "pss", memory.rss)
    return total
