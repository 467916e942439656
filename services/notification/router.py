"""Routes source events to what each audience may see: a Faust application, without state.

    python -m services.notification.router

Raw bytes in, the shared decoder, one routed event out per source event, with the source's own
sequence and an id derived from the source's, so that repeats fall to the inbox's marks.

Acknowledgement: at least once. Faust acknowledges a batch when its body ends, even if it raised,
so the body ends only when the broker has acknowledged every routed event.
"""

import asyncio
import logging
import tempfile
import time
from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import faust
from google.protobuf import any_pb2
from google.protobuf.message import Message

from harbourlight.notification.v1 import events_pb2
from harbourlight.options.v1 import options_pb2 as options
from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.reporting.v1 import events_pb2 as reporting
from harbourlight.triage.v1 import events_pb2 as triage
from shared import cloudevents, contract, figures, logs, redaction, telemetry, tls
from shared.cloudevents import Headers, Incoming
from shared.inbox import dead_letter_topic
from shared.kafka import MECHANISM
from shared.settings import Settings

log = logging.getLogger(__name__)

GROUP = "notification-router"
SOURCES = tuple(sorted({kind.topic for kind in contract.event_types(reporting, triage, remedy)}))
ROUTED = "notification.routed.v1"
_NAMESPACE = uuid5(NAMESPACE_URL, "harbourlight/notification/routed")
_BATCH = 500
_WITHIN_SECONDS = 0.01


def route(incoming: Incoming) -> events_pb2.EventRouted:
    """What each audience may see of the event; nothing of one that this version does not know."""
    routed = events_pb2.EventRouted(handle=incoming.subject)
    if incoming.event is not None:
        _pack(routed.company, redaction.visible(incoming.event, options.AUDIENCE_COMPANY))
        _pack(routed.ngo, redaction.visible(incoming.event, options.AUDIENCE_NGO))
    return routed


def _pack(into: any_pb2.Any, event: Message | None) -> None:
    if event is not None:
        into.Pack(event)


def routed_headers(incoming: Incoming, traceparent: str | None) -> Headers:
    """The routed event's headers: the source's place in its line, an id derived from its id."""
    return cloudevents.headers(
        event_id=str(uuid5(_NAMESPACE, incoming.id)),
        source="/services/notification",
        event_type=events_pb2.EventRouted.DESCRIPTOR.full_name,
        subject=incoming.subject,
        sequence=incoming.sequence,
        time=incoming.time,
        causation_id=_uuid_or_none(incoming.id),
        traceparent=traceparent,
        stream=incoming.stream,
    )


def _uuid_or_none(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None


def prepare(topic: str, value: bytes | None, headers: Headers) -> tuple[str, str, bytes, Headers]:
    """What one source record becomes: (topic, key, value, headers) of the record to send.

    A record that cannot be decoded or routed becomes a dead letter, and the rest flows on.
    """
    try:
        incoming = cloudevents.decode(topic, value, headers)
        if incoming.error:
            raise cloudevents.Undecodable(incoming.error)
        return _routed(topic, incoming)
    except Exception as error:
        log.warning("record of %s goes to the dead-letter topic: %s", topic, error)
        reason = [("dlq_topic", topic.encode()), ("dlq_error", str(error).encode())]
        return dead_letter_topic(topic, GROUP), "", value or b"", [*headers, *reason]


def _routed(topic: str, incoming: Incoming) -> tuple[str, str, bytes, Headers]:
    span = telemetry.process_span(
        topic,
        GROUP,
        event_id=incoming.id,
        event_type=incoming.type,
        case=incoming.subject,
        traceparent=incoming.traceparent,
    )
    try:
        body = route(incoming).SerializeToString()
        return (
            ROUTED,
            incoming.subject,
            body,
            routed_headers(incoming, span.traceparent),
        )
    finally:
        span.end()


def application(settings: Settings, folder: str) -> faust.App:
    """The application as the settings want it. Faust wants a `folder`; nothing is kept there."""
    context = tls.client_context(settings.kafka_ca, settings.kafka_certificate, settings.kafka_key)
    credentials = (
        faust.SASLCredentials(
            username=settings.kafka_username,
            password=settings.kafka_password,
            mechanism=MECHANISM,
            ssl_context=context,
        )
        if settings.kafka_username
        else None
    )
    app = faust.App(
        settings.topic_prefix + GROUP,
        broker=[f"kafka://{server}" for server in settings.kafka.split(",")],
        broker_credentials=credentials,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.5,
        broker_commit_interval=0.5,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=f"{settings.topic_prefix}{GROUP}-{settings.instance}",
        producer_acks=-1,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        store="memory://",
        datadir=folder,
        value_serializer="raw",
        key_serializer="raw",
        # The application's own loggers stay as shared.logs set them up.
        loghandlers=[],
    )
    prefix = settings.topic_prefix
    outputs = {
        name: app.topic(prefix + name, value_serializer="raw", key_serializer="raw")
        for name in (ROUTED, *(dead_letter_topic(source, GROUP) for source in SOURCES))
    }
    sources = app.topic(
        *(prefix + source for source in SOURCES), value_serializer="raw", key_serializer="raw"
    )

    @app.agent(sources, concurrency=1)
    async def router(stream: Any) -> None:
        async for batch in stream.take_events(_BATCH, within=_WITHIN_SECONDS):
            began = time.monotonic()
            prepared = [
                prepare(
                    event.message.topic.removeprefix(prefix),
                    event.message.value,
                    _header_list(event.headers),
                )
                for event in batch
            ]
            await _send_all(outputs, prepared)
            topics = (event.message.topic.removeprefix(prefix) for event in batch)
            figures.taken_in(GROUP, topics, time.monotonic() - began)

    return app


def _header_list(found: Any) -> Headers:
    pairs = found.items() if isinstance(found, dict) else found or ()
    return [(name, bytes(text or b"")) for name, text in pairs]


async def _send_all(
    outputs: dict[str, Any], prepared: Sequence[tuple[str, str, bytes, Headers]]
) -> None:
    """Returns when the broker has every record, however long that takes."""
    pause = 0.1
    while True:
        try:
            sent = [
                await outputs[topic].send(
                    key=key.encode(), value=value, headers=dict(headers), force=True
                )
                for topic, key, value, headers in prepared
            ]
            await asyncio.gather(*sent)
            return
        except Exception as error:
            log.warning("batch not sent, trying again: %r", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)


def main() -> None:
    """Runs until SIGTERM or SIGINT."""
    settings = Settings.from_environment(database=False)
    logs.set_up(GROUP)
    provider = telemetry.set_up(GROUP, settings.telemetry)
    counting = figures.set_up(GROUP, settings.metrics, settings.tls)
    with tempfile.TemporaryDirectory() as folder:
        app = application(settings, folder)
        app.finalize()
        worker = faust.Worker(app, override_logging=False, redirect_stdouts=False)
        try:
            worker.execute_from_commandline()
        finally:
            provider.shutdown()
            if counting:
                counting.shutdown()


if __name__ == "__main__":
    main()
