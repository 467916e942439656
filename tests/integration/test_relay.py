"""Whatever happens to a relay, every event reaches its topic, and takes effect once."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

from kafka.errors import KafkaError

from shared.kafka import Kafka, Producer, Record
from tests.integration import recorder
from tests.integration.installation import Installation
from tests.integration.recorder import effects, is_all_read, is_all_sent, sent, unsent, upto
from tests.integration.waiting import PATIENCE, eventually

RELAY = "tests.integration.programs.relay"
_ACTIVE = """
SELECT a.application_name, a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted = $1 AND a.datname = current_database()
"""


async def _relays(installation: Installation, *, active: bool) -> list[str]:
    return [str(name) for name, _ in await installation.ask(_ACTIVE, active)]


async def _leads(installation: Installation, name: str) -> bool:
    return await _relays(installation, active=True) == [name]


async def _waits(installation: Installation, name: str) -> bool:
    return await _relays(installation, active=False) == [name]


async def _take_effect(installation: Installation, wanted: dict[str, list[int]]) -> None:
    """Lets a consumer take everything in, and checks that each effect came once, in order."""

    async with (
        installation.database("triage") as database,
        installation.consumer(recorder.subscription(), database),
    ):
        # Repeats, too.
        await eventually(lambda: is_all_read(installation))
    assert await effects(installation) == wanted


async def test_a_relay_killed_between_send_and_mark_repeats_and_loses_nothing(
    installation: Installation,
) -> None:
    wanted = {f"C{n}": upto(10) for n in range(5)}
    async with installation.database("reporting") as database:
        for case in wanted:
            await recorder.write(database, case, range(10))
        dying = await installation.run("reporting", RELAY, "reporting", "after-send")
        await dying.was_killed()
        assert await sent(installation) == wanted
        assert await unsent(installation) == 50
        async with installation.relay("reporting"):
            await eventually(lambda: is_all_sent(installation))
    assert await sent(installation) == {case: once + once for case, once in wanted.items()}
    await _take_effect(installation, wanted)


async def test_of_two_relays_one_sends_and_the_other_takes_over(
    installation: Installation,
) -> None:
    async def start(name: str) -> Any:
        url = installation.database_url("reporting")
        settings = {"HARBOURLIGHT_DATABASE_URL": f"{url}?application_name={name}"}
        return await installation.run("reporting", RELAY, "reporting", settings=settings)

    written = 0

    async def write(database: Any, count: int) -> None:
        nonlocal written
        for _ in range(count):
            await recorder.write(database, "C", [0])
            written += 1

    async with installation.database("reporting") as database:
        first = await start("first")
        await eventually(lambda: _leads(installation, "first"))
        second = await start("second")
        await eventually(lambda: _waits(installation, "second"))
        await write(database, 200)
        await eventually(lambda: is_all_sent(installation))
        # Two that sent would have sent each row twice.
        assert await sent(installation) == {"C": upto(200)}

        writing = asyncio.create_task(write(database, 300))
        await eventually(lambda: _more_than(installation, 250))
        await first.kill()
        await writing
        await eventually(lambda: _leads(installation, "second"))
        await eventually(lambda: is_all_sent(installation))
        await second.kill()
    await _take_effect(installation, {"C": upto(written)})


async def _more_than(installation: Installation, count: int) -> bool:
    return len((await sent(installation)).get("C", [])) > count


async def test_a_relay_that_lost_its_connection_leads_again(installation: Installation) -> None:
    async with installation.database("reporting") as database:
        async with (
            installation.relay("reporting", application="first"),
            installation.relay("reporting", application="second"),
        ):
            await eventually(lambda: _is_led_with_a_stand_in(installation))
            for n in range(4):
                (leader,) = await _relays(installation, active=True)
                (other,) = await _relays(installation, active=False)
                await _cut(installation, leader)
                await eventually(lambda name=other: _leads(installation, name))
                await eventually(lambda name=leader: _waits(installation, name))
                await recorder.write(database, "C", [n])
                await eventually(lambda: is_all_sent(installation))
        assert await sent(installation) == {"C": upto(4)}


async def _is_led_with_a_stand_in(installation: Installation) -> bool:
    return (
        len(await _relays(installation, active=True)) == 1
        and len(await _relays(installation, active=False)) == 1
    )


async def _cut(installation: Installation, name: str) -> None:
    await installation.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = $1",
        name,
    )


class HeldUp(Kafka):
    """Its producers send the first half of a batch, and the rest when `go_on` is set."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.half_sent, self.go_on, self.ended = (threading.Event() for _ in range(3))

    def producer(self) -> Producer:
        return _HeldUpProducer(self._options, self)


class _HeldUpProducer(Producer):
    def __init__(self, options: dict[str, Any], hold: HeldUp) -> None:
        super().__init__(options)
        self._hold = hold

    def send_all(self, records: Sequence[Record]) -> None:
        half = len(records) // 2
        super().send_all(records[:half])
        self._hold.half_sent.set()
        self._hold.go_on.wait(PATIENCE)
        try:
            super().send_all(records[half:])
        finally:
            self._hold.ended.set()


async def test_a_relay_that_loses_its_connection_while_it_sends_stops_at_once(
    installation: Installation,
) -> None:
    kafka = installation.kafka("reporting", HeldUp)
    async with installation.database("reporting") as database:
        await recorder.write(database, "C", range(10))
        async with installation.relay("reporting", kafka=kafka, application="first"):
            assert await asyncio.to_thread(kafka.half_sent.wait, PATIENCE)
            async with installation.relay("reporting", application="second"):
                await eventually(lambda: _waits(installation, "second"))
                await _cut(installation, "first")
                await eventually(lambda: is_all_sent(installation))
                # It waits for the lock again: its producer is closed.
                await eventually(lambda: _waits(installation, "first"))
                kafka.go_on.set()
                assert await asyncio.to_thread(kafka.ended.wait, PATIENCE)
                assert await sent(installation) == {"C": upto(5) + upto(10)}
    await _take_effect(installation, {"C": upto(10)})


async def test_a_relay_that_is_told_to_stop_while_it_sends_stops(
    installation: Installation,
) -> None:
    kafka = installation.kafka("reporting", HeldUp)
    async with installation.database("reporting") as database:
        await recorder.write(database, "C", range(10))
        # Leaving waits for its end.
        async with installation.relay("reporting", kafka=kafka):
            assert await asyncio.to_thread(kafka.half_sent.wait, PATIENCE)
        kafka.go_on.set()
        assert await asyncio.to_thread(kafka.ended.wait, PATIENCE)
    assert await sent(installation) == {"C": upto(5)}
    assert await unsent(installation) == 10


class FirstFails(Kafka):
    """Its first producer loses the first half of its batch; the ones after it do well."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.made = 0

    def producer(self) -> Producer:
        self.made += 1
        kind = _LosingProducer if self.made == 1 else Producer
        return kind(self._options)


class _LosingProducer(Producer):
    def send_all(self, records: Sequence[Record]) -> None:
        super().send_all(records[len(records) // 2 :])
        raise KafkaError("the first half is lost")


async def test_a_failed_batch_that_is_overtaken_is_sent_again_and_put_in_order(
    installation: Installation,
) -> None:
    wanted = {"A": upto(20), "B": upto(20)}
    async with installation.database("reporting") as database:
        for n in range(20):
            await recorder.write(database, "A", [n])
            await recorder.write(database, "B", [n])
        kafka = installation.kafka("reporting", FirstFails)
        async with installation.relay("reporting", kafka=kafka):
            await eventually(lambda: is_all_sent(installation))
        assert kafka.made == 2
    late = list(range(11, 21))
    assert await sent(installation) == {"A": late + upto(20), "B": late + upto(20)}
    await _take_effect(installation, wanted)
