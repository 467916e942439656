"""Operators see how far events have come and what is wrong, and refill what was lost."""

import asyncio
import json
from pathlib import Path

import pytest

from deploy import topology
from deploy.ops import doctor, flow, rebuild
from deploy.ops.doctor import BAD
from shared.migrate import SHARED, migrate
from tests.integration import recorder
from tests.integration.installation import Installation
from tests.integration.operators import ops, ops_json, site_of
from tests.integration.recorder import GROUP, TOPIC, effects, is_all_sent, subscription, upto
from tests.integration.waiting import eventually

SERVICES = Path(__file__).parents[2] / "services"


@pytest.fixture(autouse=True)
async def _schemas(installation: Installation) -> None:
    for service in topology.DATABASES:
        own = SERVICES / service / "migrations"
        await migrate(installation.database_url(service), SHARED, own)


async def test_the_outbox_tells_what_waits_and_whether_anybody_sends(
    installation: Installation,
) -> None:
    async with installation.database("reporting") as database:
        await recorder.write(database, "C", upto(3))
        rows = {one["service"]: one for one in await ops_json(installation, "outbox", "status")}
        assert rows["reporting"]["unsent"] == 3
        assert rows["reporting"]["oldest_seconds"] >= 0
        assert rows["reporting"]["relay"] is False
        assert rows["triage"]["unsent"] == 0
        async with installation.relay("reporting"):
            await eventually(lambda: is_all_sent(installation))
            async with site_of(installation).connect() as connection:
                (row,) = await flow.outboxes(connection, installation.prefix, "reporting")
    assert (row.unsent, row.oldest_seconds, row.kept, row.relay) == (0, None, 3, True)


async def test_lag_is_what_a_group_has_not_committed(installation: Installation) -> None:
    await asyncio.to_thread(
        recorder.send, installation, *(recorder.record(installation, "C", n) for n in upto(5))
    )
    rows = {(one["group"], one["topic"]): one for one in await ops_json(installation, "lag")}
    assert rows[GROUP, TOPIC] == {"group": GROUP, "topic": TOPIC, "records": 5, "members": 0}
    async with (
        installation.database(GROUP) as database,
        installation.consumer(subscription(), database),
    ):

        async def is_read() -> bool:
            rows = await flow.lags(site_of(installation))
            (own,) = [one for one in rows if (one.group, one.topic) == (GROUP, TOPIC)]
            return own.records == 0 and own.members == 1

        await eventually(is_read)


async def test_topics_are_refilled_with_what_they_lack_and_nothing_happens_twice(
    installation: Installation,
) -> None:
    site = site_of(installation)
    async with (
        installation.database("reporting") as database,
        installation.relay("reporting"),
        installation.database(GROUP) as own,
        installation.consumer(subscription(), own),
    ):
        await recorder.write(database, "C", upto(3))
        await recorder.write(database, "D", upto(2))
        await eventually(lambda: _is_at(installation, {"C": upto(3), "D": upto(2)}))
        before = await _records(installation)
        await _lose(installation, TOPIC)
        assert await _records(installation) == []
        plan = await ops_json(installation, "rebuild", "topics", "--reason", "looking", "--dry-run")
        assert {one["service"]: one["sent_again"] for one in plan}["reporting"] == 5
        done = await rebuild.topics(site, "Ann", "the broker lost its disk")
        assert sum(one.sent_again for one in done) == 5
        assert sorted(await _records(installation)) == sorted(before)
        again = await rebuild.topics(site, "Ann", "once more")
        assert sum(one.sent_again for one in again) == 0
        await recorder.write(database, "C", [4])
        await eventually(lambda: _is_at(installation, {"C": upto(4), "D": upto(2)}))
    assert await installation.ask(
        "SELECT operator, action, reason, detail FROM reporting.operator_action"
    ) == [("Ann", "rebuild topics", "the broker lost its disk", "5 records of 5 kept")]


async def _is_at(installation: Installation, wanted: dict[str, list[int]]) -> bool:
    return await effects(installation) == wanted


async def _records(installation: Installation) -> list[tuple[bytes, bytes, int]]:
    found = await installation.records(TOPIC)
    return [(one.key, one.value, int(dict(one.headers)["ce_sequence"])) for one in found]


async def _lose(installation: Installation, topic: str) -> None:
    """Takes every record of a topic away."""

    def lose() -> None:
        with site_of(installation).admin() as admin:
            there = flow.partitions(admin, [installation.prefix + topic])
            admin.delete_records(dict.fromkeys(there, -1))

    await asyncio.to_thread(lose)


async def test_the_doctor_names_what_is_wrong_and_what_to_do(installation: Installation) -> None:
    async with installation.database("reporting") as database:
        await recorder.write(database, "C", [1])
    await installation.ask("UPDATE reporting.outbox SET written_at = now() - interval '2 minutes'")
    await installation.ask("DELETE FROM triage.migration WHERE name LIKE 'triage/%'")
    found = await doctor.examine(site_of(installation))
    bad = {(one.area, one.what) for one in found if one.level == BAD}
    assert any(area == "outbox" and "for 12" in what for area, what in bad)
    assert any(area == "relay" and "remedy" in what for area, what in bad)
    assert any(area == "services" and "triage does not serve" in what for area, what in bad)
    assert any(area == "lag" and "nobody reads" in what for area, what in bad)
    assert any("triage/0001_referrals.sql" in one.what for one in found if one.level == "watch")
    areas = {one.area for one in found if one.level == doctor.GOOD}
    assert {"access", "clock", "disk", "parked", "certificates"} <= areas
    assert all(one.do for one in found if one.level != doctor.GOOD)

    code, said, _ = await ops(installation, "doctor", "--json")
    assert code == 10
    assert {one["level"] for one in json.loads(said)} >= {"good", "bad"}


async def test_who_is_not_an_administrator_is_told(installation: Installation) -> None:
    code, _, said = await ops(installation, "lag", "--data", str(installation.folder / "nothing"))
    assert code == 2
    assert "is no data folder of a stack" in said
