"""Waiting for what must come, and no longer than it takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds; long, because the machine may be busy with other tests."""


async def eventually(look: Callable[[], Awaitable[T]], *, seconds: float = PATIENCE) -> T:
    """What `look` returns once it is true. Fails with what it returned last."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        found = await look()
        if found:
            return found
        assert loop.time() < deadline, f"not within {seconds:.0f} s; the last look found {found!r}"
        await asyncio.sleep(0.05)
