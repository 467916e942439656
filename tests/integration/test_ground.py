"""What stands under every service: migrations, the outbox's partitions, wake-ups."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from shared import relay
from shared.database import Connection, Database
from shared.migrate import SHARED, ChangedMigration, migrate
from shared.wakeups import Wakeups
from tests.integration.installation import Installation
from tests.integration.waiting import eventually


@pytest.fixture
async def connection(installation: Installation) -> AsyncIterator[asyncpg.Connection]:
    """The triage service's schema, with the shared tables."""
    await migrate(installation.database_url("triage"), SHARED)
    connection = await asyncpg.connect(installation.database_url("triage"))
    yield connection
    await connection.close()


async def test_migrations_run_once_however_many_run_them(installation: Installation) -> None:
    url = installation.database_url("reporting")
    names = [f"shared/{path.name}" for path in sorted(SHARED.glob("*.sql"))]
    applied = await asyncio.gather(*(migrate(url, SHARED) for _ in range(6)))
    assert sorted(applied) == [[]] * 5 + [names]
    assert await migrate(url, SHARED) == []


async def test_an_edited_migration_is_refused_and_changes_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    url = installation.database_url("reporting")
    folder = tmp_path / "service" / "migrations"
    shutil.copytree(SHARED, folder)
    await migrate(url, folder)
    (folder / "0000_new.sql").write_text("CREATE TABLE early (x int);")
    edited = sorted(folder.glob("0001*.sql"))[0]
    edited.write_text(edited.read_text() + "\n-- changed\n")
    with pytest.raises(ChangedMigration, match=edited.name):
        await migrate(url, folder)
    assert await installation.ask("SELECT to_regclass('reporting.early')") == [(None,)]


async def test_a_broken_migration_leaves_nothing_behind(
    installation: Installation, tmp_path: Path
) -> None:
    url = installation.database_url("reporting")
    folder = tmp_path / "service" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_half.sql").write_text("CREATE TABLE half (x int); SELECT 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(url, folder)
    assert await installation.ask("SELECT to_regclass('reporting.half')") == [(None,)]
    (folder / "0001_half.sql").write_text("CREATE TABLE half (x int);")
    assert await migrate(url, folder) == ["service/0001_half.sql"]


async def _partitions(connection: asyncpg.Connection) -> set[str]:
    rows = await connection.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'outbox'::regclass"
    )
    return {row[0] for row in rows}


async def test_outbox_partitions_are_made_ahead_and_dropped_when_they_may_be(
    connection: asyncpg.Connection,
) -> None:
    today = await connection.fetchval("SELECT (now() AT TIME ZONE 'UTC')::date")

    def name(days: int) -> str:
        return f"outbox_{today + timedelta(days):%Y%m%d}"

    async def day(days: int, *, sent: bool) -> None:
        on = today + timedelta(days)
        await connection.execute(
            f"CREATE TABLE {name(days)} PARTITION OF outbox"
            f" FOR VALUES FROM ('{on}') TO ('{on + timedelta(1)}')"
        )
        await connection.execute(
            "INSERT INTO outbox"
            " (created_on, topic, subject, sequence, type, time, payload, sent_at)"
            " VALUES ($1, 't', 's', 1, 'x', now(), '', CASE WHEN $2 THEN now() END)",
            on,
            sent,
        )

    await day(-relay.KEEP_DAYS - 2, sent=True)
    await day(-relay.KEEP_DAYS - 1, sent=False)
    await day(-relay.KEEP_DAYS, sent=True)
    kept = {name(-relay.KEEP_DAYS - 1), name(-relay.KEEP_DAYS), name(0), name(1), name(2)}
    for _ in range(2):
        await relay.keep_house(connection)
        assert await _partitions(connection) == {"outbox_default", *kept}
    # What was not sent can be, and then its day goes, too.
    await connection.execute("UPDATE outbox SET sent_at = now() WHERE sent_at IS NULL")
    await relay.keep_house(connection)
    assert await _partitions(connection) == {"outbox_default", *kept} - {name(-relay.KEEP_DAYS - 1)}


async def test_a_day_that_began_without_its_partition_loses_no_row(
    connection: asyncpg.Connection,
) -> None:
    insert = (
        "INSERT INTO outbox (topic, subject, sequence, type, time, payload)"
        " VALUES ('t', 's', 1, 'x', now(), '')"
    )
    await connection.execute(insert)
    await relay.keep_house(connection)
    await connection.execute(insert)
    assert await connection.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL") == 2


async def test_commits_in_quick_succession_share_their_notifications(
    installation: Installation,
) -> None:
    url = installation.database_url("reporting")
    heard: list[float] = []
    loop = asyncio.get_running_loop()
    listener = await asyncpg.connect(url)
    await listener.add_listener("channel", lambda *_: heard.append(loop.time()))
    committing, waiting = Wakeups(url, "channel"), Wakeups(url, "channel")
    committing.start()
    waiting.start()
    try:
        # Until both are connected.
        await eventually(lambda: _is_woken(committing, waiting))
        await eventually(lambda: _is_woken(waiting, committing))
        heard.clear()
        began = loop.time()
        for _ in range(2_000):
            committing.committed()
            await asyncio.sleep(0)
        took = loop.time() - began
        changed = waiting.next()
        committing.committed()
        await asyncio.wait_for(changed.wait(), 30)
        # At most one per 2 ms, the one that was under way, and the last one.
        assert 1 <= len(heard) <= took / 0.002 + 3
    finally:
        await committing.stop()
        await waiting.stop()
        await listener.close()


async def _is_woken(committing: Wakeups, waiting: Wakeups) -> bool:
    changed = waiting.next()
    committing.committed()
    await waiting.wait(changed, 0.2)
    return changed.is_set()


async def test_wakeups_go_on_after_their_connection_was_lost(installation: Installation) -> None:
    url = installation.database_url("reporting")
    committing, waiting = Wakeups(url, "channel"), Wakeups(url, "channel")
    committing.start()
    waiting.start()
    try:
        await eventually(lambda: _is_woken(committing, waiting))
        cut = await installation.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert len(cut) >= 2
        await eventually(lambda: _is_woken(committing, waiting))
    finally:
        await committing.stop()
        await waiting.stop()


async def test_a_statement_that_is_not_run_leaves_its_connection_as_it_was(
    installation: Installation,
) -> None:
    async def read(connection: Connection) -> int:
        return int(await connection.fetchval("SELECT 1"))

    url = installation.database_url("reporting")
    await migrate(url, SHARED)
    # One connection alone, so that each use meets what the one before left.
    database = await Database.connect(url, Wakeups(url, "reporting"), size=1, idle=1)
    try:
        # What cannot be sent is noticed when the statement is prepared already.
        for bad in (2**70, "text", object()):
            with pytest.raises(asyncpg.DataError):
                await database.fetchrow("SELECT id FROM outbox WHERE id > $1", bad)
            assert await database.reading(read) == 1
        for number in range(50):
            query = f"SELECT {number}, count(*) FROM outbox WHERE id > $1"
            given_up = asyncio.create_task(database.fetch(query, number))
            await asyncio.sleep(random.uniform(0, 0.003))
            given_up.cancel()
            await asyncio.gather(given_up, return_exceptions=True)
            assert await database.reading(read) == 1
    finally:
        await database.close()
