"""What the measurements run on: real servers, the product's processes, and programs of our own."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from kafka import KafkaConsumer, TopicPartition

from deploy import topology
from deploy.embedded.bootstrap import ROOT
from deploy.embedded.health import is_serving
from deploy.embedded.processes import Child, Program, launcher
from deploy.embedded.stack import Stack
from deploy.provision import provision_kafka, with_database

_LONGEST_SECONDS = 60.0


@dataclass(frozen=True)
class Room:
    """A database and topics that no other round has used."""

    database: str
    prefix: str
    database_url: str
    """As the administrator."""

    def topic(self, name: str) -> str:
        """The name of a topic of this room."""
        return self.prefix + name


class Task:
    """A program of our own that prepares, says that it is ready, works when told, and answers."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self._name = name
        self._process = process
        self._log = log

    async def ready(self) -> Any:
        """What the program says when it has prepared."""
        return await self._line()

    def go(self) -> None:
        """Lets it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")

    async def result(self) -> Any:
        """What it found."""
        found = await self._line()
        await self._process.wait()
        return found

    async def _line(self) -> Any:
        assert self._process.stdout is not None
        async with asyncio.timeout(_LONGEST_SECONDS):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended without an answer; its words: {self._log}")
        return json.loads(line)

    async def end(self) -> None:
        """Ends it, wherever it is."""
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class Rig:
    """Real servers without services, and room for each round."""

    def __init__(self, stack: Stack, data: Path) -> None:
        self.stack = stack
        self.data = data
        """Folder of this run's data; the stack's own folder is in it."""
        self._logs = data / "logs"
        self._logs.mkdir(exist_ok=True)
        self._numbers = itertools.count(1)

    @property
    def kafka_options(self) -> dict[str, Any]:
        """Options of a kafka-python client, as the administrator."""
        return dict(self.stack.kafka_admin.client_options())

    async def room(self, *topics: str) -> Room:
        """A fresh one. `topics` are made beside the product's own, alike."""
        name = f"round{next(self._numbers)}"
        prefix = f"{name}."
        await self.stack.provision(database=name, prefix=prefix)
        extra = [
            topology.Topic(prefix + topic, topology.PARTITIONS, topology.RETENTION_MS)
            for topic in topics
        ]
        await provision_kafka(self.stack.kafka_admin, extra, [], {})
        url = with_database(self.stack.admin_database_url, name)
        return Room(name, prefix, url)

    @contextlib.asynccontextmanager
    async def service(self, name: str, room: Room) -> AsyncIterator[str]:
        """A process of the topology in a room, as it is run everywhere: its address, or ""."""
        process = next(one for one in topology.PROCESSES if one.name == name)
        settings = self.stack.environment(name, database=room.database, prefix=room.prefix)
        address = settings.get("HARBOURLIGHT_LISTEN", "")
        program = self._program(name, process.module, settings, address)
        child = Child(program)
        await child.start()
        try:
            yield address
        finally:
            await child.stop()

    @contextlib.asynccontextmanager
    async def task(self, module: str, **arguments: Any) -> AsyncIterator[Task]:
        """A program of our own, begun with these arguments."""
        log = self._logs / f"{module.rpartition('.')[2]}.log"
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *launcher(signal.SIGKILL),
                *(sys.executable, "-m", module, json.dumps(arguments)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self._environment({}),
                cwd=ROOT,
                start_new_session=True,
                limit=2**26,
            )
        task = Task(module, process, log)
        try:
            yield task
        finally:
            await task.end()

    def _program(
        self, name: str, module: str, settings: Mapping[str, str], address: str
    ) -> Program:
        async def ready() -> bool:
            return not address or await is_serving(address, self.stack.ca)

        return Program(
            name=name,
            argv=[sys.executable, "-m", module],
            environment=self._environment(settings),
            cwd=ROOT,
            log=self._logs / f"{name}.log",
            ready=ready,
        )

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HARBOURLIGHT_")}
        # Faust makes a folder for each application, where it is not told otherwise in the checkout.
        faust = {"APP_DATADIR": str(self.data / "faust")}
        return {**inherited, **faust, "PYTHONUNBUFFERED": "1", **settings}

    @contextlib.asynccontextmanager
    async def connection(self, room: Room) -> AsyncIterator[asyncpg.Connection]:
        """To the room's database, as the administrator."""
        connection = await asyncpg.connect(room.database_url)
        try:
            yield connection
        finally:
            await connection.close()

    @contextlib.asynccontextmanager
    async def ends(self, topic: str) -> AsyncIterator["Ends"]:
        """Watches how many records a topic holds."""
        consumer = await asyncio.to_thread(KafkaConsumer, **self.kafka_options, group_id=None)
        try:
            partitions = [TopicPartition(topic, n) for n in range(topology.PARTITIONS)]
            yield Ends(consumer, partitions)
        finally:
            await asyncio.to_thread(consumer.close)


@dataclass(frozen=True)
class Ends:
    """The ends of a topic's partitions."""

    consumer: KafkaConsumer
    partitions: list[TopicPartition]

    async def count(self) -> int:
        """Records in the topic."""
        found = await asyncio.to_thread(self.consumer.end_offsets, self.partitions)
        return sum(found.values())
