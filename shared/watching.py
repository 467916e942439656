"""Streams of changes: look, tell what is new, wait until something was committed, look again."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from shared.commands import Call
from shared.wakeups import Wakeups

T = TypeVar("T")

_LONGEST_WAIT_SECONDS = 1.0


async def changes(
    call: Call, wakeups: Wakeups, look: Callable[[], Awaitable[T | None]]
) -> AsyncIterator[T]:
    """What `look` finds, each time that it finds something, until the server stops."""
    while not call.stopping():
        changed = wakeups.next()
        found = await look()
        if found is not None:
            yield found
            continue
        await wakeups.wait(changed, _LONGEST_WAIT_SECONDS)
