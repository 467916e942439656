"""What each process holds, before and after."""

import asyncio
import contextlib
import time
from dataclasses import dataclass

import asyncpg
import psutil

from deploy.embedded.stack import Stack

_SECONDS = 60.0
_MIB = 1024 * 1024
MORE_MEMORY, MORE_BYTES = 1.5, 64 * _MIB
"""A process may have so many times what it had, and so much on top: allocators keep some."""
MORE_FILES, FILES_ON_TOP = 1.25, 24
MORE_SESSIONS = 12


@dataclass(frozen=True)
class Held:
    """What a process has."""

    bytes: int
    """Resident."""
    files: int
    """Open file descriptors, sockets among them."""


@dataclass(frozen=True)
class Holdings:
    """What all have."""

    processes: dict[str, Held]
    sessions: int
    """Of clients, on the services' database server."""

    def beyond(self, before: "Holdings") -> list[str]:
        """What is more than it may be, as sentences."""
        found = []
        for name, was in before.processes.items():
            now = self.processes.get(name)
            if now is None:
                found.append(f"{name} does not run")
                continue
            if now.bytes > was.bytes * MORE_MEMORY + MORE_BYTES:
                found.append(f"{name} had {was.bytes // _MIB} MiB, has {now.bytes // _MIB}")
            if now.files > was.files * MORE_FILES + FILES_ON_TOP:
                found.append(f"{name} had {was.files} files open, has {now.files}")
        if self.sessions > before.sessions + MORE_SESSIONS:
            found.append(f"there were {before.sessions} database sessions, are {self.sessions}")
        return found


async def measure(stack: Stack) -> Holdings:
    """What they have now. A process that does not run is left out."""
    found = {}
    for name, child in stack.processes.items():
        if child.pid is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(child.pid)
                found[name] = Held(process.memory_info().rss, process.num_fds())
    connection = await asyncpg.connect(stack.admin_database_url)
    try:
        sessions = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        )
    finally:
        await connection.close()
    return Holdings(found, sessions)


async def back_to(stack: Stack, before: Holdings) -> tuple[Holdings, list[str]]:
    """What they have once it is within bounds, or what is not after a minute."""
    deadline = time.monotonic() + _SECONDS
    while True:
        now = await measure(stack)
        beyond = now.beyond(before)
        if not beyond or time.monotonic() > deadline:
            return now, beyond
        await asyncio.sleep(0.5)
