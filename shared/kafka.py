"""The one place that knows kafka-python, pinned to one minor version."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError, UnknownTopicOrPartitionError

from shared.cloudevents import Headers
from shared.settings import Settings

__all__ = ["MECHANISM", "ConsumerRebalanceListener", "Kafka", "KafkaError", "Producer", "Record"]

MECHANISM = "SCRAM-SHA-512"
"""Of SCRAM's two, the one that Kafka's operator on Kubernetes makes users for."""

_ABORT_SECONDS = 5
_TOPIC_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Record:
    """What a producer sends."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    timestamp_ms: int
    """The event's time: the moment of sending would tell more than some readers may know."""


class Producer:
    """Idempotent, acknowledged by all in-sync replicas."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._producer = KafkaProducer(
            **options,
            enable_idempotence=True,
            acks="all",
            # One request under way keeps a failed batch from being overtaken inside the producer.
            max_in_flight_requests_per_connection=1,
            batch_size=256 * 1024,
            linger_ms=0,
            delivery_timeout_ms=15_000,
            request_timeout_ms=10_000,
            max_block_ms=10_000,
        )

    def send_all(self, records: Sequence[Record]) -> None:
        """Returns when every record is acknowledged. Raises KafkaError if one is not."""
        futures = [
            self._producer.send(
                record.topic,
                value=record.value,
                key=record.key,
                headers=record.headers,
                timestamp_ms=record.timestamp_ms,
            )
            for record in records
        ]
        for future in futures:
            future.get(timeout=20)

    def abort(self) -> None:
        """Closes without sending what is still buffered; what is being sent fails."""
        # By itself close() flushes first, and leaves the producer open where that takes too long.
        self._producer._sender.force_close()
        self._producer._sender.join(_ABORT_SECONDS)
        with contextlib.suppress(KafkaError):
            self._producer.close(timeout=0)


class _Member(KafkaConsumer):  # type: ignore[misc]
    """A consumer that does not forget a rebalance under way."""

    def poll(self, **options: Any) -> dict[TopicPartition, list[Any]]:
        """Records by partition."""
        # Where the join outlasts a poll and new metadata was its cause, kafka-python 3.0 takes it
        # for done at the next poll, and stays without partitions and heartbeats for ever.
        if self._coordinator.rejoining:
            self._coordinator.request_rejoin()
        found: dict[TopicPartition, list[Any]] = super().poll(**options)
        return found


def _partitions(consumer: KafkaConsumer, topic: str) -> list[int]:
    """The topic's partitions. Raises KafkaError where it is not to be seen."""
    deadline = time.monotonic() + _TOPIC_SECONDS
    # What is asked while another answer is on its way may be answered by that one, without it.
    while not (found := consumer.partitions_for_topic(topic)):
        if time.monotonic() > deadline:
            raise UnknownTopicOrPartitionError(f"{topic} is not to be seen")
        time.sleep(0.05)
    return sorted(found)


def credentials(
    username: str, password: str, ca: Path | None, certificate: Path | None, key: Path | None
) -> dict[str, str]:
    """What every client of kafka-python is told of who it is; nothing where there are no users."""
    if not username:
        return {}
    files = {"ssl_cafile": ca, "ssl_certfile": certificate, "ssl_keyfile": key}
    return {
        "security_protocol": "SASL_SSL" if ca else "SASL_PLAINTEXT",
        "sasl_mechanism": MECHANISM,
        "sasl_plain_username": username,
        "sasl_plain_password": password,
        **{name: str(path) for name, path in files.items() if path},
    }


class Kafka:
    """Makes clients of one installation's broker as one principal."""

    def __init__(
        self,
        servers: str,
        username: str = "",
        password: str = "",
        *,
        ca: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        prefix: str = "",
        instance: str = "1",
    ) -> None:
        self.prefix = prefix
        self._instance = instance
        self._options: dict[str, Any] = {
            "bootstrap_servers": servers.split(","),
            **credentials(username, password, ca, certificate, key),
        }

    @classmethod
    def of(cls, settings: Settings) -> "Kafka":
        """As a process's settings say."""
        return cls(
            settings.kafka,
            settings.kafka_username,
            settings.kafka_password,
            ca=settings.kafka_ca,
            certificate=settings.kafka_certificate,
            key=settings.kafka_key,
            prefix=settings.topic_prefix,
            instance=settings.instance,
        )

    def producer(self) -> Producer:
        """A producer of its own connections. Blocks while it connects; raises KafkaError."""
        return Producer(self._options)

    def consumer(
        self, group: str, topics: Sequence[str], listener: ConsumerRebalanceListener
    ) -> KafkaConsumer:
        """A member of `group` (manual commits, cooperative-sticky, static membership).

        Blocks while it connects; raises KafkaError, also where a topic is not to be seen.
        """
        consumer = _Member(
            **self._options,
            group_id=self.prefix + group,
            group_instance_id=f"{self.prefix}{group}-{self._instance}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=[CooperativeStickyAssignor],
            # A dead process is replaced after this; a restarted one comes back to its partitions.
            session_timeout_ms=6_000,
            heartbeat_interval_ms=1_500,
            max_poll_interval_ms=300_000,
            fetch_max_wait_ms=250,
            metadata_max_age_ms=30_000,
        )
        names = [self.prefix + topic for topic in topics]
        consumer.subscribe(names, listener=listener)
        try:
            for name in names:
                # Who joins without knowing them is given no partition.
                _partitions(consumer, name)
        except KafkaError:
            consumer.close(autocommit=False)
            raise
        return consumer

    def behind(self, consumer: KafkaConsumer) -> dict[str, int]:
        """Topic -> records that a member has before it, as far as the broker has told it."""
        # Also topics of which it has no partition, or what it had of them would be told for ever.
        found = {one.removeprefix(self.prefix): 0 for one in consumer.subscription() or ()}
        # Not by position(), which asks the broker where it is not sure.
        for one, state in dict(consumer._subscription.assignment).items():
            topic = one.topic.removeprefix(self.prefix)
            is_known = state.position is not None and state.highwater is not None
            left = max(0, state.highwater - state.position.offset) if is_known else 0
            found[topic] = found.get(topic, 0) + left
        return found

    def read_to_end(self, topics: Sequence[str]) -> list[Any]:
        """Every record that the topics hold now, partition by partition, as no group's member.

        For checks and repairs; a record has topic, partition, offset, timestamp, key, value and
        headers. Topic names are given without the prefix.
        """
        consumer = KafkaConsumer(**self._options, group_id=None, enable_auto_commit=False)
        try:
            partitions = [
                TopicPartition(self.prefix + topic, number)
                for topic in topics
                for number in _partitions(consumer, self.prefix + topic)
            ]
            ends = consumer.end_offsets(partitions)
            left = {one for one in partitions if ends[one] > 0}
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            found: list[Any] = []
            while left:
                for one, batch in consumer.poll(timeout_ms=1000).items():
                    found += [record for record in batch if record.offset < ends[one]]
                left = {one for one in left if consumer.position(one) < ends[one]}
            return found
        finally:
            consumer.close()
