"""Reads a service's topics: poll, take the batch in, commit the offsets, again.

Acknowledgement: offsets are committed after the batch's transaction, so a batch may be read
twice and never lost; the inbox's marks make the second reading harmless. So nobody waits for that
commit, and where batches follow each other closely one commit stands for several.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from google.protobuf.message import Message

from shared import contract, figures, telemetry
from shared.cloudevents import Headers, Incoming
from shared.database import Database
from shared.inbox import Inbox, Reactor
from shared.kafka import ConsumerRebalanceListener, Kafka, KafkaError

log = logging.getLogger(__name__)

R = TypeVar("R")

_RETRY_PARKED_SECONDS = 0.5
_COMMIT_SECONDS = 0.1
_JOIN_SECONDS = 45.0
"""How long joining the group may take before the consumer starts over with new connections."""


@dataclass(frozen=True)
class Subscription:
    """What a service listens to."""

    group: str
    topics: tuple[str, ...]
    reactor: Callable[[], Reactor]

    @classmethod
    def of(
        cls,
        group: str,
        table: Mapping[type[Message], R],
        reactor: Callable[[Mapping[str, R]], Reactor],
    ) -> "Subscription":
        """The topics of the table's event types; the reactor is made of (type name -> entry)."""
        by_name = {message.DESCRIPTOR.full_name: entry for message, entry in table.items()}
        kinds = [contract.event_type(name) for name in by_name]
        topics = sorted({kind.topic for kind in kinds if kind is not None})
        return cls(group, tuple(topics), lambda: reactor(by_name))


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """Tells them in the log; nothing is in memory between batches that would have to move."""

    has_joined = False

    def on_partitions_revoked(self, revoked: Any) -> None:
        if revoked:
            log.info("partitions revoked: %d", len(revoked))

    def on_partitions_assigned(self, assigned: Any) -> None:
        self.has_joined = True
        if assigned:
            log.info("partitions assigned: %d", len(assigned))


class Consumer:
    """One thread that polls; the batches are taken in on the event loop."""

    def __init__(
        self, subscription: Subscription, database: Database, kafka: Kafka, *, most: int = 1000
    ) -> None:
        self._subscription = subscription
        self._inbox = Inbox(subscription.group, database)
        self._reactor = subscription.reactor()
        self._kafka = kafka
        self._most = most
        self._stop = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()

    def start(self) -> None:
        """Begins to poll."""
        threading.Thread(target=self._run, name="consumer", daemon=True).start()

    async def stop(self) -> None:
        """Ends after the batch under way, and leaves the group."""
        self._stop.set()
        await self._done

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._poll_until_stopped()
            except KafkaError as error:
                log.warning("consumer interrupted, joining again: %s", error)
                self._stop.wait(1)
            except Exception:
                log.exception("consumer failed, joining again")
                self._stop.wait(1)
        self._loop.call_soon_threadsafe(self._done.set_result, None)

    def _poll_until_stopped(self) -> None:
        group = self._subscription.group
        rebalances = _Rebalances()
        consumer = self._kafka.consumer(group, self._subscription.topics, rebalances)
        next_retry = next_commit = 0.0
        is_committed = True
        join_by = time.monotonic() + _JOIN_SECONDS
        try:
            while not self._stop.is_set():
                wait_ms = 200 if is_committed else 1000 * _COMMIT_SECONDS
                polled = consumer.poll(timeout_ms=wait_ms, max_records=self._most)
                records = [
                    (record.topic.removeprefix(self._kafka.prefix), record.value, record.headers)
                    for batch in polled.values()
                    for record in batch
                ]
                # Record by record in the order of their partitions: nothing orders topics.
                if records:
                    began = time.monotonic()
                    self._on_loop(records)
                    is_committed = False
                    took = time.monotonic() - began
                    figures.taken_in(group, (topic for topic, _, _ in records), took)
                if not is_committed and (not records or time.monotonic() >= next_commit):
                    consumer.commit_async()
                    is_committed = True
                    next_commit = time.monotonic() + _COMMIT_SECONDS
                if not rebalances.has_joined and time.monotonic() > join_by:
                    raise KafkaError(f"not in group {group} after {_JOIN_SECONDS:.0f} s")
                if time.monotonic() >= next_retry:
                    self._on_loop(None)
                    figures.behind(group, self._kafka.behind(consumer))
                    next_retry = time.monotonic() + _RETRY_PARKED_SECONDS
            if not is_committed:
                consumer.commit()
        finally:
            consumer.close(autocommit=False)

    def _on_loop(self, records: Sequence[tuple[str, bytes, Headers]] | None) -> None:
        """Waits for the batch, however long the database is away: the records are not lost."""
        pause = 0.1
        while True:
            take = self._take(records) if records is not None else self._retry()
            try:
                return asyncio.run_coroutine_threadsafe(take, self._loop).result()
            except Exception as error:
                if self._stop.is_set():
                    raise
                log.warning("batch not taken in, trying again: %r", error)
                time.sleep(pause)
                pause = min(pause * 2, 2.0)

    async def _take(self, records: Sequence[tuple[str, bytes, Headers]]) -> None:
        await self._inbox.take(records, _Traced(self._reactor, self._subscription.group))

    async def _retry(self) -> None:
        await self._inbox.retry(_Traced(self._reactor, self._subscription.group))


class _Traced:
    """A reactor whose events each have a span, which what they cause belongs to."""

    def __init__(self, reactor: Reactor, group: str) -> None:
        self._reactor = reactor
        self._group = group
        self.load, self.save = reactor.load, reactor.save

    def react(self, incoming: Incoming) -> None:
        span = telemetry.process_span(
            incoming.topic,
            self._group,
            event_id=incoming.id,
            event_type=incoming.type,
            case=incoming.subject,
            traceparent=incoming.traceparent,
        )
        try:
            self._reactor.react(replace(incoming, traceparent=span.traceparent))
        except Exception as error:
            span.failure = str(error)
            raise
        finally:
            span.end()
