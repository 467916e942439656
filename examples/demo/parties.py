"""The three parties, each with a client and credential of its own, and what each has seen."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Generic, TypeVar

from harbourlight import Authority, Company, Custodian, Endpoints, Ngo, sentences
from harbourlight.keys.files import KeyRing
from harbourlight.notification.v1 import events_pb2 as feed
from harbourlight.notification.v1 import notification_pb2 as notification
from harbourlight.receiptfolder import ReceiptFolder
from harbourlight.signing import CaseKey
from harbourlight.triage.v1 import triage_pb2 as triage

T = TypeVar("T")

PATIENCE_SECONDS = 30.0
NGO = "workers-first"
"""Organisation of the NGO."""


class Sightings(Generic[T]):
    """What a party has seen so far, and a way to wait for what it should see."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, T]] = []
        self._more = asyncio.Condition()

    async def add(self, what: T) -> None:
        """The party sees `what` now."""
        async with self._more:
            self.seen.append((time.monotonic(), what))
            self._more.notify_all()

    async def wait_for(self, matches: Callable[[T], bool], what: str) -> tuple[float, T]:
        """The first sighting that matches, with its moment. Raises TimeoutError saying `what`."""

        def found() -> tuple[float, T] | None:
            return next((one for one in self.seen if matches(one[1])), None)

        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._more:
                await self._more.wait_for(found)
        except TimeoutError:
            raise TimeoutError(f"not seen within {PATIENCE_SECONDS:.0f} s: {what}") from None
        result = found()
        assert result is not None
        return result


class Reporter:
    """A company with one case: it reports, keeps its receipts, and follows its notices."""

    def __init__(self, endpoints: Endpoints, folder: Path) -> None:
        key = CaseKey.generate()
        self.receipts = ReceiptFolder(folder / key.handle)
        self.client = Company(endpoints, key, receipts=self.receipts, patience=PATIENCE_SECONDS)
        self.notices: Sightings[notification.Notice] = Sightings()

    async def follow(self) -> None:
        """Watches the case's notices until it is cancelled."""
        async for notice in self.client.watch_notices():
            await self.notices.add(notice)

    async def told(self, event: type, matches: Callable[[Any], bool] = lambda _: True) -> Any:
        """(moment, sentence) of the first notice of this event that matches."""

        def fits(notice: notification.Notice) -> bool:
            if notice.type != event.DESCRIPTOR.full_name:  # type: ignore[attr-defined]
                return False
            unpacked = event()
            notice.event.Unpack(unpacked)
            return matches(unpacked)

        moment, notice = await self.notices.wait_for(fits, f"a notice of {event.__name__}")
        return moment, sentences.sentence(notice.event)


class Desk:
    """An authority: it watches its queue."""

    def __init__(self, endpoints: Endpoints, token: str) -> None:
        keys = KeyRing.load(endpoints.keys.get("AUTHORITY", ()))
        self.client = Authority(endpoints, token, keys=keys, patience=PATIENCE_SECONDS)
        self.queue: Sightings[triage.Referral] = Sightings()

    async def follow(self) -> None:
        """Watches the queue until it is cancelled."""
        async for referral in self.client.watch_queue():
            await self.queue.add(referral)

    async def sees(
        self, handle: str, matches: Callable[[triage.Referral], bool] = lambda _: True
    ) -> tuple[float, triage.Referral]:
        """The first sighting of the case's referral that matches."""
        return await self.queue.wait_for(
            lambda one: one.handle == handle and matches(one), f"the referral of {handle}"
        )


class Custody:
    """A custodian: it holds the other half of the keys to who reports."""

    def __init__(self, endpoints: Endpoints, token: str) -> None:
        keys = KeyRing.load(endpoints.keys["CUSTODIAN"])
        self.client = Custodian(endpoints, token, keys=keys, patience=PATIENCE_SECONDS)


class Observer:
    """An NGO: it follows the remedy feed. It knows no handle, only pseudonyms of its own."""

    def __init__(self, endpoints: Endpoints, token: str) -> None:
        self.client = Ngo(endpoints, token, patience=PATIENCE_SECONDS)
        self.feed: Sightings[feed.RemedyFeedEvent] = Sightings()

    async def follow(self) -> None:
        """Subscribes to the feed until it is cancelled."""
        async for batch in self.client.subscribe_remedy():
            for event in batch.events:
                await self.feed.add(event)

    async def sees_more(
        self, event: type, after: int, matches: Callable[[Any], bool] = lambda _: True
    ) -> tuple[float, feed.RemedyFeedEvent]:
        """The first feed event of this type behind sequence `after` that matches."""

        def fits(one: feed.RemedyFeedEvent) -> bool:
            if one.sequence <= after or one.type != event.DESCRIPTOR.full_name:  # type: ignore[attr-defined]
                return False
            unpacked = event()
            one.event.Unpack(unpacked)
            return matches(unpacked)

        return await self.feed.wait_for(fits, f"{event.__name__} in the feed")

    @property
    def position(self) -> int:
        """Sequence of the last event seen."""
        return self.feed.seen[-1][1].sequence if self.feed.seen else 0


async def timed(call: Coroutine[Any, Any, T]) -> tuple[T, float, float]:
    """(answer, moment of the answer, seconds that the call took)."""
    began = time.monotonic()
    answer = await call
    ended = time.monotonic()
    return answer, ended, ended - began
