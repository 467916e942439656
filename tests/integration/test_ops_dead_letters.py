"""Operators see what was put aside, have it tried again or skip it, and what they did stays."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from deploy import topology
from deploy.ops import letters, parked
from deploy.ops.site import NotFound, WrongState
from services.notification import router
from shared.cloudevents import Incoming
from shared.decisions import NotYet
from shared.inbox import dead_letter_topic
from shared.migrate import SHARED, migrate
from tests.integration import recorder
from tests.integration.installation import Installation
from tests.integration.operators import ops, ops_json, site_of
from tests.integration.recorder import GROUP, TOPIC, effects, record, send, subscription, upto
from tests.integration.waiting import eventually

BAD = 13


@pytest.fixture(autouse=True)
async def _schemas(installation: Installation) -> None:
    """Every service's tables, although only some services run."""
    for service in topology.DATABASES:
        await migrate(installation.database_url(service), SHARED)


class _Sick:
    """A handler that fails on some events until it is healed."""

    def __init__(self) -> None:
        self.healed = False

    def check(self, incoming: Incoming) -> None:
        """Raises where the event carries BAD."""
        if getattr(incoming.event, "amendments", 0) == BAD and not self.healed:
            raise ArithmeticError("thirteen is too much")


@asynccontextmanager
async def _poisoned(installation: Installation, sick: _Sick) -> AsyncIterator[None]:
    """A consumer whose case SICK is stopped by its second event of four."""
    async with (
        installation.database(GROUP) as database,
        installation.relay(GROUP),
        installation.consumer(subscription(sick.check), database),
    ):
        records = [record(installation, "SICK", n, BAD if n == 2 else 0) for n in upto(4)]
        await asyncio.to_thread(send, installation, *records)
        await eventually(lambda: _is_poison(installation))
        yield


async def _is_poison(installation: Installation) -> bool:
    # An hour of back-off passes at once.
    await installation.ask(
        f"UPDATE {GROUP}.inbox_parked SET retry_at = now() WHERE reason = 'failed'"
    )
    return bool(
        await installation.ask(f"SELECT 1 FROM {GROUP}.inbox_parked WHERE reason = 'poison'")
    )


async def _has_come_to(installation: Installation, case: str, sequences: list[int]) -> bool:
    return (await effects(installation)).get(case) == sequences


async def test_a_poisoned_event_is_seen_shown_and_replayed(installation: Installation) -> None:
    sick = _Sick()
    name = f"{GROUP}/{TOPIC}/SICK/2"
    async with _poisoned(installation, sick):
        listed = await ops_json(installation, "dlq", "list")
        assert [(one["id"], one["reason"], one["behind"]) for one in listed["parked"]] == [
            (name, "poison", 2)
        ]
        assert listed["letters"] == []
        everything = await ops_json(installation, "dlq", "list", "--all")
        assert len(everything["parked"]) == 3
        shown = await ops_json(installation, "dlq", "show", name)
        assert shown["event"] == {"handle": "SICK", "amendments": BAD}
        assert shown["headers"]["ce_sequence"] == "2"

        code, _, said = await ops(installation, "dlq", "replay", name)
        assert (code, "--reason" in said) == (2, True)
        sick.healed = True
        code, said, _ = await ops(
            installation, "dlq", "replay", name, "--reason", "mended in 1.2", "--operator", "Ann"
        )
        assert (code, said) == (0, f"{name} is tried again now.\n")
        await eventually(lambda: _has_come_to(installation, "SICK", upto(4)))
        code, _, said = await ops(
            installation, "dlq", "discard", name, "--reason", "too late", "--json"
        )
        assert (code, json.loads(said)["error"]["code"]) == (4, 4)
    rows = await installation.ask(
        f"SELECT operator, role, action, reason, consumer, stream, subject, sequence"
        f" FROM {GROUP}.operator_action"
    )
    assert rows == [
        ("Ann", "postgres", "replay", "mended in 1.2", GROUP, TOPIC, "SICK", 2),
    ]


async def test_a_discarded_event_is_skipped_and_its_case_goes_on(
    installation: Installation,
) -> None:
    site = site_of(installation)
    async with _poisoned(installation, _Sick()):
        with pytest.raises(WrongState, match=r"waits for triage/.*/SICK/2"):
            await parked.discard(site, f"{GROUP}/{TOPIC}/SICK/3", "Ann", "impatience")
        await parked.discard(site, f"{GROUP}/{TOPIC}/SICK/2", "Ann", "void by agreement")
        await eventually(lambda: _has_come_to(installation, "SICK", [1, 3, 4]))
        # What comes later, or again, finds the line as if it had been handled.
        later = [record(installation, "SICK", n, BAD if n == 2 else 0) for n in (2, 5)]
        await asyncio.to_thread(send, installation, *later)
        await eventually(lambda: _has_come_to(installation, "SICK", [1, 3, 4, 5]))
        async with site.connect() as connection:
            assert await parked.listed(connection) == []
    assert await installation.ask(
        f"SELECT subject, sequence FROM {GROUP}.inbox_mark WHERE consumer = '{GROUP}'"
    ) == [("SICK", 5)]
    ((action, reason, detail),) = await installation.ask(
        f"SELECT action, reason, detail FROM {GROUP}.operator_action"
    )
    assert (action, reason) == ("discard", "void by agreement")
    assert "thirteen is too much" in detail


async def test_a_release_is_not_undone_by_a_batch_that_was_under_way(
    installation: Installation,
) -> None:
    """A consumer writes back what it has read; an operator must not slip in between."""
    site = site_of(installation)
    name = f"{GROUP}/{TOPIC}/SICK/2"
    async with _poisoned(installation, _Sick()), site.connect() as batch:
        transaction = batch.transaction()
        await transaction.start()
        await batch.fetch(f"SELECT * FROM {GROUP}.inbox_mark")
        await batch.fetch(f"SELECT * FROM {GROUP}.inbox_parked")
        discarding = asyncio.create_task(parked.discard(site, name, "Ann", "void"))
        done, _ = await asyncio.wait([discarding], timeout=0.5)
        assert not done
        # The batch has read and now writes: it goes first, and nobody is chosen as a victim.
        await batch.execute(f"UPDATE {GROUP}.inbox_parked SET error = 'seen' WHERE sequence = 2")
        await batch.execute(f"UPDATE {GROUP}.inbox_mark SET sequence = sequence")
        await transaction.commit()
        assert (await discarding).error == "seen"
        await eventually(lambda: _has_come_to(installation, "SICK", [1, 3, 4]))


async def test_what_waits_for_a_missing_event_is_told_and_not_touched(
    installation: Installation,
) -> None:
    def never(_: Incoming) -> None:
        raise NotYet("its time never comes here")

    site = site_of(installation)
    async with (
        installation.database(GROUP) as database,
        installation.consumer(subscription(never), database),
    ):
        await asyncio.to_thread(
            send, installation, record(installation, "GAP", 2), record(installation, "EARLY", 1)
        )

        async def both() -> bool:
            async with site.connect() as connection:
                return len(await parked.listed(connection)) == 2

        await eventually(both)
        with pytest.raises(WrongState, match="has not arrived"):
            await parked.replay(site, f"{GROUP}/{TOPIC}/GAP/2", "Ann", "why not")
        await parked.discard(site, f"{GROUP}/{TOPIC}/EARLY/1", "Ann", "its prerequisite was void")
        with pytest.raises(NotFound, match="dlq list"):
            await parked.replay(site, f"{GROUP}/{TOPIC}/EARLY/1", "Ann", "again")


async def test_a_letter_of_the_router_is_sent_again_or_skipped(installation: Installation) -> None:
    """What the router could not read stops its case in notification until an operator decides."""
    site = site_of(installation)
    topic = dead_letter_topic(TOPIC, router.GROUP)
    good = record(installation, "CASE", 1)
    reasons = [("dlq_topic", TOPIC.encode()), ("dlq_error", b"not an event")]
    letter = replace(
        good,
        topic=installation.prefix + topic,
        key=b"",
        headers=[*good.headers, *reasons],
    )
    await asyncio.to_thread(_send_as, installation, router.GROUP, letter, letter)
    async with site.connect() as connection:
        found = await letters.listed(site, connection)
    assert [(one.id, one.subject, one.sequence, one.settled) for one in found] == [
        (f"{topic}/{n}", "CASE", 1, "") for n in (0, 1)
    ]

    await letters.replay(site, f"{topic}/0", "Ann", "the router reads it now")
    (again,) = await installation.records(TOPIC)
    assert (again.key, again.value, again.headers) == (b"CASE", good.value, good.headers)

    await letters.discard(site, f"{topic}/1", "Ann", "unreadable for good")
    marks = "SELECT consumer, stream, subject, sequence FROM notification.inbox_mark"
    assert await installation.ask(marks) == [("notification", TOPIC, "CASE", 1)]
    async with site.connect() as connection:
        settled = [one.settled for one in await letters.listed(site, connection)]
    assert settled == ["replay", "discard"]
    assert (await ops_json(installation, "dlq", "list"))["letters"] == []


def _send_as(installation: Installation, principal: str, *records: recorder.Record) -> None:
    producer = installation.kafka(principal).producer()
    producer.send_all(records)
    producer.abort()
