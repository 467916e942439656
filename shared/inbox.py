"""The way in: each event takes effect once, in the order of its stream and case.

A mark per (stream, subject) says how far a case has come. At or below it an event was seen; the
next one is handled; a later one is parked until the gap is filled. An event whose handler says
not yet, or fails, is parked too, and what follows it on its stream waits behind it, while other
cases flow on.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from shared import cloudevents, outbox
from shared.cloudevents import Headers, Incoming
from shared.database import Connection, Database, is_passing
from shared.decisions import NotYet
from shared.inbox_tables import Held, InboxTables, Line

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""How often a failing event is tried before it is poison."""


Bad = tuple[str, bytes, Headers, str]
"""An undecodable record: topic, value, headers, and what is wrong with it."""


class Reactor(Protocol):
    """Handles a batch's events within its transaction."""

    async def load(self, connection: Connection, subjects: Iterable[str]) -> None:
        """Reads and locks what the batch may change."""

    def react(self, incoming: Incoming) -> None:
        """Takes one event in, in memory. Raises NotYet; any other error is a failure."""

    async def save(self, connection: Connection) -> None:
        """Writes what changed, outgoing events last."""


@dataclass
class Settled:
    """What became of a batch."""

    handled: list[Incoming] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)


def settle(
    lines: dict[str, Line], reactor: Reactor, *, without: frozenset[str] | None = None
) -> Settled:
    """Handles what one subject's lines hold, as far as it goes; moves the marks.

    A handled event may be the prerequisite of one on another line, so it goes round until
    nothing moves. Where `without` is given, it is one event that is handled, or fails, and none
    of these streams.
    """
    settled = Settled()
    stopped = set(without or ())
    moved = True
    while moved:
        moved = False
        for stream, line in lines.items():
            while stream not in stopped and (held := line.waiting.get(line.mark + 1)):
                if held.reason == "poison":
                    break
                try:
                    if held.incoming.error:
                        raise ValueError(held.incoming.error)
                    reactor.react(held.incoming)
                except NotYet as reason:
                    held.reason, held.error = "not_yet", str(reason)
                    break
                except Exception as error:
                    held.attempts += 1
                    held.reason = "failed" if held.attempts < ATTEMPTS else "poison"
                    held.error = f"{type(error).__name__}: {error}"
                    stopped.update(lines if without is not None else [stream])
                    log.warning("event %s failed: %s", held.incoming.id, held.error)
                else:
                    line.mark += 1
                    settled.handled.append(held.incoming)
                    del line.waiting[line.mark]
                    moved = True
                    if without is not None:
                        stopped.update(lines)
    for line in lines.values():
        for sequence, held in line.waiting.items():
            if sequence != line.mark + 1:
                held.reason = held.reason if held.reason == "poison" else "gap"
            settled.held.append(held)
    return settled


class Inbox:
    """Takes batches of records in, each batch in one transaction."""

    def __init__(self, consumer: str, database: Database) -> None:
        self._consumer = consumer
        self._database = database
        self._tables = InboxTables(consumer)

    async def take(
        self, records: Sequence[tuple[str, bytes, Headers]], reactor: Reactor
    ) -> list[Incoming]:
        """Takes in (topic, value, headers) records and what was parked of their cases.

        Returns the events that took effect. Undecodable records go to the dead-letter topic.
        """
        good: list[Incoming] = []
        bad: list[Bad] = []
        for topic, value, headers in records:
            try:
                good.append(cloudevents.decode(topic, value, headers))
            except cloudevents.Undecodable as error:
                bad.append((topic, value or b"", headers, str(error)))
        return await self._take_all(good, bad, reactor, {one.subject for one in good})

    async def retry(self, reactor: Reactor, *, most: int = 200) -> list[Incoming]:
        """Tries parked events whose time has come."""
        subjects = await self._tables.due(self._database, most)
        return await self._take_all([], [], reactor, subjects) if subjects else []

    async def _take_all(
        self, good: Sequence[Incoming], bad: Sequence[Bad], reactor: Reactor, subjects: set[str]
    ) -> list[Incoming]:
        try:
            return await self._transact(good, bad, reactor, subjects)
        except Exception as error:
            if is_passing(error):
                raise
            log.warning("batch failed (%s): taking it in one event at a time", error)
        await self._transact([], bad, reactor, set())
        handled: list[Incoming] = []
        for subject in sorted(subjects):
            own = [one for one in good if one.subject == subject]
            handled += await self._take_apart(own, reactor, subject)
        return handled

    async def _take_apart(
        self, good: Sequence[Incoming], reactor: Reactor, subject: str
    ) -> list[Incoming]:
        """Handles a subject's events each in a transaction of its own.

        So an event that only the transaction refuses counts as failed, and no other with it.
        """
        handled: list[Incoming] = []
        without: frozenset[str] = frozenset()
        while True:
            watched = _Watched(reactor)
            try:
                taken = await self._transact(good, [], watched, {subject}, without)
            except Exception as error:
                if is_passing(error):
                    raise
                if watched.last is None:
                    raise
                watched.guilty, watched.failure = watched.last, error
                await self._transact(good, [], watched, {subject}, without)
                without |= {watched.guilty.stream}
            else:
                if not taken:
                    return handled
                handled += taken

    async def _transact(
        self,
        good: Sequence[Incoming],
        bad: Sequence[Bad],
        reactor: Reactor,
        subjects: set[str],
        without: frozenset[str] | None = None,
    ) -> list[Incoming]:
        return await self._database.transaction(
            lambda connection: self._take(connection, good, bad, reactor, subjects, without)
        )

    async def _take(
        self,
        connection: Connection,
        good: Sequence[Incoming],
        bad: Sequence[Bad],
        reactor: Reactor,
        subjects: set[str],
        without: frozenset[str] | None,
    ) -> list[Incoming]:
        now = datetime.now(UTC)
        everyone = sorted(subjects)
        cases, read, parked = await self._tables.read(connection, everyone, good)
        await reactor.load(connection, everyone)
        settled = Settled()
        for lines in cases.values():
            case = settle(lines, reactor, without=without)
            settled.handled += case.handled
            settled.held += case.held
        letters = self._letters(settled.held, parked, bad, now)
        await self._tables.save_marks(connection, cases, read)
        await self._tables.save_parked(connection, settled.handled, settled.held, parked, now)
        await reactor.save(connection)
        await outbox.append_dead_letters(connection, letters)
        return settled.handled

    def _letters(
        self,
        held: Sequence[Held],
        parked: dict[tuple[str, str, int], str],
        bad: Sequence[Bad],
        now: datetime,
    ) -> list[tuple[str, str, bytes, Headers, datetime]]:
        letters = []
        for one in held:
            event = one.incoming
            before = parked.get((event.subject, event.stream, event.sequence))
            if one.reason == "poison" and before != "poison":
                headers = [*event.headers, *_reason(event.topic, one.error or "")]
                topic = dead_letter_topic(event.topic, self._consumer)
                letters.append((topic, event.subject, event.value, headers, now))
        for topic, value, raw, error in bad:
            headers = [*raw, *_reason(topic, error)]
            letters.append((dead_letter_topic(topic, self._consumer), "", value, headers, now))
        return letters


class _Watched:
    """A reactor that remembers which event it took last, and fails the one that is found guilty."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self.load, self.save = reactor.load, reactor.save
        self.last: Incoming | None = None
        self.guilty: Incoming | None = None
        self.failure = Exception()

    def react(self, incoming: Incoming) -> None:
        """Takes the event in, or fails as its transaction did."""
        if self.guilty is not None and incoming.id == self.guilty.id:
            raise self.failure
        self._reactor.react(incoming)
        self.last = incoming


def dead_letter_topic(topic: str, group: str) -> str:
    """Where a group's undecodable and poison records of a topic go."""
    return f"{topic}.{group}.dlq"


def _reason(topic: str, error: str) -> Headers:
    return [("dlq_topic", topic.encode()), ("dlq_error", error.encode())]
