"""Each event takes effect once, in the order of its case, however it arrives."""

import asyncio
import threading
from collections.abc import Iterable

from shared.cloudevents import Incoming
from shared.database import Connection
from shared.decisions import NotYet
from shared.inbox import Inbox
from tests.integration import recorder
from tests.integration.installation import Installation
from tests.integration.recorder import (
    GROUP,
    OTHER_TOPIC,
    TOPIC,
    Recorder,
    effects,
    is_all_read,
    is_all_sent,
    record,
    send,
    subscription,
    upto,
)
from tests.integration.waiting import eventually

CONSUMER = "tests.integration.programs.consumer"


async def _parked(installation: Installation) -> list[tuple[str, int, str]]:
    rows = await installation.ask(
        f"SELECT subject, sequence, reason FROM {GROUP}.inbox_parked ORDER BY subject, sequence"
    )
    return [(subject, sequence, reason) for subject, sequence, reason in rows]


async def test_events_out_of_order_and_repeated_take_effect_once_in_order(
    installation: Installation,
) -> None:
    async with (
        installation.database(GROUP) as database,
        installation.consumer(subscription(), database),
    ):
        order = [3, 1, 5, 4, 3, 1, 5]
        await asyncio.to_thread(
            send,
            installation,
            *(record(installation, "GAP", n) for n in order),
            *(record(installation, "WHOLE", n) for n in (1, 2, 2, 1, 3)),
        )
        await eventually(lambda: is_all_read(installation))
        assert await effects(installation) == {"GAP": [1], "WHOLE": [1, 2, 3]}
        assert await _parked(installation) == [("GAP", n, "gap") for n in (3, 4, 5)]

        await asyncio.to_thread(
            send, installation, record(installation, "GAP", 2), record(installation, "WHOLE", 3)
        )
        await eventually(lambda: is_all_read(installation))
    assert await effects(installation) == {"GAP": upto(5), "WHOLE": upto(3)}
    assert await _parked(installation) == []


class _Meeting(Recorder):
    """Waits, the first time, until the other one has read the same as it."""

    def __init__(self, met: asyncio.Barrier) -> None:
        super().__init__()
        self._met: asyncio.Barrier | None = met

    async def load(self, connection: Connection, subjects: Iterable[str]) -> None:
        await super().load(connection, subjects)
        if self._met:
            met, self._met = self._met, None
            await met.wait()


async def test_of_two_that_take_the_same_events_in_at_once_one_does(
    installation: Installation,
) -> None:
    async with installation.database(GROUP) as database:
        for last in (3, 6):
            batch = [
                (TOPIC, one.value, one.headers)
                for one in (record(installation, "C", n) for n in upto(last))
            ]
            met = asyncio.Barrier(2)
            taken = await asyncio.gather(
                *(Inbox(GROUP, database).take(batch, _Meeting(met)) for _ in range(2))
            )
            assert sorted(map(len, taken)) == [0, 3]
    assert await effects(installation) == {"C": upto(6)}


async def test_a_consumer_killed_before_its_offset_commit_repeats_no_effect(
    installation: Installation,
) -> None:
    wanted = {f"C{n}": upto(8) for n in range(6)}
    async with (
        installation.database("reporting") as database,
        installation.relay("reporting"),
        installation.database(GROUP),
    ):
        for case in wanted:
            await recorder.write(database, case, range(8))
        await eventually(lambda: is_all_sent(installation))
        dying = await installation.run(GROUP, CONSUMER, "before-commit")
        await dying.was_killed()
        # The transaction was there, the commit of the offsets was not.
        first = await effects(installation)
        assert first
        assert await installation.committed(GROUP) == 0

        after = await installation.run(GROUP, CONSUMER)
        await eventually(lambda: is_all_read(installation))
        assert await after.stop() == 0
    assert await effects(installation) == wanted


class _Prerequisites:
    """Lets an event of TOPIC take effect once its case's event of OTHER_TOPIC has."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.asked = threading.Event()

    def check(self, incoming: Incoming) -> None:
        if incoming.stream == OTHER_TOPIC:
            self.known.add(incoming.subject)
        elif incoming.subject not in self.known:
            self.asked.set()
            raise NotYet("its case is not known")


async def test_an_event_waits_for_its_prerequisite_on_another_topic(
    installation: Installation,
) -> None:
    cases = ["A", "B", "C"]
    prerequisites = _Prerequisites()
    listened = subscription(prerequisites.check, topics=(TOPIC, OTHER_TOPIC))
    async with installation.database(GROUP) as database:
        async with installation.consumer(listened, database):
            await asyncio.to_thread(
                send,
                installation,
                *(record(installation, case, n) for case in cases for n in (1, 2)),
            )
            await eventually(lambda: is_all_read(installation))
        assert await effects(installation) == {}
        assert await _parked(installation) == [
            (case, n, reason) for case in cases for n, reason in ((1, "not_yet"), (2, "gap"))
        ]
        # Another process, which has nothing but the database to know it from.
        async with installation.consumer(listened, database):
            await asyncio.to_thread(
                send,
                installation,
                *(record(installation, case, 1, topic=OTHER_TOPIC) for case in cases[:2]),
            )
            await eventually(lambda: is_all_read(installation, TOPIC, OTHER_TOPIC))
            assert await effects(installation) == {"A": [1, 2], "B": [1, 2]}
            await eventually(lambda: _has_waited(installation, "C"))
            assert await effects(installation) == {"A": [1, 2], "B": [1, 2]}
            await asyncio.to_thread(
                send, installation, record(installation, "C", 1, topic=OTHER_TOPIC)
            )
            await eventually(lambda: is_all_read(installation, TOPIC, OTHER_TOPIC))
    assert await effects(installation) == {case: [1, 2] for case in cases}
    assert await effects(installation, stream=OTHER_TOPIC) == {case: [1] for case in cases}
    assert await _parked(installation) == []


async def _has_waited(installation: Installation, case: str) -> bool:
    """Whether a waiting event was tried again; that it counts as no failure is told, too."""
    ((attempts, again),) = await installation.ask(
        "SELECT attempts, retry_at - parked_at > interval '3 seconds'"
        f" FROM {GROUP}.inbox_parked WHERE subject = $1 AND reason = 'not_yet'",
        case,
    )
    assert attempts == 0
    return bool(again)


async def test_an_event_that_becomes_possible_by_itself_is_tried_again(
    installation: Installation,
) -> None:
    possible = threading.Event()

    def check(_: Incoming) -> None:
        if not possible.is_set():
            raise NotYet("the time has not come")

    async with (
        installation.database(GROUP) as database,
        installation.consumer(subscription(check), database),
    ):
        await asyncio.to_thread(send, installation, *(record(installation, "C", n) for n in (1, 2)))
        await eventually(lambda: is_all_read(installation))
        assert await effects(installation) == {}
        possible.set()
        await eventually(lambda: effects(installation))
    assert await effects(installation) == {"C": [1, 2]}
