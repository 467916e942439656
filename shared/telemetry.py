"""Traces: one from the call through outbox, topic and consumer, and the names they use.

kafka-python has no instrumentation that sees `poll()`, so the spans are made here.
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

# OpenTelemetry semantic conventions, messaging and RPC.
MESSAGING_SYSTEM = "messaging.system"
MESSAGING_OPERATION_NAME = "messaging.operation.name"
MESSAGING_OPERATION_TYPE = "messaging.operation.type"
MESSAGING_DESTINATION = "messaging.destination.name"
MESSAGING_MESSAGE_ID = "messaging.message.id"
MESSAGING_BATCH_COUNT = "messaging.batch.message_count"
MESSAGING_CONSUMER_GROUP = "messaging.consumer.group.name"
RPC_SYSTEM = "rpc.system.name"
RPC_METHOD = "rpc.method"
RPC_STATUS = "rpc.response.status_code"
# Our own.
CASE = "harbourlight.case"
EVENT_TYPE = "harbourlight.event.type"

_MOST_LINKS = 128
_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("harbourlight")


def set_up(service: str, folder: Path | None) -> TracerProvider:
    """Begins to export: to a file in `folder`, or by OTLP where the environment names a server.

    The file holds one JSON object per span and line.
    """
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / f"{service}.jsonl").open("a", encoding="utf-8")
        exporter = ConsoleSpanExporter(out=file, formatter=_one_line)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    else:
        _export_by_otlp(provider)
    trace.set_tracer_provider(provider)
    return provider


def _export_by_otlp(provider: TracerProvider) -> None:
    import os

    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))


def _one_line(span: ReadableSpan) -> str:
    """What a picture of the path needs; the SDK's own JSON takes ten times as long to write."""
    context = span.get_span_context()
    assert context is not None
    return (
        json.dumps(
            {
                "service": span.resource.attributes["service.name"],
                "trace": f"{context.trace_id:032x}",
                "span": f"{context.span_id:016x}",
                "parent": f"{span.parent.span_id:016x}" if span.parent else None,
                "name": span.name,
                "start_ns": span.start_time,
                "end_ns": span.end_time,
                "attributes": dict(span.attributes or {}),
                "links": [f"{link.context.trace_id:032x}" for link in span.links],
            },
            separators=(",", ":"),
        )
        + "\n"
    )


def current_traceparent() -> str | None:
    """The current span as a W3C traceparent, or None outside any."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def _parent(traceparent: str | None) -> context.Context | None:
    return _propagator.extract({"traceparent": traceparent}) if traceparent else None


@contextlib.contextmanager
def call_span(method: str) -> Iterator[trace.Span]:
    """The span of one incoming call. It begins the trace: a caller's own is not taken over."""
    with _tracer.start_as_current_span(
        method.lstrip("/"),
        context.Context(),
        SpanKind.SERVER,
        {RPC_SYSTEM: "grpc", RPC_METHOD: method.lstrip("/")},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield span


def relay_span(rows: Sequence[Any]) -> AbstractContextManager[Any]:
    """The span of one batch that the relay sends, linked to each row's own trace."""
    links = []
    for row in rows[:_MOST_LINKS]:
        if found := _parent(row["traceparent"]):
            links.append(Link(trace.get_current_span(found).get_span_context()))
    topics = {row["topic"] for row in rows}
    topic = topics.pop() if len(topics) == 1 else "several topics"
    return _tracer.start_as_current_span(
        f"send {topic}",
        context.Context(),
        SpanKind.PRODUCER,
        {
            MESSAGING_SYSTEM: "kafka",
            MESSAGING_OPERATION_NAME: "send",
            MESSAGING_OPERATION_TYPE: "send",
            MESSAGING_DESTINATION: topic,
            MESSAGING_BATCH_COUNT: len(rows),
        },
        links,
    )


def process_span(
    topic: str, group: str, *, event_id: str, event_type: str, case: str, traceparent: str | None
) -> trace.Span:
    """The span of one event's processing, in the trace that it came from. End it yourself."""
    return _tracer.start_span(
        f"process {topic}",
        _parent(traceparent) or context.Context(),
        SpanKind.CONSUMER,
        {
            MESSAGING_SYSTEM: "kafka",
            MESSAGING_OPERATION_NAME: "process",
            MESSAGING_OPERATION_TYPE: "process",
            MESSAGING_DESTINATION: topic,
            MESSAGING_MESSAGE_ID: event_id,
            MESSAGING_CONSUMER_GROUP: group,
            EVENT_TYPE: event_type,
            CASE: case,
        },
    )


def traceparent_of(span: trace.Span) -> str | None:
    """The span as a W3C traceparent."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(span, context.Context()))
    return carrier.get("traceparent")


def failed(span: trace.Span, description: str) -> None:
    """Marks the span as failed."""
    span.set_status(Status(StatusCode.ERROR, description))
