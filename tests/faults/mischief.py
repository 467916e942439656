"""Does what a plan says to a running stack, and keeps count of it."""

import asyncio
import contextlib
import math
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from deploy.embedded.processes import Child, StartError
from deploy.embedded.stack import Stack
from shared.kafka import Kafka, KafkaError, Producer, Record
from tests.faults.plan import Plan, Step
from tests.integration.waiting import eventually

PATIENCE = 180.0
"""Seconds that anything may take to come back, on a machine that does other things, too."""
_MOST_REPEATED = 40


class Mischief:
    """What is done to one stack."""

    def __init__(self, stack: Stack, seed: int, say: Callable[[str], None]) -> None:
        self.kills: Counter[str] = Counter()
        """Process -> how often it was ended by SIGKILL."""
        self.done: Counter[str] = Counter()
        """What else was done, and how often."""
        self.planted: set[bytes] = set()
        """Values of the records that are no events."""
        self._stack = stack
        self._kafka = stack.kafka_admin.kafka(Kafka)
        self._dice = random.Random(f"{seed}/bytes")
        self._say = say
        self._began, self._hurry_after = time.monotonic(), math.inf

    async def run(self, plan: Plan, *, hurry_after: float) -> None:
        """Returns when all of it was done and every process is ready again.

        Where it takes longer than so many seconds, what is left is done without pauses.
        """
        self._began = time.monotonic()
        self._hurry_after = hurry_after
        await asyncio.gather(self._row(plan.kills), self._row(plan.others))
        await self.healed()

    async def healed(self) -> None:
        """Returns when every process is ready. Fails where one does not come back."""
        for child in self._stack.processes.values():
            await self._ready(child)

    async def _row(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            late = time.monotonic() - self._began > self._hurry_after
            await asyncio.sleep(0 if late else step.pause)
            self._say(f"{time.monotonic() - self._began:6.1f} s  {step}")
            await getattr(self, f"_{step.what}")(step)

    async def _ready(self, child: Child) -> None:
        async def is_ready() -> bool:
            try:
                await child.ready()
            except StartError:
                return False
            return True

        await eventually(is_ready, seconds=PATIENCE)

    async def _running(self, name: str) -> tuple[Child, int]:
        """A process that runs now, and its id."""
        child = self._stack.processes[name]

        async def pid() -> int:
            return child.pid or 0

        return child, await eventually(pid, seconds=PATIENCE)

    async def _kill(self, step: Step) -> None:
        child, _ = await self._running(step.target)
        await child.kill()
        self.kills[step.target] += 1

    async def _crash(self, step: Step) -> None:
        await self._kill(step)
        await self._ready(self._stack.processes[step.target])

    async def _stop(self, step: Step) -> None:
        child, _ = await self._running(step.target)
        await child.stop()
        await asyncio.sleep(step.seconds)
        # A start gives up where the machine is too slow; the next one goes on from there.
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                await child.start()
                break
            except StartError:
                if time.monotonic() > deadline:
                    raise
        self.done[f"{step.what} {step.target}"] += 1

    async def _freeze(self, step: Step) -> None:
        child, pid = await self._running(step.target)
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(step.seconds)
        finally:
            # Killed meanwhile, its number may be somebody else's by now.
            if child.pid == pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        self.done["freeze"] += 1

    async def _poison(self, step: Step) -> None:
        records = []
        for headers in ([], [("ce_id", b"\xff\x00"), ("ce_sequence", b"many")]):
            value = self._dice.randbytes(self._dice.randint(1, 600))
            self.planted.add(value)
            key = self._dice.randbytes(12)
            records.append(Record(step.target, key, value, headers, int(time.time() * 1000)))
        await self._send(records)
        self.done["poison"] += len(records)

    async def _repeat(self, step: Step) -> None:
        there = await self._patiently(lambda: self._kafka.read_to_end([step.target]))
        events = [one for one in there if any(name == "ce_id" for name, _ in one.headers)]
        events = [one for one in events if one.value not in self.planted]
        first = self._dice.randrange(max(1, len(events) - _MOST_REPEATED + 1))
        again = [
            Record(one.topic, one.key, one.value, one.headers, one.timestamp)
            for one in events[first : first + _MOST_REPEATED]
        ]
        await self._send(again)
        self.done["records delivered twice"] += len(again)

    async def _send(self, records: list[Record]) -> None:
        def send() -> None:
            producer: Producer = self._kafka.producer()
            try:
                producer.send_all(records)
            finally:
                producer.abort()

        await self._patiently(send)

    async def _patiently(self, work: Callable[[], Any]) -> Any:
        """Until the broker, which may have started just now, does it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return await asyncio.to_thread(work)
            except KafkaError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)
