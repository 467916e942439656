"""Counts what the demo left in the topics, the databases and the parties' hands."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg

from deploy import topology
from examples.demo.parties import Observer, Reporter
from harbourlight.options.v1 import options_pb2 as options
from services.notification import router
from shared import cloudevents, contract, redaction
from shared.kafka import Kafka

SOURCES = router.SOURCES


class Evidence:
    """Everything there is to count, read once after the last scene."""

    def __init__(self, database: asyncpg.Connection, records: Sequence[Any]) -> None:
        self._database = database
        self._records = records
        self._events = defaultdict(list)
        seen: set[tuple[str, str, int]] = set()
        for record in records:
            if record.topic.endswith(".dlq"):
                continue
            event = cloudevents.decode(record.topic, record.value, record.headers)
            # A relay that died between send and mark has sent twice. What is counted is what
            # consumers make of a topic, and they drop the repeat.
            if (place := (record.topic, event.subject, event.sequence)) not in seen:
                seen.add(place)
                self._events[record.topic].append(event)

    @classmethod
    def read(cls, database: asyncpg.Connection, kafka: Kafka) -> "Evidence":
        """Reads every topic of the installation to its end. Blocks."""
        return cls(database, kafka.read_to_end([topic.name for topic in topology.topics()]))

    def _lines(self, topic: str) -> dict[str, list[int]]:
        """Case -> the sequences in its line, in the topic's order."""
        lines: dict[str, list[int]] = defaultdict(list)
        for event in self._events[topic]:
            lines[event.subject].append(event.sequence)
        return lines

    def _visible(self, audience: int) -> dict[str, int]:
        """Case -> how many source events the audience may see."""
        seen: dict[str, int] = defaultdict(int)
        for topic in SOURCES:
            for event in self._events[topic]:
                if event.event is not None and redaction.visible(event.event, audience) is not None:
                    seen[event.subject] += 1
        return seen

    async def topics_in_order(self) -> bool:
        """Every event that a service wrote is in its topic, each line is 1, 2, 3 … without gap."""
        for topic in (name for name in self._events if name != router.ROUTED):
            for line in self._lines(topic).values():
                if line != list(range(1, len(line) + 1)):
                    return False
        for schema in topology.DATABASES:
            for row in await self._database.fetch(
                f"SELECT topic, count(*) AS written, count(sent_at) AS sent"
                f" FROM {schema}.outbox GROUP BY topic"
            ):
                ids = {event.id for event in self._events[row["topic"]]}
                if not row["written"] == row["sent"] == len(ids):
                    return False
        return all(self._events[topic] for topic in SOURCES)

    async def databases_took_each_once(self) -> bool:
        """Every consumer's marks stand at the end of every line, and nothing is parked or dead."""
        for service in topology.DATABASES:
            streams = topology.READERS[service]
            marks = await self._database.fetch(
                f"SELECT stream, subject, sequence FROM {service}.inbox_mark"
            )
            found = {(row["stream"], row["subject"]): row["sequence"] for row in marks}
            read = SOURCES if router.ROUTED in streams else streams
            expected = {
                (topic, subject): max(line)
                for topic in read
                for subject, line in self._lines(topic).items()
            }
            if found != expected:
                return False
            if await self._database.fetchval(f"SELECT count(*) FROM {service}.inbox_parked"):
                return False
        return not any(record.topic.endswith(".dlq") for record in self._records)

    async def companies_told(self, companies: Iterable[Reporter]) -> bool:
        """Each company holds every event that it may see of its case, once and in order."""
        visible = self._visible(options.AUDIENCE_COMPANY)
        stored = dict(
            await self._database.fetch(
                "SELECT handle, count(*) FROM notification.notice GROUP BY handle"
            )
        )
        for company in companies:
            handle = company.client.handle
            numbers = [notice.number for _, notice in company.notices.seen]
            if not visible[handle] == stored.get(handle) == len(numbers):
                return False
            if numbers != list(range(1, len(numbers) + 1)):
                return False
        return True

    async def feed_complete(self, ngo: Observer) -> bool:
        """The NGO holds every remedy event that it may see, once and in order."""
        visible = sum(self._visible(options.AUDIENCE_NGO).values())
        logged = await self._database.fetchval("SELECT count(*) FROM notification.feed_log")
        sequences = [event.sequence for _, event in ngo.feed.seen]
        return visible == logged == len(sequences) and sequences == list(range(1, visible + 1))

    def feed_declared(self, ngo: Observer) -> bool:
        """Nothing in the feed but fields declared for NGOs."""
        return all(_declared(event) for _, event in ngo.feed.seen) and bool(ngo.feed.seen)

    def feed_unlinkable(self, ngo: Observer, companies: Iterable[Reporter]) -> bool:
        """No handle, id or time of the sources in the feed: over gRPC, and in its topic."""
        secrets = {company.client.handle for company in companies}
        for topic in SOURCES:
            for event in self._events[topic]:
                secrets |= {event.id, event.traceparent or event.id, *_ids(event.event)}
        over_grpc = [event.SerializeToString() for _, event in ngo.feed.seen]
        topic = [record for record in self._records if record.topic == topology.FEED]
        in_topic = [
            b"\n".join([record.key, record.value, *(text for _, text in record.headers)])
            for record in topic
        ]
        if not over_grpc or not in_topic:
            return False
        if any(secret.encode() in text for text in over_grpc + in_topic for secret in secrets):
            return False
        return all(_only_the_day(record) for record in topic)


def _declared(event: Any) -> bool:
    kind = contract.event_type(event.type)
    if kind is None or redaction.redact(event, options.AUDIENCE_NGO).event.value:
        # An Any says nothing of what is inside, so redaction never lets one through.
        return False
    inside = kind.message()
    event.event.Unpack(inside)
    return redaction.visible(inside, options.AUDIENCE_NGO) == inside


def _ids(event: Any) -> set[str]:
    """The ids that an event names."""
    if event is None:
        return set()
    found = set()
    for field, value in event.ListFields():
        if field.message_type is not None and field.message_type.full_name.startswith("harbour"):
            for one in value if field.is_repeated else [value]:
                found |= _ids(one)
        elif field.name.endswith("_id"):
            found.add(value)
    return found


def _only_the_day(record: Any) -> bool:
    headers = dict(record.headers)
    time = datetime.fromisoformat(headers["ce_time"].decode())
    stamp = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    midnight = all(
        not any((one.hour, one.minute, one.second, one.microsecond)) for one in (time, stamp)
    )
    return midnight and "traceparent" not in headers and "ce_causationid" not in headers
