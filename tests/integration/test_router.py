"""The router passes every event on at least once, and each becomes one notice, in order."""

import asyncio
from collections import defaultdict
from dataclasses import replace

from services.notification import router
from shared.inbox import dead_letter_topic
from tests.integration import recorder
from tests.integration.installation import Installation, Process
from tests.integration.recorder import TOPIC, is_all_sent, record, send, upto
from tests.integration.waiting import eventually


async def _start(installation: Installation) -> Process:
    return await installation.run(router.GROUP, "services.notification.router")


async def _notices(installation: Installation) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    rows = await installation.ask(
        "SELECT handle, number FROM notification.notice ORDER BY handle, number"
    )
    for handle, number in rows:
        found[handle].append(number)
    return dict(found)


async def test_a_router_that_is_killed_under_load_loses_and_repeats_no_notice(
    installation: Installation,
) -> None:
    cases, each = [f"C{n}" for n in range(8)], 120

    async def load() -> None:
        for _ in range(each):
            for case in cases:
                await recorder.write(database, case, [1])

    async def has_routed(count: int) -> bool:
        return len(await installation.records(router.ROUTED)) >= count

    await installation.serve("notification")
    async with installation.database("reporting") as database, installation.relay("reporting"):
        loading = asyncio.create_task(load())
        first = await _start(installation)
        await eventually(lambda: has_routed(len(cases)))
        await first.kill()
        second = await _start(installation)
        await loading
        await eventually(lambda: is_all_sent(installation))
        await eventually(lambda: has_routed(len(cases) * each))

        async def all_noticed() -> bool:
            return sum(map(len, (await _notices(installation)).values())) >= len(cases) * each

        await eventually(all_noticed)
        assert await second.stop() == 0
    routed: dict[str, list[int]] = defaultdict(list)
    for one in await installation.records(router.ROUTED):
        routed[one.key.decode()].append(int(dict(one.headers)["ce_sequence"]))
    assert {case: sorted(set(found)) for case, found in routed.items()} == {
        case: upto(each) for case in cases
    }
    assert await _notices(installation) == {case: upto(each) for case in cases}


async def test_what_the_router_cannot_read_is_a_dead_letter_and_the_rest_flows(
    installation: Installation,
) -> None:
    good = record(installation, "C", 1)
    bad = [replace(good, headers=[]), replace(good, value=b"\xff\xfe")]
    await asyncio.to_thread(send, installation, *bad, good, record(installation, "C", 2))
    await _start(installation)

    async def all_routed() -> bool:
        return len(await installation.records(router.ROUTED)) >= 2

    await eventually(all_routed)
    letters = await installation.records(dead_letter_topic(TOPIC, router.GROUP))
    assert [letter.value for letter in letters] == [one.value for one in bad]
    assert all(dict(letter.headers)["dlq_topic"] == TOPIC.encode() for letter in letters)
    routed = await installation.records(router.ROUTED)
    assert [dict(one.headers)["ce_sequence"] for one in routed] == [b"1", b"2"]
