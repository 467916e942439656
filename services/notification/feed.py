"""The feed as subscribers follow it: one tail per process, read once for all of them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from harbourlight.notification.v1 import notification_pb2 as pb
from services.notification import store
from services.notification.domain import FeedEntry, FeedFilter
from services.notification.handlers import render
from shared.commands import Call
from shared.database import Database
from shared.signed_tokens import SignedTokens

MOST_EVENTS = 64
"""Events in one response."""
COALESCE_SECONDS = 0.02
"""How long a response waits for more."""
_PAGE = 500
_RECENT = 20_000
_LONGEST_WAIT_SECONDS = 1.0


class Feed:
    """Reads the feed log for every subscriber of this process."""

    def __init__(self, database: Database, secret: bytes) -> None:
        self._database = database
        self._secret = secret
        self._tokens = SignedTokens(secret)
        self._recent: deque[FeedEntry] = deque(maxlen=_RECENT)
        self._reading = asyncio.Lock()

    async def subscribe(
        self, call: Call, request: pb.SubscribeRemedyRequest
    ) -> AsyncIterator[pb.SubscribeRemedyResponse]:
        """Responses from behind the resume token on, until the server stops.

        Raises Refusal (INVALID) where the token is not one of this filter and organisation.
        """
        recipient = call.caller.organisation
        scope = b"\0".join(
            [
                b"SubscribeRemedy",
                recipient.encode(),
                request.filter.SerializeToString(deterministic=True),
            ]
        )
        position, sequence = 0, 0
        if request.resume_token:
            position, sequence = self._tokens.decode(scope, request.resume_token, "resume_token")
        wanted = FeedFilter(
            frozenset(request.filter.countries),
            frozenset(request.filter.sectors),
            frozenset(request.filter.kinds),
            frozenset(request.filter.states),
        )
        while not call.stopping():
            changed = self._database.wakeups.next()
            entries = await self._after(position)
            if not entries:
                await self._database.wakeups.wait(changed, _LONGEST_WAIT_SECONDS)
                continue
            if len(entries) < MOST_EVENTS:
                await asyncio.sleep(COALESCE_SECONDS)
                entries = await self._after(position)
            events = []
            for entry in entries:
                position = entry.number
                if wanted.wants(entry):
                    sequence += 1
                    events.append(render(self._secret, recipient, entry, sequence))
                if len(events) == MOST_EVENTS:
                    break
            if events:
                token = self._tokens.encode(scope, [position, sequence])
                yield pb.SubscribeRemedyResponse(events=events, resume_token=token)

    async def _after(self, position: int) -> list[FeedEntry]:
        """Up to a page of entries behind `position`: from memory where it reaches that far."""
        newest = self._recent[-1].number if self._recent else 0
        if position >= newest:
            async with self._reading:
                # Whoever came first has read for everybody that waited here.
                newest = self._recent[-1].number if self._recent else position
                if position >= newest:
                    fresh = await store.feed_after(self._database, position, _PAGE)
                    self._remember(fresh)
                    return fresh
        oldest = self._recent[0].number
        if position + 1 < oldest:
            return await store.feed_after(self._database, position, _PAGE)
        start = position + 1 - oldest
        return [self._recent[n] for n in range(start, min(start + _PAGE, len(self._recent)))]

    def _remember(self, fresh: list[FeedEntry]) -> None:
        if not fresh:
            return
        if self._recent and fresh[0].number != self._recent[-1].number + 1:
            self._recent.clear()
        self._recent.extend(fresh)
