"""Solves what an installation under load asks for, beside the event loop."""

import asyncio
import threading
from collections.abc import Callable

from harbourlight import work
from harbourlight.errors import Error

OnWork = Callable[[int, int, int], None]
"""Told (pieces done, pieces in all, bits asked for)."""


def no_word(done: int, pieces: int, bits: int) -> None:
    """Tells nobody."""


class Effort:
    """What one call has been asked for so far.

    Where solving what was asked did not get it in, as much more is solved the next time: the
    service lets those in first who did most.
    """

    def __init__(self, on_work: OnWork) -> None:
        self._on_work = on_work
        self._more = 0

    async def solve(self, failure: Error, seconds: float | None) -> str:
        """The metadata entry that answers the failure's challenge.

        Raises the failure itself where the challenge makes no sense, or where `seconds` (None: as
        long as it takes) were not enough.
        """
        try:
            challenge = work.read_challenge(failure.metadata.get("challenge", ""))
            bits = min(work.difficulty(challenge) + self._more, work.MOST_BITS)
        except work.BadWork:
            raise failure from None
        self._more += 1
        stopped = threading.Event()
        solving = asyncio.to_thread(
            work.solve,
            challenge,
            bits,
            progress=lambda done: self._on_work(done, work.PIECES, bits),
            stopped=stopped.is_set,
        )
        try:
            async with asyncio.timeout(seconds):
                return await solving
        except (TimeoutError, work.Stopped):
            raise failure from None
        finally:
            stopped.set()
