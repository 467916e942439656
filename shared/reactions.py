"""Takes events in as changes of one aggregate's states."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Generic, TypeVar

from shared import outbox
from shared.cloudevents import Incoming
from shared.commands import Emitter
from shared.database import Connection
from shared.decisions import Decision
from shared.records import Records

S = TypeVar("S")

Reaction = Callable[[S | None, Incoming, datetime], Decision[S] | None]
"""What an event does to a state: a decision, None where it does nothing, or NotYet raised."""


class Reactions(Generic[S]):
    """A reactor (see shared.inbox): event type -> reaction. Other types pass without effect."""

    def __init__(
        self, records: Records[S], emitter: Emitter, reactions: Mapping[str, Reaction[S]]
    ) -> None:
        self._records = records
        self._emitter = emitter
        self._reactions = reactions
        self._start({})

    def _start(self, read: dict[str, tuple[S, int]]) -> None:
        self._read = read
        self._states = {subject: state for subject, (state, _) in read.items()}
        self._changed: set[str] = set()
        self._events: list[outbox.Outgoing] = []
        self._now = datetime.now(UTC)

    async def load(self, connection: Connection, subjects: Iterable[str]) -> None:
        """Reads and locks the states of the batch."""
        stored = await self._records.lock_many(connection, subjects)
        self._start({subject: (one.state, one.revision) for subject, one in stored.items()})

    def react(self, incoming: Incoming) -> None:
        """Changes the state in memory."""
        reaction = self._reactions.get(incoming.type)
        if reaction is None or incoming.event is None:
            return
        subject = incoming.subject
        decision = reaction(self._states.get(subject), incoming, self._now)
        if decision is None:
            return
        # First what may fail: an event that fails leaves nothing behind.
        events = [
            self._emitter.outgoing(event, subject, self._now, incoming) for event in decision.events
        ]
        self._states[subject] = decision.state
        self._changed.add(subject)
        self._events += events

    async def save(self, connection: Connection) -> None:
        """Writes what changed, and the events that follow from it."""
        changes = [
            (subject, self._states[subject], self._read[subject][1] if subject in self._read else 0)
            for subject in self._changed
        ]
        await self._records.save(connection, changes)
        await outbox.append(connection, self._events)
