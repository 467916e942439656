"""An installation of a test's own: a database, topics, and the parts and processes on them."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import grpc
from kafka.admin import (
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
)

from deploy import topology
from deploy.embedded.bootstrap import ROOT
from deploy.embedded.folder import Folder
from deploy.embedded.health import channel
from deploy.embedded.processes import last_lines, launcher
from deploy.embedded.stack import Stack
from harbourlight import Endpoints
from shared.consumer import Consumer, Subscription
from shared.database import Database
from shared.kafka import Kafka
from shared.migrate import SHARED, migrate
from shared.relay import Relay, prepare
from shared.wakeups import Wakeups
from tests.integration.waiting import eventually

_NO_COORDINATOR_YET = (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
)
"""What a broker that has just started says to the first who ask for a group."""

_EVERYTHING = ACLFilter(
    principal=None,
    host=None,
    operation=ACLOperation.ANY,
    permission_type=ACLPermissionType.ANY,
    resource_pattern=ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
)

K = TypeVar("K", bound=Kafka)

MIGRATIONS = Path(__file__).parent / "migrations"
ORIGIN = "harbourlight.local"


class Process:
    """A process of the network; it is gone when the test is."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.log = log

    def says(self, text: str) -> bool:
        """Whether its log holds this."""
        return text in self.log.read_text()

    async def said(self, text: str) -> None:
        """Returns when its log holds this."""

        async def look() -> bool:
            ended = self._process.returncode
            assert ended is None, f"it ended with {ended}:\n{last_lines(self.log)}"
            return self.says(text)

        await eventually(look)

    def peak_memory(self) -> int:
        """The most that it has had resident, in bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(one for one in status.splitlines() if one.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    async def kill(self) -> None:
        """Ends it as a power cut would."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """Its exit code after it was asked to stop."""
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), 30)

    async def was_killed(self) -> None:
        """Returns when SIGKILL has ended it."""
        code = await asyncio.wait_for(self._process.wait(), 60)
        assert code == -signal.SIGKILL, f"it ended with {code}:\n{last_lines(self.log)}"


@dataclass
class Installation:
    """Every service as its own database role and Kafka principal, as in production."""

    stack: Stack
    name: str
    """Of its database; its topics and groups begin with it and a dot."""
    folder: Path
    _processes: list[Process] = field(default_factory=list)
    _ports: dict[str, int] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """Of its topics and groups."""
        return f"{self.name}."

    @property
    def admin_url(self) -> str:
        """Its database, as the administrator."""
        return urlunsplit(urlsplit(self.stack.admin_database_url)._replace(path=f"/{self.name}"))

    def environment(self, process: str) -> dict[str, str]:
        """The settings of a process, on a port that stays its own."""
        if process not in self._ports:
            self._ports[process] = Folder(self.folder).port(process)
        settings = self.stack.environment(process, database=self.name, prefix=self.prefix)
        return settings | {"HARBOURLIGHT_LISTEN": f"127.0.0.1:{self._ports[process]}"}

    def endpoints(self) -> Endpoints:
        """Where clients find its services."""
        names = ("reporting", "triage", "notification", "remedy", "ledger")
        return Endpoints(
            ORIGIN,
            {name: self.environment(name)["HARBOURLIGHT_LISTEN"] for name in names},
            ca=self.stack.ca,
            promises=self.stack.endpoints["promises"],
            trust=self.stack.trust.trust,
        )

    async def publish_keys(self) -> None:
        """Publishes the development keys in its directory; its ledger runs."""
        ledger = self.environment("ledger")["HARBOURLIGHT_LISTEN"]
        await self.stack.trust.publish(ledger, self.stack.ca, self.stack.token("OPERATOR"))

    def channel(self, service: str) -> grpc.aio.Channel:
        """To a service, for calls made byte by byte."""
        return channel(self.environment(service)["HARBOURLIGHT_LISTEN"], self.stack.ca)

    def database_url(self, role: str) -> str:
        """Its database, as a service's role."""
        return self.environment(role)["HARBOURLIGHT_DATABASE_URL"]

    def keystore_url(self, role: str) -> str:
        """Its key store, as a service's role."""
        return self.environment(role)["HARBOURLIGHT_KEYSTORE_URL"]

    def kafka(self, principal: str, kind: type[K] = Kafka) -> K:
        """Its topics, as a principal."""
        return self.stack.kafka_access(principal).kafka(kind, self.prefix)

    async def is_guarded(self) -> bool:
        """Whether the broker goes by all of its access rules: it takes them over bit by bit."""
        wanted = {
            (grant.principal, name, operation)
            for grant in topology.grants(self.prefix)
            for name in (grant.topic, grant.group)
            if name is not None
            for operation in grant.operations
        }
        known = await asyncio.to_thread(self._access_rules)
        return len(wanted) == len([name for name in known if name.startswith(self.prefix)])

    def _access_rules(self) -> list[str]:
        """The name that each rule of the broker is about."""
        with KafkaAdminClient(**self.stack.kafka_admin.client_options()) as admin:
            rules, _ = admin.describe_acls(_EVERYTHING)
        return [rule.resource_pattern.resource_name for rule in rules]

    def _forget(self) -> None:
        """Takes its topics and rules off the broker, which would grow with every test else."""
        with KafkaAdminClient(**self.stack.kafka_admin.client_options()) as admin:
            rules, _ = admin.describe_acls(_EVERYTHING)
            mine = [
                rule
                for rule in rules
                if rule.resource_pattern.resource_name.startswith(self.prefix)
            ]
            if mine:
                admin.delete_acls(mine)
            names = [name for name in admin.list_topics() if name.startswith(self.prefix)]
            if names:
                admin.delete_topics(names)

    def admin_kafka(self) -> Kafka:
        """Its topics, as the administrator."""
        return self.stack.kafka_admin.kafka(Kafka, self.prefix)

    async def records(self, *topics: str) -> list[Any]:
        """What these topics hold now, partition by partition."""
        return await asyncio.to_thread(self.admin_kafka().read_to_end, topics)

    async def committed(self, group: str) -> int:
        """How many records a group has read and committed, over all that it reads."""

        def look() -> int:
            name = self.prefix + group
            with KafkaAdminClient(**self.stack.kafka_admin.client_options()) as admin:
                try:
                    offsets = admin.list_group_offsets(name)[name]
                except _NO_COORDINATOR_YET:
                    return 0
            return sum(max(0, one.offset) for one in offsets.values())

        return await asyncio.to_thread(look)

    async def ask(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Rows, as the administrator."""
        connection = await asyncpg.connect(self.admin_url)
        try:
            return [tuple(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close()

    @contextlib.asynccontextmanager
    async def database(self, role: str, *migrations: Path) -> AsyncIterator[Database]:
        """A service's migrated schema, as the service."""
        url = self.database_url(role)
        await migrate(url, SHARED, MIGRATIONS, *migrations)
        await prepare(url)
        wakeups = Wakeups(url, role)
        wakeups.start()
        database = await Database.connect(url, wakeups)
        try:
            yield database
        finally:
            await database.close()
            await wakeups.stop()

    @contextlib.asynccontextmanager
    async def relay(
        self, role: str, *, kafka: Kafka | None = None, application: str = ""
    ) -> AsyncIterator[None]:
        """A relay of the service that runs in this process."""
        url = self.database_url(role)
        wakeups = Wakeups(url, role)
        wakeups.start()
        named = f"{url}?application_name={application}"
        relay = Relay(role, named, kafka or self.kafka(role), wakeups)
        running = asyncio.create_task(relay.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait_for(asyncio.gather(running, return_exceptions=True), 30)
            await wakeups.stop()

    @contextlib.asynccontextmanager
    async def consumer(self, subscription: Subscription, database: Database) -> AsyncIterator[None]:
        """A consumer of the service that runs in this process."""
        consumer = Consumer(subscription, database, self.kafka(subscription.group))
        consumer.start()
        try:
            yield
        finally:
            await asyncio.wait_for(consumer.stop(), 30)

    async def run(
        self,
        process: str,
        module: str = "",
        *arguments: str,
        settings: Mapping[str, str] | None = None,
    ) -> Process:
        """Starts a process of the topology, or `module` with that process's settings."""
        log = self.folder / f"{process}-{len(self._processes)}.log"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HARBOURLIGHT_")}
        with log.open("ab") as output:
            started = await asyncio.create_subprocess_exec(
                *launcher(signal.SIGKILL),
                *(sys.executable, "-m", module or f"services.{process}", *arguments),
                stdout=output,
                stderr=output,
                env={**inherited, **self.environment(process), **(settings or {})},
                cwd=ROOT,
                start_new_session=True,
            )
        found = Process(started, log)
        self._processes.append(found)
        return found

    async def serve(self, process: str) -> Process:
        """Starts a service and returns when it serves."""
        started = await self.run(process)
        await started.said("serving on port")
        return started

    async def stop(self) -> None:
        """Ends its processes."""
        for process in self._processes:
            await process.kill()

    async def close(self) -> None:
        """Ends its processes, and takes what it had off the broker."""
        await self.stop()
        await asyncio.to_thread(self._forget)
