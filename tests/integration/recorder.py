"""Events of a test's own making, and a consumer that writes down what it did."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.reporting.v1 import events_pb2 as reporting
from shared import cloudevents, outbox
from shared.cloudevents import Incoming
from shared.consumer import Subscription
from shared.database import Connection, Database
from shared.kafka import Producer, Record
from tests.integration.installation import Installation

TOPIC = "reporting.events.v1"
OTHER_TOPIC = "remedy.events.v1"
GROUP = "triage"
"""A group that may read both topics."""
REFUSED_BY_DATABASE = 666
"""A value that the effect's table refuses."""


def event(subject: str, value: int) -> reporting.ReportAmended:
    """An event of TOPIC that carries a value."""
    return reporting.ReportAmended(handle=subject, amendments=value)


async def write(database: Database, subject: str, values: Iterable[int]) -> None:
    """Writes events with these values to the outbox, in one transaction."""
    now = datetime.now(UTC)
    events = [outbox.Outgoing(event(subject, value), subject, now) for value in values]
    await database.transaction(lambda connection: outbox.append(connection, events))


def record(
    installation: Installation, subject: str, sequence: int, value: int = 0, *, topic: str = TOPIC
) -> Record:
    """An event as a relay would send it."""
    message = event(subject, value) if topic == TOPIC else remedy.RemedyClosed(handle=subject)
    headers = cloudevents.headers(
        event_id=str(uuid4()),
        source="/services/test",
        event_type=message.DESCRIPTOR.full_name,
        subject=subject,
        sequence=sequence,
        time=datetime.now(UTC),
    )
    name, key, value = installation.prefix + topic, subject.encode(), message.SerializeToString()
    # Not too old, or the broker's retention takes it.
    return Record(name, key, value, headers, int(time.time() * 1000))


def send(installation: Installation, *records: Record) -> None:
    """Sends records in this order, each to be on its topic before the next."""
    producers: dict[str, Producer] = {}
    for one in records:
        # Who may write a topic is who it is named after.
        service = one.topic.removeprefix(installation.prefix).partition(".")[0]
        if service not in producers:
            producers[service] = installation.kafka(service).producer()
        producers[service].send_all([one])
    for producer in producers.values():
        producer.abort()


class Recorder:
    """A reactor (see shared.inbox) whose effects are rows. `check` may raise what it likes."""

    def __init__(
        self, check: Callable[[Incoming], None] = lambda _: None, instance: str = ""
    ) -> None:
        self._check = check
        self._instance = instance
        self._taken: list[Incoming] = []

    async def load(self, connection: Connection, subjects: Iterable[str]) -> None:
        """Begins a batch."""
        self._taken = []

    def react(self, incoming: Incoming) -> None:
        """Takes one event in."""
        self._check(incoming)
        self._taken.append(incoming)

    async def save(self, connection: Connection) -> None:
        """Writes the effects, in order."""
        await connection.executemany(
            "INSERT INTO effect (stream, subject, sequence, value, instance)"
            " VALUES ($1, $2, $3, $4, $5)",
            [
                (
                    one.stream,
                    one.subject,
                    one.sequence,
                    getattr(one.event, "amendments", 0),
                    self._instance,
                )
                for one in self._taken
            ],
        )


def subscription(
    check: Callable[[Incoming], None] = lambda _: None,
    *,
    topics: Sequence[str] = (TOPIC,),
    instance: str = "",
) -> Subscription:
    """What a recorder listens to."""
    return Subscription(GROUP, tuple(topics), lambda: Recorder(check, instance))


async def effects(installation: Installation, *, stream: str = TOPIC) -> dict[str, list[int]]:
    """Case -> sequences of its events on a stream, in the order that they took effect."""
    rows = await installation.ask(
        f"SELECT subject, sequence FROM {GROUP}.effect WHERE stream = $1 ORDER BY place", stream
    )
    found: dict[str, list[int]] = defaultdict(list)
    for subject, sequence in rows:
        found[subject].append(sequence)
    return dict(found)


async def sent(installation: Installation, topic: str = TOPIC) -> dict[str, list[int]]:
    """Case -> sequences of its records, in the order that they stand on the topic."""
    found: dict[str, list[int]] = defaultdict(list)
    for one in await installation.records(topic):
        sequence = int(dict(one.headers)["ce_sequence"])
        found[one.key.decode()].append(sequence)
    return dict(found)


async def unsent(installation: Installation, role: str = "reporting") -> int:
    """How many rows of a service's outbox wait to be sent."""
    rows = await installation.ask(f"SELECT count(*) FROM {role}.outbox WHERE sent_at IS NULL")
    return int(rows[0][0])


async def is_all_sent(installation: Installation, role: str = "reporting") -> bool:
    """Whether a service's outbox has nothing left to send."""
    return await unsent(installation, role) == 0


async def is_all_read(installation: Installation, *topics: str) -> bool:
    """Whether the group has committed everything that stands on its topics."""
    there = await installation.records(*(topics or (TOPIC,)))
    return len(there) == await installation.committed(GROUP)


def upto(last: int) -> list[int]:
    """Every sequence once, in order."""
    return list(range(1, last + 1))
