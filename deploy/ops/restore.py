"""Takes an installation back to a backup: the databases, and topics made again from them.

The services must be stopped. Nothing is destroyed but the topics: the database that was there
stays under another name. The receipt log is not taken back where it is at hand: it has signed what
it holds, and would refuse to sign less.
"""

import asyncio
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from deploy import provision, topology
from deploy.ops import backup, flow, parked, postgres_tools, rebuild
from deploy.ops.rebuild import Refilled
from deploy.ops.site import OpsError, Site, Unreachable, WrongState

_LOG_TABLES = ("log", "entry", "checkpoint", "cosignature")
_TOPIC_SECONDS = 60.0


@dataclass(frozen=True)
class Restored:
    """What a restore did."""

    to: str
    """The moment of the backup."""
    before: str
    """The database that was there until now; empty where there was none."""
    kept_log: bool
    """Whether the receipt log was left as it was, and not taken back."""
    refilled: list[Refilled]


async def restore(site: Site, folder: Path, operator: str, reason: str) -> Restored:
    """Takes everything back to a backup.

    Raises WrongState while a service runs, Unusable where the folder has no whole backup, and
    OpsError where a step fails: until the databases change names nothing has changed, and after
    that the same command goes on.
    """
    manifest, dump = backup.read(folder)
    await _nobody_is_there(site)
    name = urlsplit(site.database_url).path.lstrip("/")
    making, before = f"{name}_restoring", f"{name}_before_{datetime.now(UTC):%Y%m%d%H%M%S}"
    new = Site(provision.with_database(site.database_url, making), site.kafka, site.prefix)
    await _make_empty(site, making)
    await postgres_tools.run(
        "pg_restore", new.database_url, "--exit-on-error", "--single-transaction", str(dump)
    )
    kept_log = await _keep_log(site, new)
    async with new.connect() as connection:
        for service in topology.DATABASES:
            await parked.record(
                connection, service, operator, "restore", reason, detail=f"to {manifest.began}"
            )
    await _swap(site, name, making, before)
    await asyncio.to_thread(make_topics_anew, site)
    # Not by their relays: what is unsent may be older than the topics keep.
    done = await rebuild.topics(site, operator, reason, unsent=True)
    return Restored(manifest.began, before, kept_log, done)


async def _nobody_is_there(site: Site) -> None:
    async with site.connect() as connection:
        rows = await connection.fetch(
            "SELECT DISTINCT usename FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = ANY($1)",
            list(topology.DATABASES),
        )
    members = await asyncio.to_thread(_members, site)
    running = sorted({row["usename"] for row in rows} | set(members))
    if running:
        raise WrongState(
            f"still running: {', '.join(running)}. Stop every service and leave PostgreSQL and "
            "Kafka up (embedded: `python -m deploy.embedded up --only-servers`), then run this "
            "again"
        )


def _members(site: Site) -> list[str]:
    names = [site.prefix + group for group in topology.READERS]
    with site.admin() as admin:
        found = flow.groups(admin, names)
    return [name.removeprefix(site.prefix) for name in names if found[name].get("members")]


async def _make_empty(site: Site, name: str) -> None:
    """A database as `deploy.provision` makes it, without schemas: those come from the backup."""
    async with site.connect() as connection:
        await provision.run_formatted(connection, "DROP DATABASE IF EXISTS %I WITH (FORCE)", name)
        await provision.run_formatted(connection, "CREATE DATABASE %I", name)
        await provision.run_formatted(connection, "REVOKE ALL ON DATABASE %I FROM PUBLIC", name)
        for service in topology.DATABASES:
            grant = "GRANT CONNECT ON DATABASE %I TO %I"
            await provision.run_formatted(connection, grant, name, service)
            path = "ALTER ROLE %I IN DATABASE %I SET search_path = %I"
            await provision.run_formatted(connection, path, service, name, service)
    new = Site(provision.with_database(site.database_url, name), site.kafka)
    async with new.connect() as connection:
        await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")


async def _keep_log(old: Site, new: Site) -> bool:
    """Carries the receipt log over as it is now, where it goes on from the backup's."""
    async with old.connect() as source, new.connect() as target:
        if not await source.fetchval("SELECT to_regclass('ledger.entry')"):
            return False
        newest = "SELECT log, index, leaf FROM ledger.entry e WHERE NOT EXISTS"
        newest += " (SELECT FROM ledger.entry n WHERE n.log = e.log AND n.index > e.index)"
        for row in await target.fetch(newest):
            now = await source.fetchval(
                "SELECT leaf FROM ledger.entry WHERE log = $1 AND index = $2",
                *(row["log"], row["index"]),
            )
            if now != row["leaf"]:
                return False
        async with target.transaction():
            await target.execute(f"TRUNCATE {', '.join(f'ledger.{one}' for one in _LOG_TABLES)}")
            for table in _LOG_TABLES:
                await _copy(source, target, table)
    return True


async def _copy(source: asyncpg.Connection, target: asyncpg.Connection, table: str) -> None:
    with tempfile.TemporaryFile() as file:
        await source.copy_from_table(table, schema_name="ledger", output=file, format="binary")
        file.seek(0)
        await target.copy_to_table(table, schema_name="ledger", source=file, format="binary")


async def _swap(site: Site, name: str, making: str, before: str) -> None:
    other = Site(provision.with_database(site.database_url, "postgres"), site.kafka)
    try:
        async with other.connect() as connection, connection.transaction():
            rename = "ALTER DATABASE %I RENAME TO %I"
            await provision.run_formatted(connection, rename, name, before)
            await provision.run_formatted(connection, rename, making, name)
    except asyncpg.PostgresError as error:
        raise OpsError(
            f"the databases cannot change names ({error}): nothing has changed; see that nobody "
            f"is connected to {name}"
        ) from error


def make_topics_anew(site: Site) -> None:
    """Removes the topics and what each group has read, and makes the topics again, empty."""
    wanted = topology.topics(site.prefix)
    names = [one.name for one in wanted]
    groups = [site.prefix + group for group in topology.READERS]
    with site.admin() as admin:
        _delete_groups(admin, groups)
        if there := sorted(set(names) & set(admin.list_topics())):
            admin.delete_topics(there)
        deadline = time.monotonic() + _TOPIC_SECONDS
        # The broker removes them bit by bit; what is asked for too early is refused.
        while set(names) & set(admin.list_topics()):
            if time.monotonic() > deadline:
                raise Unreachable(f"Kafka has not removed its topics in {_TOPIC_SECONDS:.0f} s")
            time.sleep(0.2)
        settings: dict[str, dict[str, Any]] = {
            one.name: {
                "num_partitions": one.partitions,
                "configs": {"retention.ms": str(one.retention_ms)},
            }
            for one in wanted
        }
        admin.create_topics(settings, wait_for_metadata=True)


def _delete_groups(admin: KafkaAdminClient, groups: list[str]) -> None:
    for name, said in admin.delete_groups(groups).items():
        # It says the error's name, or OK.
        if said != "OK" and "GroupIdNotFound" not in str(said):
            raise KafkaError(f"the group {name} is not removed: {said}")
