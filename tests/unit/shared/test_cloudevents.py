"""Events as records: what is written is read again, and anything else is refused."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight.reporting.v1 import events_pb2 as events
from shared import cloudevents
from shared.cloudevents import Undecodable

TOPIC = "reporting.events.v1"
FILED = events.ReportFiled.DESCRIPTOR.full_name
printable = st.characters(codec="utf-8", categories=["L", "M", "N", "P", "S"])
words = st.text(printable, min_size=1, max_size=12)
minutes = st.integers(-720, 720).map(lambda count: timezone(timedelta(minutes=count)))
envelopes = st.fixed_dictionaries(
    {
        "event_id": words,
        "source": words,
        "event_type": words | st.just(FILED),
        "subject": words,
        "sequence": st.integers(1, 2**63 - 1),
        "time": st.datetimes(timezones=minutes),
    },
    optional={
        "causation_id": words,
        "traceparent": words,
        "stream": words,
        "commitment": st.binary(min_size=32, max_size=32),
    },
)


def example(**changed: Any) -> list[tuple[str, bytes]]:
    said: dict[str, Any] = {
        "event_id": "one",
        "source": "/services/reporting",
        "event_type": FILED,
        "subject": "HL-1",
        "sequence": 3,
        "time": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    }
    return cloudevents.headers(**(said | changed))


@given(envelopes, st.binary(max_size=20))
def test_what_headers_say_is_read_again(said: dict[str, Any], value: bytes) -> None:
    headers = cloudevents.headers(**said)
    read = cloudevents.decode(TOPIC, value, headers)
    assert read.id == said["event_id"]
    assert read.source == said["source"]
    assert read.type == said["event_type"]
    assert read.subject == said["subject"]
    assert read.sequence == said["sequence"]
    assert read.time == said["time"]
    assert read.traceparent == said.get("traceparent")
    assert read.stream == said.get("stream", TOPIC)
    assert read.commitment == said.get("commitment")
    assert (read.topic, read.value, read.headers) == (TOPIC, value, headers)


def test_headers_are_those_of_the_binary_mode() -> None:
    more = {"causation_id": "two", "traceparent": "00-1-2-01", "stream": "other.v1"}
    assert example(**more, commitment=bytes(32)) == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"one"),
        ("ce_type", FILED.encode()),
        ("ce_source", b"/services/reporting"),
        ("ce_time", b"2026-01-02T03:04:05.000006Z"),
        ("ce_subject", b"HL-1"),
        ("ce_sequence", b"3"),
        ("content-type", b"application/protobuf"),
        ("ce_causationid", b"two"),
        ("traceparent", b"00-1-2-01"),
        ("ce_stream", b"other.v1"),
        ("ce_commitment", b"A" * 43 + b"="),
    ]


def test_a_known_event_is_opened() -> None:
    event = events.ReportFiled(handle="HL-1", desk="POLICE")
    read = cloudevents.decode(TOPIC, event.SerializeToString(), example())
    assert (read.event, read.error) == (event, None)


def test_an_event_of_a_later_contract_passes_closed() -> None:
    read = cloudevents.decode(TOPIC, b"\xff", example(event_type="harbourlight.reporting.v1.Later"))
    assert (read.event, read.error) == (None, None)


def test_a_message_that_is_no_event_is_not_opened() -> None:
    read = cloudevents.decode(TOPIC, b"", example(event_type="harbourlight.types.v1.ReportFacts"))
    assert (read.event, read.error) == (None, None)


def test_a_value_that_is_not_the_named_event_says_so() -> None:
    read = cloudevents.decode(TOPIC, b"\xff", example())
    assert read.event is None
    assert read.error is not None
    assert read.error.startswith(f"the value is not a {FILED}")


NAMES = [
    name for name, _ in example(causation_id="x", traceparent="x", stream="x", commitment=bytes(32))
]
sound = dict(example(traceparent="00-1-2-01"))
some_bytes = (
    st.binary(max_size=12) | st.text("0123456789+-_:TZ. ", max_size=25).map(str.encode) | st.none()
)


@given(
    st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=5), some_bytes), max_size=8),
    st.sampled_from([dict[str, bytes](), sound]),
    st.none() | st.binary(max_size=20),
)
def test_any_record_is_an_event_or_undecodable(
    changed: list[tuple[str, bytes]], base: dict[str, bytes], value: bytes | None
) -> None:
    try:
        read = cloudevents.decode(TOPIC, value, [*base.items(), *changed])
    except Undecodable:
        return
    # Whatever is taken for an event can be kept by the database.
    assert 1 <= read.sequence < 2**63
    assert read.subject
    assert read.time.tzinfo is not None
    for text in (read.subject, read.type, read.id, read.source, read.stream):
        assert text.isprintable()


@pytest.mark.parametrize("missing", ["ce_id", "ce_type", "ce_source", "ce_time", "ce_subject"])
def test_an_event_lacks_none_of_its_headers(missing: str) -> None:
    with pytest.raises(Undecodable, match=missing):
        cloudevents.decode(TOPIC, b"", [pair for pair in example() if pair[0] != missing])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ce_sequence", b"0"),
        ("ce_sequence", b"-1"),
        ("ce_sequence", b"1_000"),
        ("ce_sequence", "١".encode()),
        ("ce_sequence", b"9223372036854775808"),
        ("ce_subject", b""),
        ("ce_subject", b"HL-1\0"),
        ("ce_id", b"one\n"),
        ("ce_type", b"\xff"),
        ("ce_time", b"2026-01-02T03:04:05"),
        ("ce_time", b"yesterday"),
        ("ce_time", None),
        ("ce_commitment", b""),
        ("ce_commitment", b"A" * 43),
        ("ce_commitment", b"A" * 42 + b"B="),
        ("ce_commitment", b"A" * 42 + b"-="),
        ("ce_commitment", b"A" * 40 + b"==="),
        ("ce_commitment", b"A" * 44),
    ],
)
def test_a_header_that_is_not_an_events_is_refused(name: str, text: bytes) -> None:
    with pytest.raises(Undecodable):
        cloudevents.decode(TOPIC, b"", [*example(), (name, text)])


def test_a_tombstone_is_no_event() -> None:
    with pytest.raises(Undecodable, match="value"):
        cloudevents.decode(TOPIC, None, example())


def test_headers_of_others_do_not_matter() -> None:
    read = cloudevents.decode(TOPIC, b"", [*example(), ("agent", b"\x00\xff"), ("agent", None)])  # type: ignore[list-item]
    assert read.id == "one"


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.binary(max_size=20))))
def test_any_headers_survive_being_kept(raw: list[tuple[str, bytes]]) -> None:
    kept = cloudevents.to_json(raw)
    assert kept.isascii()
    # PostgreSQL's jsonb refuses this one.
    assert "\\u0000" not in kept
    assert cloudevents.from_json(kept) == raw


def test_a_header_without_a_value_is_kept_as_an_empty_one() -> None:
    kept = cloudevents.to_json([("agent", None)])  # type: ignore[list-item]
    assert cloudevents.from_json(kept) == [("agent", b"")]


def test_kept_headers_stay_readable() -> None:
    assert '["ce_subject", "HL-1"], ["ce_sequence", "3"]' in cloudevents.to_json(example())
