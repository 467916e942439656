"""Traces: one from the call through outbox, topic and consumer.

kafka-python has no instrumentation that sees `poll()`, so the spans are made here.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import DEFAULT_ON
from opentelemetry.trace import SpanKind

from shared import spans
from shared.conventions import (
    CASE,
    EVENT_TYPE,
    MESSAGING_BATCH_COUNT,
    MESSAGING_CONSUMER_GROUP,
    MESSAGING_DESTINATION,
    MESSAGING_MESSAGE_ID,
    MESSAGING_OPERATION_NAME,
    MESSAGING_OPERATION_TYPE,
    MESSAGING_SYSTEM,
    RPC_METHOD,
    RPC_SYSTEM,
)
from shared.spans import Span, SpanFile


def set_up(service: str, folder: Path | None) -> TracerProvider:
    """Begins to export: to a file in `folder`, or by OTLP where the environment names a server.

    The file holds one JSON object per span and line. How many traces are sampled is said by
    OpenTelemetry's own variables; without them, all are.
    """
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    Span.resource = provider.resource
    Span.sampler = None if provider.sampler is DEFAULT_ON else provider.sampler
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        file = SpanFile(folder / f"{service}.jsonl")
        provider.add_span_processor(file)
        Span.recorder = file.take
    elif os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        batches = BatchSpanProcessor(OTLPSpanExporter())
        provider.add_span_processor(batches)
        Span.recorder = lambda span: batches.on_end(span.for_sdk())
    trace.set_tracer_provider(provider)
    return provider


def current_traceparent() -> str | None:
    """The current span as a W3C traceparent, or None outside any."""
    span = spans.current.get()
    return span.traceparent if span else None


def current_trace_id() -> str | None:
    """The current span's trace, 32 hexadecimal digits, or None outside any."""
    span = spans.current.get()
    return span.trace_id if span else None


def call_span(method: str) -> Span:
    """The span of one incoming call. It begins the trace: a caller's own is not taken over."""
    name = method.lstrip("/")
    return Span(name, SpanKind.SERVER, {RPC_SYSTEM: "grpc", RPC_METHOD: name})


def relay_span(rows: Sequence[Any]) -> Span:
    """The span of one batch that the relay sends, linked to each row's own trace."""
    topics = {row["topic"] for row in rows}
    topic = topics.pop() if len(topics) == 1 else "several topics"
    return Span(
        f"send {topic}",
        SpanKind.PRODUCER,
        {
            MESSAGING_SYSTEM: "kafka",
            MESSAGING_OPERATION_NAME: "send",
            MESSAGING_OPERATION_TYPE: "send",
            MESSAGING_DESTINATION: topic,
            MESSAGING_BATCH_COUNT: len(rows),
        },
        linked=[row["traceparent"] for row in rows if row["traceparent"]],
    )


def process_span(
    topic: str, group: str, *, event_id: str, event_type: str, case: str, traceparent: str | None
) -> Span:
    """The span of one event's processing, in the trace that it came from. End it yourself."""
    return Span(
        f"process {topic}",
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
        parent=traceparent,
    )
