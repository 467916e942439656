"""An event whose handler keeps failing stops its own case on its own stream, and nothing else."""

import asyncio
from dataclasses import replace
from typing import Any

from shared.cloudevents import Incoming
from shared.decisions import NotYet
from shared.inbox import ATTEMPTS, dead_letter_topic
from shared.kafka import Record
from tests.integration import recorder
from tests.integration.installation import Installation
from tests.integration.recorder import (
    GROUP,
    OTHER_TOPIC,
    REFUSED_BY_DATABASE,
    TOPIC,
    effects,
    is_all_read,
    is_all_sent,
    record,
    send,
    subscription,
    upto,
)
from tests.integration.waiting import eventually

DEAD_LETTERS = dead_letter_topic(TOPIC, GROUP)
BAD = 13


async def _states(installation: Installation) -> dict[tuple[str, str, int], tuple[str, int]]:
    rows = await installation.ask(
        f"SELECT subject, stream, sequence, reason, attempts FROM {GROUP}.inbox_parked"
    )
    return {
        (subject, stream, sequence): (reason, attempts)
        for subject, stream, sequence, reason, attempts in rows
    }


async def _is_poison(installation: Installation, case: str, sequence: int) -> bool:
    # An hour of back-off passes at once.
    await installation.ask(
        f"UPDATE {GROUP}.inbox_parked SET retry_at = now() WHERE reason = 'failed'"
    )
    reason, _ = (await _states(installation))[case, TOPIC, sequence]
    return reason == "poison"


async def _letters(installation: Installation) -> list[Any]:
    return await installation.records(DEAD_LETTERS)


async def _send(installation: Installation, *records: Record) -> None:
    await asyncio.to_thread(send, installation, *records)
    await eventually(lambda: is_all_read(installation))


async def test_a_poisoned_event_is_put_aside_and_released(installation: Installation) -> None:
    healed = False

    def check(incoming: Incoming) -> None:
        if incoming.event is not None and incoming.event.amendments == BAD and not healed:
            raise ArithmeticError("thirteen is too much")

    async with (
        installation.database(GROUP) as database,
        installation.relay(GROUP),
        installation.consumer(subscription(check), database),
    ):
        await _send(
            installation,
            *(record(installation, "SICK", n, BAD if n == 2 else 0) for n in upto(4)),
            *(record(installation, "WELL", n) for n in upto(3)),
        )
        await eventually(lambda: _is_poison(installation, "SICK", 2))
        await _send(
            installation,
            record(installation, "SICK", 5),
            record(installation, "WELL", 4),
            record(installation, "SICK", 2, BAD),
        )
        assert await effects(installation) == {"SICK": [1], "WELL": upto(4)}
        assert await _states(installation) == {
            ("SICK", TOPIC, 2): ("poison", ATTEMPTS),
            **{("SICK", TOPIC, n): ("gap", 0) for n in (3, 4, 5)},
        }

        await eventually(lambda: is_all_sent(installation, GROUP))
        (letter,) = await _letters(installation)
        headers = {name: text.decode() for name, text in letter.headers}
        assert letter.value == recorder.event("SICK", BAD).SerializeToString()
        assert headers["ce_subject"] == "SICK"
        assert headers["ce_sequence"] == "2"
        assert headers["dlq_topic"] == TOPIC
        assert "thirteen is too much" in headers["dlq_error"]

        healed = True
        await installation.ask(
            f"UPDATE {GROUP}.inbox_parked SET reason = 'failed', attempts = 0, retry_at = now()"
            " WHERE subject = 'SICK' AND reason = 'poison'"
        )
        await eventually(lambda: _is_at(installation, "SICK", 5))
        await eventually(lambda: is_all_sent(installation, GROUP))
    assert await effects(installation) == {"SICK": upto(5), "WELL": upto(4)}
    assert await _states(installation) == {}
    assert len(await _letters(installation)) == 1


async def _is_at(installation: Installation, case: str, mark: int) -> bool:
    rows = await installation.ask(
        f"SELECT sequence FROM {GROUP}.inbox_mark WHERE subject = $1 AND stream = $2", case, TOPIC
    )
    return rows == [(mark,)]


async def test_what_the_database_refuses_poisons_the_guilty_event_alone(
    installation: Installation,
) -> None:
    def check(incoming: Incoming) -> None:
        if incoming.stream == OTHER_TOPIC:
            raise NotYet("its time never comes here")

    async with (
        installation.database(GROUP) as database,
        installation.relay(GROUP),
        installation.consumer(subscription(check, topics=(TOPIC, OTHER_TOPIC)), database),
    ):
        # SICK's second event waits for its first, so that both are taken in together.
        await asyncio.to_thread(
            send,
            installation,
            record(installation, "SICK", 1, topic=OTHER_TOPIC),
            record(installation, "SICK", 2, REFUSED_BY_DATABASE),
            record(installation, "SICK", 3),
            record(installation, "SICK", 1),
            *(record(installation, "WELL", n) for n in upto(3)),
        )
        await eventually(lambda: is_all_read(installation, TOPIC, OTHER_TOPIC))
        await eventually(lambda: _is_poison(installation, "SICK", 2))
        await asyncio.to_thread(send, installation, record(installation, "WELL", 4))
        await eventually(lambda: is_all_read(installation, TOPIC, OTHER_TOPIC))
        await eventually(lambda: is_all_sent(installation, GROUP))
    assert await effects(installation) == {"SICK": [1], "WELL": upto(4)}
    assert await _states(installation) == {
        ("SICK", OTHER_TOPIC, 1): ("not_yet", 0),
        ("SICK", TOPIC, 2): ("poison", ATTEMPTS),
        ("SICK", TOPIC, 3): ("gap", 0),
    }
    (letter,) = await _letters(installation)
    assert dict(letter.headers)["ce_sequence"] == b"2"


async def test_what_is_no_event_becomes_a_dead_letter_and_the_rest_flows(
    installation: Installation,
) -> None:
    good = record(installation, "C", 1)
    headers = dict(good.headers)
    undecodable = [
        replace(good, value=b"\xff\xfe", headers=[]),
        replace(good, headers=[("ce_subject", b"C")]),
        replace(good, headers=list({**headers, "ce_sequence": b"zero"}.items())),
        replace(good, headers=list({**headers, "ce_subject": b"\xff"}.items())),
        replace(good, headers=list({**headers, "ce_subject": b"C\x00"}.items())),
    ]
    async with (
        installation.database(GROUP) as database,
        installation.relay(GROUP),
        installation.consumer(subscription(), database),
    ):
        await _send(installation, *undecodable, good, record(installation, "C", 2))
        await eventually(lambda: is_all_sent(installation, GROUP))
    assert await effects(installation) == {"C": [1, 2]}
    letters = await _letters(installation)
    assert [letter.value for letter in letters] == [one.value for one in undecodable]
    for letter, one in zip(letters, undecodable, strict=True):
        assert letter.headers[: len(one.headers)] == one.headers
        assert dict(letter.headers)["dlq_topic"] == TOPIC.encode()


async def test_a_value_that_is_not_what_its_type_says_is_poison(
    installation: Installation,
) -> None:
    broken = replace(record(installation, "C", 2), value=b"\xff\xfe")
    async with (
        installation.database(GROUP) as database,
        installation.relay(GROUP),
        installation.consumer(subscription(), database),
    ):
        await _send(
            installation, record(installation, "C", 1), broken, record(installation, "D", 1)
        )
        await eventually(lambda: _is_poison(installation, "C", 2))
        await eventually(lambda: is_all_sent(installation, GROUP))
    assert await effects(installation) == {"C": [1], "D": [1]}
    (letter,) = await _letters(installation)
    assert letter.value == broken.value
