"""Who gets in, who waits, and whose place is taken."""

import asyncio

import pytest

from shared.gates import Crowded, Gate


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Crowd:
    """Callers of a gate, each of whom notes when it is let in."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.inside: list[str] = []
        self.away: list[str] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def comes(self, name: str, priority: int = 0) -> None:
        async def enter() -> None:
            try:
                await self.gate.enter(priority)
            except Crowded:
                self.away.append(name)
            else:
                self.inside.append(name)

        self._tasks[name] = asyncio.create_task(enter())
        await settle()

    async def gives_up(self, name: str) -> None:
        self._tasks[name].cancel()
        await settle()

    async def leaves(self, times: int = 1) -> None:
        for _ in range(times):
            self.gate.leave()
        await settle()


async def test_the_others_wait_for_their_turn_in_order() -> None:
    crowd = Crowd(Gate(2, 10))
    for name in "abcd":
        await crowd.comes(name)
    assert crowd.inside == ["a", "b"]
    assert crowd.gate.pressure == 0.2
    await crowd.leaves(2)
    assert crowd.inside == ["a", "b", "c", "d"]
    await crowd.leaves(2)
    await crowd.comes("e")
    assert crowd.inside[-1] == "e"


async def test_who_paid_more_goes_first() -> None:
    crowd = Crowd(Gate(1, 10))
    for name, priority in (("a", 0), ("b", 12), ("c", 20), ("d", 12), ("e", 14)):
        await crowd.comes(name, priority)
    assert crowd.gate.lowest == 12
    await crowd.leaves(4)
    assert crowd.inside == ["a", "c", "e", "b", "d"]


async def test_who_paid_more_takes_the_place_of_who_paid_least() -> None:
    crowd = Crowd(Gate(1, 2))
    for name, priority in (("a", 0), ("b", 12), ("c", 13), ("d", 14), ("e", 12)):
        await crowd.comes(name, priority)
    assert crowd.away == ["b", "e"]
    await crowd.leaves(2)
    assert crowd.inside == ["a", "d", "c"]


async def test_among_equals_chance_decides() -> None:
    for chosen, away in ((0, "b"), (1, "c"), (2, "d")):
        crowd = Crowd(Gate(1, 2, lambda of, chosen=chosen: chosen if of == 3 else 0))
        for name in "abcd":
            await crowd.comes(name)
        assert crowd.away == [away]


async def test_who_gives_up_takes_no_turn() -> None:
    crowd = Crowd(Gate(1, 10))
    for name in "abc":
        await crowd.comes(name)
    await crowd.gives_up("b")
    assert crowd.gate.pressure == 0.1
    await crowd.leaves()
    assert crowd.inside == ["a", "c"]


async def test_who_gives_up_as_the_turn_comes_hands_it_on() -> None:
    gate = Gate(1, 10)
    crowd = Crowd(gate)
    for name in "abc":
        await crowd.comes(name)
    gate.leave()
    await crowd.gives_up("b")
    assert crowd.inside == ["a", "c"]


async def test_with_no_room_to_wait_there_is_none() -> None:
    gate = Gate(1, 1)
    await gate.enter()
    waiting = asyncio.create_task(gate.enter(5))
    await settle()
    with pytest.raises(Crowded):
        await gate.enter(4)
    waiting.cancel()
