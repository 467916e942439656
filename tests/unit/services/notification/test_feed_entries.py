"""What leaves for NGOs is remedy as it happens, and nothing that leads back to a case."""

from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any

import pytest
from google.protobuf import any_pb2
from google.protobuf.message import Message

from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.reporting.v1 import events_pb2 as reporting
from harbourlight.types.v1 import types_pb2 as types
from services.notification import domain
from services.notification.consumers import REACTIONS, subscription
from services.notification.domain import KAFKA_READERS, FeedEntry
from services.notification.handlers import Notifier, render

from .build import (
    AMOUNT,
    EXACT,
    HANDLE,
    ITEM_IDS,
    MOMENT,
    REMEDY_EVENTS,
    SECRET,
    SOURCE_ID,
    TRACE,
    feed_event,
    noted,
    routed,
)

every_remedy_event = pytest.mark.parametrize(
    "event", REMEDY_EVENTS, ids=lambda event: event.DESCRIPTOR.name
)


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


LEADS_BACK = {
    "the handle": HANDLE.encode(),
    "an item": ITEM_IDS[0].encode(),
    "another item": ITEM_IDS[1].encode(),
    "an exact count": varint(EXACT),
    "an exact count in digits": str(EXACT).encode(),
    "an exact amount": AMOUNT.encode(),
    "a due date": b"2027-01-31",
    "the source event": SOURCE_ID.encode(),
    "the trace": TRACE.split("-")[1].encode(),
    "the time": b"13:14",
}


def plain(value: Any) -> bytes:
    """Everything that is in a value of a row, as bytes to search."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, list | tuple):
        return b"\n".join(map(plain, value))
    return str(value).encode()


def assert_leads_nowhere(data: bytes) -> None:
    assert [what for what, text in LEADS_BACK.items() if text in data] == []


def entry_of(columns: tuple[Any, ...], place: int = 0) -> FeedEntry:
    """The entry that a row of the feed log holds."""
    number, day, line, items, country, sector, kinds, states, event = (
        column[place] for column in columns
    )
    return FeedEntry(
        number,
        day,
        line,
        tuple(items),
        country,
        sector,
        frozenset(kinds),
        frozenset(states),
        event,
    )


def test_what_is_searched_for_is_there_before() -> None:
    event = routed(REMEDY_EVENTS[2])
    data = event.value + plain([text for _, text in event.headers])
    missing = {what for what, text in LEADS_BACK.items() if text not in data}
    # The exact count is in binary; the trace goes on in the envelope alone if there is a tracer.
    assert missing <= {"an exact count in digits", "the trace"}


@every_remedy_event
async def test_the_feed_log_holds_nothing_that_leads_back(event: Message) -> None:
    written = await noted(routed(event))
    assert_leads_nowhere(plain(written.columns("feed_log")))


@every_remedy_event
async def test_what_goes_to_the_feeds_topic_holds_nothing_that_leads_back(event: Message) -> None:
    written = await noted(routed(event))
    # A column without any value is left out; what follows the row is of its line.
    rows = zip_longest(*written.columns("outbox")[:10])
    ((topic, subject, kind, time, cause, trace, value, headers, own, commitment),) = rows
    assert topic == "notification.feed.v1"
    assert kind == "harbourlight.notification.v1.RemedyFeedEvent"
    assert (cause, trace, headers, commitment) == (None, None, None, None)
    assert time == datetime(2026, 3, 2, tzinfo=UTC)
    sent = feed_event(value)
    assert (sent.subject, sent.event_id, sent.sequence) == (subject, own, 100)
    assert_leads_nowhere(plain([subject, value, own]))


@every_remedy_event
@pytest.mark.parametrize("recipient", ["", "anti-slavery-watch", KAFKA_READERS])
async def test_a_rendering_holds_nothing_that_leads_back(event: Message, recipient: str) -> None:
    written = await noted(routed(event))
    entry = entry_of(written.columns("feed_log"))
    assert_leads_nowhere(render(SECRET, recipient, entry, 7).SerializeToString())


@every_remedy_event
async def test_a_rendering_tells_what_happened_where_and_on_which_day(event: Message) -> None:
    written = await noted(routed(event))
    sent = render(SECRET, "ngo", entry_of(written.columns("feed_log")), 7)
    inside = type(event)()
    assert sent.event.Unpack(inside)
    assert sent.type == event.DESCRIPTOR.full_name
    assert (sent.sequence, sent.date) == (7, "2026-03-02")
    assert (inside.country, inside.sector) == ("MY", "ISIC_C")  # type: ignore[attr-defined]
    items = inside.items if hasattr(inside, "items") else []
    assert len(sent.items) == (len(items) or hasattr(inside, "item"))
    for one in [*items, *([inside.item] if hasattr(inside, "item") else [])]:
        assert one.kind == types.REMEDY_KIND_BACK_WAGES
        assert one.state == types.REMEDY_ITEM_STATE_DELIVERED
        assert (one.beneficiaries.band, one.amount.band) == ("100-499", "100000-999999")


async def test_a_recipient_recognises_case_and_item_and_no_other_recipient_does() -> None:
    written = await noted(routed(REMEDY_EVENTS[4]), routed(REMEDY_EVENTS[5], sequence=42))
    started, delivered = (entry_of(written.columns("feed_log"), place) for place in (0, 1))
    mine = [render(SECRET, "one-ngo", entry, 1) for entry in (started, delivered)]
    theirs = [render(SECRET, "another", entry, 1) for entry in (started, delivered)]
    assert mine[0].subject == mine[1].subject
    assert mine[0].items == mine[1].items
    assert mine[0].event_id != mine[1].event_id
    for here, there in zip(mine, theirs, strict=True):
        assert here.subject != there.subject
        assert set(here.items).isdisjoint(there.items)
        assert here.event_id != there.event_id


async def test_an_event_id_does_not_change_with_the_time_of_the_event() -> None:
    early = await noted(routed(REMEDY_EVENTS[5]))
    late = await noted(routed(REMEDY_EVENTS[5], time=MOMENT + timedelta(days=400)))
    first, second = (entry_of(one.columns("feed_log")) for one in (early, late))
    assert first.day != second.day
    ids = {render(SECRET, "ngo", entry, 1).event_id for entry in (first, second)}
    assert len(ids) == 1


async def test_entries_are_numbered_in_the_order_of_their_events() -> None:
    written = await noted(*(routed(event) for event in REMEDY_EVENTS))
    numbers, *_ = written.columns("feed_log")
    assert list(numbers) == list(range(100, 100 + len(REMEDY_EVENTS)))
    types_sent = [feed_event(value).type for value in written.columns("outbox")[6]]
    assert types_sent == [event.DESCRIPTOR.full_name for event in REMEDY_EVENTS]


async def test_an_entry_can_be_filtered_by_its_items() -> None:
    written = await noted(routed(REMEDY_EVENTS[2]))
    entry = entry_of(written.columns("feed_log"))
    assert entry.kinds == {types.REMEDY_KIND_BACK_WAGES}
    assert entry.states == {types.REMEDY_ITEM_STATE_DELIVERED}
    assert (entry.country, entry.sector) == ("MY", "ISIC_C")
    assert entry.line != domain.pseudonym(SECRET, KAFKA_READERS, HANDLE)


@every_remedy_event
async def test_the_company_is_told_everything_of_its_own_case(event: Message) -> None:
    written = await noted(routed(event))
    (handle,), (moment,), (packed,) = written.columns("notice")
    inside = type(event)()
    assert any_pb2.Any.FromString(packed).Unpack(inside)
    assert (handle, moment, inside) == (HANDLE, MOMENT, event)


async def test_a_report_is_a_notice_and_never_in_the_feed() -> None:
    written = await noted(routed(reporting.MarkerLapsed(handle=HANDLE)))
    assert len(written.columns("notice")[0]) == 1
    assert written.columns("feed_log") == written.columns("outbox") == ()


async def test_an_event_that_nobody_may_see_is_told_to_nobody() -> None:
    later = routed(remedy.RemedyClosed(), event_type="harbourlight.remedy.v1.RemedyPraised")
    written = await noted(later)
    assert written.statements == []


async def test_an_event_that_fails_leaves_nothing_in_the_batch() -> None:
    broken = routed(REMEDY_EVENTS[5])
    assert broken.event is not None
    broken.event.ngo.type_url = "type.googleapis.com/harbourlight.remedy.v1.RemedyPraised"  # type: ignore[attr-defined]
    notifier = Notifier(SECRET)
    with pytest.raises(ValueError, match="is no event of this contract"):
        notifier.react(broken)
    await notifier.save(None)  # type: ignore[arg-type]


def test_notification_listens_to_what_was_routed_alone() -> None:
    assert subscription(SECRET).topics == ("notification.routed.v1",)
    assert [kind.__name__ for kind in REACTIONS] == ["EventRouted"]
