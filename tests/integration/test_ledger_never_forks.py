"""Whatever happens to it, the ledger never signs two trees that disagree."""

import asyncio
import contextlib
import itertools
import random
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from harbourlight import Ledger, errors
from harbourlight.proofs.checkpoints import Checkpoint
from tests.integration import logs
from tests.integration.installation import Installation


@contextlib.asynccontextmanager
async def watched(installation: Installation, *ledgers: Ledger) -> AsyncIterator[list[Checkpoint]]:
    """Every checkpoint that anybody could have seen meanwhile."""
    seen: dict[str, Checkpoint] = {}
    stop = asyncio.Event()

    async def watch(ledger: Ledger) -> None:
        while not stop.is_set():
            with contextlib.suppress(errors.Error):
                found = await logs.checkpoint(ledger, installation)
                seen[str(found)] = found
            await asyncio.sleep(0.01)

    watching = [asyncio.create_task(watch(ledger)) for ledger in ledgers]
    found: list[Checkpoint] = []
    try:
        yield found
    finally:
        stop.set()
        await asyncio.gather(*watching)
        found += seen.values()


async def all_agree(ledger: Ledger, seen: list[Checkpoint]) -> None:
    """Any two of them, so each with the next."""
    ordered = sorted(seen, key=lambda one: one.size)
    for one, other in itertools.pairwise(ordered):
        assert one.size < other.size, "two checkpoints of one size"
        await logs.agree(ledger, one, other)


@pytest.mark.timeout(280)
async def test_killed_again_and_again_it_goes_on_with_the_same_tree(
    installation: Installation,
) -> None:
    points = [("", ""), ("before-anchor", "2"), ("after-anchor", "2"), ("before-anchor", "1")]
    done = asyncio.Event()

    async def keep_appending() -> None:
        while not done.is_set():
            await logs.add(installation, logs.entries(random.randrange(1, 40)))
            await asyncio.sleep(0.1)

    await (await logs.serve(installation)).stop()
    appending = asyncio.create_task(keep_appending())
    quick = Ledger(installation.endpoints(), patience=0)
    async with quick, watched(installation, quick) as seen:
        for turn in range(8):
            point, nth = points[turn % len(points)]
            if point:
                module = "tests.integration.programs.ledger"
                dying = await installation.run("ledger", module, point, nth, settings=logs.QUIET)
                await dying.was_killed()
            else:
                process = await logs.serve(installation)
                await asyncio.sleep(random.uniform(0, 1.5))
                await process.kill()
        await logs.serve(installation)
        done.set()
        await appending
        await logs.reached(quick, installation, await logs.size(installation))
    # Each that died had signed one before, or left one behind that the next one published.
    assert len(seen) >= 4
    async with logs.client(installation) as ledger:
        await all_agree(ledger, seen)


async def test_two_processes_sign_as_one_and_the_second_takes_over(
    installation: Installation,
) -> None:
    first = await logs.serve(installation)
    other = await installation.run(
        "ledger", settings={**logs.QUIET, "HARBOURLIGHT_LISTEN": "127.0.0.1:0"}
    )
    await other.said("serving on port")
    port = re.search(r"serving on port (\d+)", other.log.read_text())
    assert port
    endpoints = installation.endpoints()
    beside = replace(endpoints, services={"ledger": f"127.0.0.1:{port[1]}"})
    async with (
        Ledger(endpoints, patience=0) as one,
        Ledger(beside) as two,
        watched(installation, one, two) as seen,
    ):
        for turn in range(6):
            await logs.add(installation, logs.entries(7))
            await logs.reached(two, installation, 7 * (turn + 1))
            if turn == 3:
                await first.kill()
        await all_agree(two, seen)
    async with Ledger(beside) as two:
        await all_agree(two, seen)
    assert max(one.size for one in seen) == 42


async def test_a_checkpoint_comes_at_once_when_idle_and_once_a_second_under_load(
    installation: Installation,
) -> None:
    await logs.serve(installation)
    async with logs.client(installation) as ledger:
        await logs.reached(ledger, installation, 0)
        waits = []
        for size in range(1, 4):
            await asyncio.sleep(1.2)
            await logs.add(installation, logs.entries(1))
            began = time.monotonic()
            await logs.reached(ledger, installation, size)
            waits.append(time.monotonic() - began)
        assert min(waits) < 1
        assert max(waits) < 10
        began = time.monotonic()
        size = 3
        while time.monotonic() - began < 4:
            await logs.add(installation, logs.entries(1))
            size += 1
        found = await logs.reached(ledger, installation, size)
        took = time.monotonic() - began
    query = "SELECT count(*) FROM ledger.checkpoint WHERE log = 1 AND size > 3"
    ((signed,),) = await installation.ask(query)
    assert found.size == size
    assert signed <= took + 1
