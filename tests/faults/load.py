"""A bounded load: a few companies at a time, officers and an NGO, for as long as it is wanted."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from deploy.embedded.stack import Stack
from examples.demo import cases
from harbourlight import Endpoints
from tests.faults.parties import NGO, Noticeboard, Observer, Officer, Story

_MOST_ITEMS = 3
_PAUSE_SECONDS = 0.5


class Load:
    """Everybody who uses one stack, and what came of it."""

    def __init__(
        self,
        stack: Stack,
        endpoints: Endpoints,
        folder: Path,
        seed: int,
        say: Callable[[str], None],
    ) -> None:
        self.folder = folder
        self.stories: dict[str, Story] = {}
        """Handle -> story."""
        self.trouble: list[str] = []
        """What no fault excuses."""
        self._endpoints = endpoints
        self._seed = seed
        self._say = say
        # A case with many items says no more than one with few.
        self._cases = [case for case in cases.read() if len(case.items) <= _MOST_ITEMS]
        token = stack.token("AUTHORITY")
        self._officers = [Officer(endpoints, token, folder, f"officer-{n}") for n in (1, 2)]
        self._ngo = Observer(endpoints, stack.mint("NGO", org=NGO), folder)
        self._agreed = Noticeboard()
        self._background: set[asyncio.Task[None]] = set()

    @property
    def logs(self) -> list[Path]:
        """What each client remembers."""
        return sorted(self.folder.glob("*.jsonl"))

    @contextlib.asynccontextmanager
    async def everybody(self) -> AsyncIterator[None]:
        """Officers and NGO are at work for as long as this lasts."""
        self._go_on("NGO", self._ngo.follow())
        self._go_on("NGO", self._ngo.verify())
        for officer in self._officers:
            self._go_on(officer.name, self._watch(officer))
        try:
            yield
        finally:
            await _end(self._background)
            parties: list[Officer | Observer | Story] = [
                *self._officers,
                self._ngo,
                *self.stories.values(),
            ]
            await asyncio.gather(*(one.client.close() for one in parties))

    async def companies(self, count: int, enough: asyncio.Event) -> None:
        """Companies come forward, `count` at a time, until it is enough; each story is ended."""

        async def come(number: int) -> None:
            dice = random.Random(f"{self._seed}/company {number}")
            while not enough.is_set():
                await self.story(dice)
                await asyncio.sleep(_PAUSE_SECONDS)

        await asyncio.gather(*(come(number) for number in range(count)))

    async def story(self, dice: random.Random) -> None:
        """One case from beginning to end; what goes wrong in it is trouble."""
        story = Story(self._endpoints, self.folder, dice.choice(self._cases), dice)
        self.stories[story.handle] = story
        following = asyncio.create_task(self._guard(story.handle, story.follow()))
        playing = asyncio.create_task(self._guard(story.handle, story.play(self._agreed)))
        # Who is told nothing any more waits in vain.
        await asyncio.wait([following, playing], return_when=asyncio.FIRST_COMPLETED)
        await _end({following, playing})
        await story.client.close()

    async def catch_up(self) -> None:
        """Each company looks at what it was told since its story ended."""
        for story in self.stories.values():
            await self._guard(story.handle, story.catch_up())
            await story.client.close()

    async def _watch(self, officer: Officer) -> None:
        known: set[str] = set()
        async for referral in officer.client.watch_queue():
            story = self.stories.get(referral.handle)
            if story is not None and referral.handle not in known:
                known.add(referral.handle)
                self._go_on(officer.name, officer.take_up(referral, story, self._agreed))

    def _go_on(self, who: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guard(who, work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _guard(self, who: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self.trouble.append(f"{who}: {type(error).__name__}: {error}")
            self._say(f"trouble: {self.trouble[-1]}")


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
