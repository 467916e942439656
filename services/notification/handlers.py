"""Takes routed events in: a notice for the company, an entry of the feed for NGOs."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

from google.protobuf import any_pb2
from google.protobuf.message import Message

from harbourlight.notification.v1 import events_pb2, notification_pb2
from services.notification import domain, store
from services.notification.domain import FeedEntry
from shared import contract, outbox, translate
from shared.cloudevents import Incoming
from shared.database import Connection, Database


def open_any(packed: any_pb2.Any) -> Message:
    """The event inside. Raises ValueError where this version's contract has no such event."""
    kind = contract.event_type(packed.TypeName())
    if kind is None:
        raise ValueError(f"{packed.TypeName()} is no event of this contract")
    event = kind.message()
    packed.Unpack(event)
    return event


def _items(event: Any) -> list[Any]:
    """The items that a remedy event is about."""
    names = event.DESCRIPTOR.fields_by_name
    if "item" in names:
        return [event.item]
    return list(event.items) if "items" in names else []


def render(secret: bytes, recipient: str, entry: FeedEntry, sequence: int) -> Any:
    """The entry as one recipient sees it: everything that names something is its own."""
    event = any_pb2.Any.FromString(entry.event)
    return events_pb2.RemedyFeedEvent(
        event_id=domain.event_id(secret, recipient, entry.number),
        subject=domain.pseudonym(secret, recipient, entry.line),
        sequence=sequence,
        date=entry.day.isoformat(),
        items=[domain.pseudonym(secret, recipient, item) for item in entry.items],
        type=event.TypeName(),
        event=event,
    )


class Notifier:
    """A reactor (see shared.inbox)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._notices: list[store.NewNotice] = []
        self._entries: list[FeedEntry] = []

    async def load(self, connection: Connection, subjects: Iterable[str]) -> None:
        """Begins a batch; nothing is read, notices and feed only grow."""
        self._notices, self._entries = [], []

    def react(self, incoming: Incoming) -> None:
        """Notes whom the event is to be told."""
        routed = incoming.event
        if not isinstance(routed, events_pb2.EventRouted):
            return
        entry = self._entry(incoming, routed) if routed.HasField("ngo") else None
        if routed.HasField("company"):
            notice = routed.company.SerializeToString()
            self._notices.append((incoming.subject, incoming.time, notice))
        if entry is not None:
            self._entries.append(entry)

    def _entry(self, incoming: Incoming, routed: events_pb2.EventRouted) -> FeedEntry:
        seen: Any = open_any(routed.ngo)
        # Item ids are the company's and the desk's alone; the feed gets pseudonyms of them.
        names = [item.item_id for item in _items(open_any(routed.company))]
        items = _items(seen)
        return FeedEntry(
            number=0,
            day=incoming.time.astimezone(UTC).date(),
            line=domain.pseudonym(self._secret, "line", incoming.subject),
            items=tuple(domain.pseudonym(self._secret, "item", name) for name in names),
            country=seen.country,
            sector=seen.sector,
            kinds=frozenset(item.kind for item in items),
            states=frozenset(item.state for item in items),
            event=routed.ngo.SerializeToString(),
        )

    async def save(self, connection: Connection) -> None:
        """Writes notices, the feed, and the feed's copies for Kafka."""
        await store.add_notices(connection, self._notices)
        if not self._entries:
            return
        first = await store.draw_feed_numbers(connection, len(self._entries))
        numbered = [replace(entry, number=first + n) for n, entry in enumerate(self._entries)]
        await store.add_feed(connection, numbered)
        await outbox.append(connection, [self._outgoing(entry) for entry in numbered])

    def _outgoing(self, entry: FeedEntry) -> outbox.Outgoing:
        event = render(self._secret, domain.KAFKA_READERS, entry, entry.number)
        midnight = datetime.combine(entry.day, time(), UTC)
        return outbox.Outgoing(
            event, event.subject, midnight, traceparent=outbox.NO_TRACE, event_id=event.event_id
        )


class Notices:
    """What companies were told."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def after(self, handle: str, number: int, most: int) -> list[notification_pb2.Notice]:
        """The case's notices behind `number`, oldest first."""
        notices = []
        for place, moment, packed in await store.notices_after(
            self._database, handle, number, most
        ):
            event = any_pb2.Any.FromString(packed)
            notices.append(
                notification_pb2.Notice(
                    number=place,
                    type=event.TypeName(),
                    event=event,
                    time=translate.timestamp(moment),
                )
            )
        return notices
