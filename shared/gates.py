"""A door that lets so many through at once; the others wait, and who paid more goes first."""

import asyncio
import bisect
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field


class Crowded(Exception):
    """No place to wait either."""


@dataclass(order=True)
class _Waiting:
    order: tuple[int, int]
    """(minus the priority, number): who is first is served first."""
    turn: asyncio.Future[None] = field(compare=False)


class Gate:
    """`places` inside, and `waiting` before it.

    Where all are taken, who comes with a higher priority takes the place of one that waits with
    the lowest; with the same as the lowest, chance decides among them, so that each attempt has
    one, however many come at once.
    """

    def __init__(
        self, places: int, waiting: int, chance: Callable[[int], int] = random.randrange
    ) -> None:
        self._free = places
        self._most = waiting
        self._chance = chance
        self._waiting: list[_Waiting] = []
        self._numbers = itertools.count()

    @property
    def pressure(self) -> float:
        """How much of the waiting room is taken, from 0 to 1."""
        return len(self._waiting) / self._most

    @property
    def lowest(self) -> int:
        """The lowest priority that waits; 0 where nobody does."""
        return -self._waiting[-1].order[0] if self._waiting else 0

    async def enter(self, priority: int = 0) -> None:
        """Returns when it is the caller's turn, who then has to `leave`. Raises Crowded."""
        if self._free:
            self._free -= 1
            return
        if len(self._waiting) >= self._most:
            self._make_room(priority)
        mine = _Waiting(
            (-priority, next(self._numbers)), asyncio.get_running_loop().create_future()
        )
        bisect.insort(self._waiting, mine)
        try:
            await mine.turn
        except asyncio.CancelledError:
            if mine.turn.done() and not mine.turn.cancelled() and not mine.turn.exception():
                # Let in at the very moment of giving up.
                self.leave()
            elif mine in self._waiting:
                self._waiting.remove(mine)
            raise

    def leave(self) -> None:
        """Lets the next one in."""
        while self._waiting:
            turn = self._waiting.pop(0).turn
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _make_room(self, priority: int) -> None:
        lowest = self._waiting[-1].order[0]
        if -priority > lowest:
            raise Crowded
        first = bisect.bisect_left(self._waiting, lowest, key=lambda one: one.order[0])
        peers = len(self._waiting) - first
        if -priority < lowest:
            chosen = first + self._chance(peers)
        else:
            chosen = first + self._chance(peers + 1)
            if chosen == len(self._waiting):
                raise Crowded
        turn = self._waiting.pop(chosen).turn
        if not turn.done():
            turn.set_exception(Crowded())
