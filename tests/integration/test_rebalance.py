"""Consumers of one group join, leave and die under load: every effect once, in order."""

import asyncio
import contextlib

from tests.integration import recorder
from tests.integration.installation import Installation, Process
from tests.integration.recorder import GROUP, effects, is_all_read, is_all_sent, upto
from tests.integration.waiting import eventually

CONSUMER = "tests.integration.programs.consumer"
CASES = [f"C{n}" for n in range(24)]


async def _workers(installation: Installation) -> set[str]:
    return {
        name for (name,) in await installation.ask(f"SELECT DISTINCT instance FROM {GROUP}.effect")
    }


async def _work_done_since(installation: Installation, place: int) -> set[str]:
    rows = await installation.ask(
        f"SELECT DISTINCT instance FROM {GROUP}.effect WHERE place > $1", place
    )
    return {name for (name,) in rows}


async def _place(installation: Installation) -> int:
    ((place,),) = await installation.ask(f"SELECT coalesce(max(place), 0) FROM {GROUP}.effect")
    return int(place)


async def test_consumers_that_join_leave_and_die_under_load(installation: Installation) -> None:
    written = 0

    async def load() -> None:
        nonlocal written
        while True:
            for case in CASES:
                await recorder.write(database, case, [written])
            written += 1
            await asyncio.sleep(0.02)

    async def join(name: str) -> Process:
        return await installation.run(GROUP, CONSUMER, settings={"HARBOURLIGHT_INSTANCE": name})

    async def all_work(*names: str) -> None:
        """Returns when exactly these have work, from now on."""
        place = await _place(installation)

        async def look() -> bool:
            return set(names) <= await _work_done_since(installation, place)

        await eventually(look)

    async with (
        installation.database("reporting") as database,
        installation.database(GROUP),
        installation.relay("reporting"),
    ):
        loading = asyncio.create_task(load())
        first = await join("first")
        await all_work("first")
        second, third = await join("second"), await join("third")
        await all_work("first", "second", "third")
        await second.kill()
        assert await first.stop() == 0
        fourth = await join("fourth")
        # The partitions of those that are gone come to those that are there.
        await all_work("third", "fourth")
        again = await join("first")
        await all_work("first", "third", "fourth")
        loading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loading
        await eventually(lambda: is_all_sent(installation))
        await eventually(lambda: is_all_read(installation))
        for process in (third, fourth, again):
            assert await process.stop() == 0
    counts = dict(await installation.ask("SELECT subject, last FROM reporting.outbox_sequence"))
    assert set(counts) == set(CASES)
    assert min(counts.values()) >= written
    assert await effects(installation) == {case: upto(counts[case]) for case in CASES}
    assert await _workers(installation) == {"first", "second", "third", "fourth"}
