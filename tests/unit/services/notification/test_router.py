"""One routed event per source event, holding what each audience may see and no more."""

from typing import Any

import pytest
from google.protobuf import any_pb2
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from harbourlight.notification.v1 import events_pb2
from harbourlight.options.v1 import options_pb2 as options
from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.reporting.v1 import events_pb2 as reporting
from harbourlight.triage.v1 import events_pb2 as triage
from services.notification import router
from services.notification.handlers import open_any
from shared import cloudevents, contract, redaction
from tests.unit.shared.random_messages import UNKNOWN, messages

from .build import HANDLE, MOMENT, SOURCE_ID, TRACE, record

source_events = st.one_of(
    messages(kind.message.DESCRIPTOR, unknown_fields=True)
    for kind in contract.event_types(reporting, triage, remedy)
)


def sent_on(event: Message, **changed: Any) -> events_pb2.EventRouted:
    """What the router sends in place of this event."""
    topic, key, value, _ = router.prepare(*record(event, **changed))
    assert (topic, key) == ("notification.routed.v1", HANDLE)
    return events_pb2.EventRouted.FromString(value)


def opened(routed: events_pb2.EventRouted, audience: str) -> Message | None:
    return open_any(getattr(routed, audience)) if routed.HasField(audience) else None


@given(source_events)
def test_each_audience_gets_what_is_visible_to_it(event: Message) -> None:
    routed = sent_on(event)
    assert opened(routed, "company") == redaction.visible(event, options.AUDIENCE_COMPANY)
    assert opened(routed, "ngo") == redaction.visible(event, options.AUDIENCE_NGO)
    assert UNKNOWN not in routed.SerializeToString()


@given(source_events)
def test_only_remedy_reaches_ngos(event: Message) -> None:
    is_remedy = event.DESCRIPTOR.file is remedy.DESCRIPTOR
    assert sent_on(event).HasField("ngo") == is_remedy


def test_the_envelope_takes_the_sources_place_in_its_line() -> None:
    _, _, value, headers = router.prepare(*record(remedy.RemedyClosed(handle=HANDLE)))
    read = cloudevents.decode("notification.routed.v1", value, headers)
    assert read.type == "harbourlight.notification.v1.EventRouted"
    assert read.source == "/services/notification"
    assert (read.stream, read.subject, read.sequence) == ("remedy.events.v1", HANDLE, 41)
    assert read.time == MOMENT
    assert dict(headers)["ce_causationid"] == SOURCE_ID.encode()
    assert read.id != SOURCE_ID


def test_a_repeated_source_event_becomes_the_same_event() -> None:
    first = router.prepare(*record(remedy.RemedyClosed(handle=HANDLE)))
    again = router.prepare(*record(remedy.RemedyClosed(handle=HANDLE)))
    assert (first[2], dict(first[3])["ce_id"]) == (again[2], dict(again[3])["ce_id"])


def test_two_source_events_become_two() -> None:
    ids = {
        dict(router.prepare(*record(remedy.RemedyClosed(), event_id=one))[3])["ce_id"]
        for one in (SOURCE_ID, SOURCE_ID.replace("cafe", "beef"))
    }
    assert len(ids) == 2


def test_an_id_that_is_no_uuid_causes_nothing() -> None:
    _, _, _, headers = router.prepare(*record(remedy.RemedyClosed(), event_id="7"))
    assert "ce_causationid" not in dict(headers)


def test_no_commitment_goes_on() -> None:
    """It would tell apart who holds the receipt's text."""
    _, _, value, headers = router.prepare(*record(remedy.RemedyClosed(), commitment=b"c" * 32))
    assert cloudevents.decode("notification.routed.v1", value, headers).commitment is None
    assert not any("commitment" in name for name, _ in headers)


def test_an_event_of_a_later_contract_keeps_its_place_and_is_shown_to_nobody() -> None:
    routed = sent_on(remedy.RemedyClosed(), event_type="harbourlight.remedy.v1.RemedyPraised")
    assert routed == events_pb2.EventRouted(handle=HANDLE)


GOOD = record(remedy.RemedyClosed(handle=HANDLE))


@pytest.mark.parametrize(
    ("value", "headers"),
    [(GOOD[1], []), (None, GOOD[2]), (b"\xff", GOOD[2]), (GOOD[1], [("ce_id", b"\xff")])],
    ids=["no headers", "no value", "no event", "no text"],
)
def test_a_record_that_is_no_event_becomes_a_dead_letter_that_says_why(
    value: bytes | None, headers: cloudevents.Headers
) -> None:
    topic, key, kept, told = router.prepare("remedy.events.v1", value, headers)
    assert topic == "remedy.events.v1.notification-router.dlq"
    assert (key, kept) == ("", value or b"")
    assert told[: len(headers)] == headers
    assert dict(told)["dlq_topic"] == b"remedy.events.v1"
    assert dict(told)["dlq_error"]


def test_the_router_reads_every_topic_of_the_sources_and_writes_to_none() -> None:
    assert router.SOURCES == ("remedy.events.v1", "reporting.events.v1", "triage.events.v1")


def test_the_trace_of_the_source_does_not_break_here() -> None:
    _, _, _, headers = router.prepare(*record(remedy.RemedyClosed()))
    assert dict(headers)["traceparent"].decode().split("-")[1] == TRACE.split("-")[1]


def test_what_is_no_event_of_this_contract_is_not_opened() -> None:
    packed = any_pb2.Any()
    packed.Pack(remedy.RemedyItemFacts())
    for one in (packed, any_pb2.Any(), any_pb2.Any(type_url="type.googleapis.com/x.Y")):
        with pytest.raises(ValueError, match="is no event of this contract"):
            open_any(one)
