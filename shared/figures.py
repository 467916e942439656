"""Figures: how many calls and events, how long each took, and what waits.

They are exported by OTLP where the environment names a server, and shown to Prometheus at
HARBOURLIGHT_METRICS. A call is counted with its span, so that where the export carries exemplars
(OTLP does) a slow one leads to its trace.
"""

import contextlib
import logging
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import start_http_server

from shared import conventions as names
from shared import telemetry
from shared.database import Database
from shared.spans import Span
from shared.tls import Tls, check_listen

log = logging.getLogger(__name__)

MEASURE_SECONDS = 5.0
"""How often what waits is looked at."""
_MOST_COUNTED = 10_000
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_REASONS = ("gap", "not_yet", "failed", "poison")

# Made before there is a provider, they begin to count once there is one, and cost next to nothing
# where there is none.
_meter = metrics.get_meter("harbourlight")
_calls = _meter.create_histogram(
    names.RPC_SERVER_DURATION,
    "s",
    "How long calls took, by method and status.",
    explicit_bucket_boundaries_advisory=_BOUNDS,
)
_streams = _meter.create_up_down_counter(names.STREAMS, "{stream}", "Watches that are open.")
_processing = _meter.create_histogram(
    names.MESSAGING_PROCESS_DURATION,
    "s",
    "How long a batch of events took to be taken in.",
    explicit_bucket_boundaries_advisory=_BOUNDS,
)
_consumed = _meter.create_counter(names.MESSAGING_CONSUMED, "{message}", "Records read.")
_sent = _meter.create_counter(
    names.MESSAGING_SENT, "{message}", "Events sent and marked as sent, by type."
)
_lag = _meter.create_gauge(names.LAG, "{message}", "Records that are not read yet.")
_unsent = _meter.create_gauge(
    names.OUTBOX_UNSENT, "{message}", f"Events that wait to be sent, up to {_MOST_COUNTED}."
)
_age = _meter.create_gauge(names.OUTBOX_AGE, "s", "How long the oldest of them has waited.")
_parked = _meter.create_gauge(names.PARKED, "{message}", "Parked events, by reason.")
_active = _meter.create_gauge(
    names.RELAY_ACTIVE, "{relay}", "1 where this process sends the outbox."
)


class _Exports:
    """How this process's figures go out."""

    exemplars = False
    """Whether anybody takes the trace of a figure."""


def set_up(service: str, listen: str = "", tls: Tls | None = None) -> MeterProvider | None:
    """Begins to count, where anybody is to be told.

    `listen` is host:port for Prometheus, or empty. Raises BadTls where it could be reached from
    other machines and there is no certificate, and OSError where the port is taken.
    """
    readers: list[MetricReader] = []
    if listen:
        check_listen(listen, tls, "HARBOURLIGHT_METRICS")
        readers.append(PrometheusMetricReader())
        host, _, port = listen.rpartition(":")
        start_http_server(
            int(port),
            host.strip("[]"),
            certfile=str(tls.certificate) if tls else None,
            keyfile=str(tls.key) if tls else None,
        )
        log.info("figures are shown at %s", listen)
    if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
        _Exports.exemplars = True
    if not readers:
        return None
    provider = MeterProvider(readers, Resource.create({"service.name": service}))
    metrics.set_meter_provider(provider)
    return provider


@dataclass
class Outcome:
    """How a call ended, to be said before it has."""

    span: Span
    status: str = "CANCELLED"


@contextlib.contextmanager
def call(path: str) -> Iterator[Outcome]:
    """The span of one incoming call, and its figure."""
    with telemetry.call_span(path) as span:
        outcome, began = Outcome(span), time.monotonic()
        try:
            yield outcome
        finally:
            span.attributes[names.RPC_STATUS] = outcome.status
            _calls.record(
                time.monotonic() - began,
                {
                    names.RPC_SYSTEM: "grpc",
                    names.RPC_METHOD: path.lstrip("/"),
                    names.RPC_STATUS: outcome.status,
                },
                span.for_exemplars() if _Exports.exemplars else None,
            )


@contextlib.contextmanager
def streaming(path: str) -> Iterator[None]:
    """A watch is open: for so long that its duration would say nothing."""
    attributes = {names.RPC_METHOD: path.lstrip("/")}
    _streams.add(1, attributes)
    try:
        yield
    finally:
        _streams.add(-1, attributes)


def taken_in(group: str, topics: Iterable[str], seconds: float) -> None:
    """A consumer took a batch in; `topics` has each record's."""
    group_name = {names.MESSAGING_SYSTEM: "kafka", names.MESSAGING_CONSUMER_GROUP: group}
    _processing.record(seconds, group_name | {names.MESSAGING_OPERATION_NAME: "process"})
    for topic, count in Counter(topics).items():
        _consumed.add(count, group_name | {names.MESSAGING_DESTINATION: topic})


def behind(group: str, records: Mapping[str, int]) -> None:
    """How many records of each topic this member has before it."""
    for topic, count in records.items():
        _lag.set(count, {names.MESSAGING_CONSUMER_GROUP: group, names.MESSAGING_DESTINATION: topic})


def sent(events: Iterable[tuple[str, str]]) -> None:
    """A relay has marked events as sent: (topic, type) of each."""
    for (topic, kind), count in Counter(events).items():
        _sent.add(
            count,
            {
                names.MESSAGING_SYSTEM: "kafka",
                names.MESSAGING_OPERATION_NAME: "send",
                names.MESSAGING_DESTINATION: topic,
                names.EVENT_TYPE: kind,
            },
        )


def leads(service: str, is_active: bool) -> None:
    """Whether this process's relay is the active one."""
    _active.set(int(is_active), {names.SERVICE: service})


_WAITING = f"""
SELECT (SELECT count(*) FROM (SELECT FROM outbox WHERE sent_at IS NULL LIMIT {_MOST_COUNTED}) u)
           AS unsent,
       (SELECT extract(epoch FROM clock_timestamp() - written_at)::float
        FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT 1) AS age
"""


async def measure(database: Database, service: str) -> None:
    """Looks at what waits in the service's tables."""
    row = await database.fetchrow(_WAITING)
    assert row is not None
    _unsent.set(row["unsent"], {names.SERVICE: service})
    _age.set(max(0.0, row["age"] or 0.0), {names.SERVICE: service})
    rows = await database.fetch("SELECT reason, count(*) FROM inbox_parked GROUP BY reason")
    found = {row["reason"]: row["count"] for row in rows}
    for reason in _REASONS:
        _parked.set(found.get(reason, 0), {names.SERVICE: service, names.REASON: reason})
