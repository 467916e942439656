"""Spans are OpenTelemetry's in content, whoever makes them."""

import json
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind

from shared import spans, telemetry
from shared.spans import Span, SpanFile

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Span]:
    found: list[Span] = []
    monkeypatch.setattr(Span, "recorder", found.append)
    return found


def example(parent: str | None = f"00-{TRACE}-{PARENT}-01", linked: tuple[str, ...] = ()) -> Span:
    return Span("process it", SpanKind.CONSUMER, {"case": 'HL-"1'}, parent=parent, linked=linked)


def test_a_span_goes_on_with_the_trace_that_it_came_from(recorded: list[Span]) -> None:
    span = example()
    span.end()
    assert recorded == [span]
    version, trace_id, span_id, flags = span.traceparent.split("-")
    assert (version, trace_id, flags) == ("00", TRACE, "01")
    assert span.parent_id == PARENT != span_id == span.span_id


@pytest.mark.parametrize("parent", [None, "", "00-1-2-01", f"01-{TRACE}-{PARENT}-01"])
def test_without_a_parent_a_trace_begins(recorded: list[Span], parent: str | None) -> None:
    one, other = example(parent), example(parent)
    assert not one.parent_id
    assert len({one.trace_id, other.trace_id, TRACE}) == 3


def test_what_is_not_sampled_is_not_recorded_but_told(
    recorded: list[Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    example(f"00-{TRACE}-{PARENT}-00").end()
    monkeypatch.setattr(Span, "sampler", ALWAYS_OFF)
    begun = example(None)
    begun.end()
    assert not recorded
    assert begun.traceparent.endswith("-00")


def test_the_current_span_is_the_innermost(recorded: list[Span]) -> None:
    assert telemetry.current_traceparent() is None
    with telemetry.call_span("/a.B/C") as outer:
        with example() as inner:
            assert telemetry.current_trace_id() == TRACE
            assert telemetry.current_traceparent() == inner.traceparent
        assert telemetry.current_traceparent() == outer.traceparent
    assert spans.current.get() is None
    assert recorded == [inner, outer]


def test_exporters_of_the_sdk_take_it(recorded: list[Span]) -> None:
    other = "11" * 16
    span = example(linked=(f"00-{other}-{PARENT}-01", "nonsense"))
    span.failure = "it broke"
    span.end()
    [resource] = encode_spans([span.for_sdk()]).resource_spans
    [found] = resource.scope_spans[0].spans
    assert found.trace_id.hex() == TRACE
    assert found.span_id.hex() == span.span_id
    assert found.parent_span_id.hex() == PARENT
    assert (found.name, found.kind) == ("process it", found.SPAN_KIND_CONSUMER)
    assert {one.key: one.value.string_value for one in found.attributes} == {"case": 'HL-"1'}
    assert [link.trace_id.hex() for link in found.links] == [other]
    assert found.status.message == "it broke"
    assert 0 < found.start_time_unix_nano <= found.end_time_unix_nano


def test_the_file_has_a_line_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Span, "resource", Span.resource.create({"service.name": "one"}))
    file = SpanFile(tmp_path / "one.jsonl")
    monkeypatch.setattr(Span, "recorder", file.take)
    ended = [example(), example(None)]
    for span in ended:
        span.end()
    file.shutdown()
    lines = [json.loads(line) for line in (tmp_path / "one.jsonl").read_text().splitlines()]
    assert [line["span"] for line in lines] == [span.span_id for span in ended]
    assert [line["parent"] for line in lines] == [PARENT, None]
    assert lines[0]["attributes"] == {"case": 'HL-"1'}
