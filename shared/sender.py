"""What the relay sends by: aiokafka's producer, on the relay's own event loop.

kafka-python's works by threads, and each of its hand-overs waits for a loop that is busy: at 50
reports a second half of an event's way. A record costs it 40 us; here one is a few bytes more in a
batch that compiled code builds.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed
from aiokafka.partitioner import murmur2

from shared.cloudevents import Headers

_BATCH_BYTES = 256 * 1024
_TIMEOUT_MS = 10_000
"""How long a batch may take, with what is tried again; then sending has failed."""
_ABORT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Record:
    """What a producer sends."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    timestamp_ms: int
    """The event's time: the moment of sending would tell more than some readers may know."""


class Sender:
    """Idempotent, acknowledged by all in-sync replicas.

    One request under way for a partition keeps a batch that failed from being overtaken in here.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._producer = AIOKafkaProducer(
            **options,
            enable_idempotence=True,
            acks="all",
            max_batch_size=_BATCH_BYTES,
            linger_ms=0,
            request_timeout_ms=_TIMEOUT_MS,
        )

    async def start(self) -> None:
        """Connects. Raises aiokafka's KafkaError where it cannot."""
        await self._producer.start()

    async def send_all(self, records: Sequence[Record]) -> None:
        """Returns when every record is acknowledged. Raises where one is not."""
        topics = {record.topic for record in records}
        partitions = {topic: len(await self._producer.partitions_for(topic)) for topic in topics}
        batches: dict[tuple[str, int], Any] = {}
        sent: list[asyncio.Future[Any]] = []
        for record in records:
            place = record.topic, _hash(record.key) % partitions[record.topic]
            batch = batches.get(place)
            if batch is None or not _append(batch, record):
                if batch is not None:
                    sent.append(await self._submit(place, batch))
                batch = batches[place] = self._producer.create_batch()
                # The first record of a batch always fits.
                _append(batch, record)
        for place, batch in batches.items():
            sent.append(await self._submit(place, batch))
        await asyncio.gather(*sent)

    async def _submit(self, place: tuple[str, int], batch: Any) -> asyncio.Future[Any]:
        topic, partition = place
        sent: asyncio.Future[Any]
        sent = await self._producer.send_batch(batch, topic, partition=partition)
        return sent

    async def abort(self) -> None:
        """Closes without sending what is still buffered; what is being sent fails."""
        # By itself stop() sends all of it first: so nothing may be left, and nobody to send it to.
        inner = self._producer._sender.sender_task
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_ABORT_SECONDS):
                if inner is not None:
                    inner.cancel()
                await self._producer.client.close()
                if inner is not None:
                    await asyncio.wait([inner])
                self._producer._message_accumulator.fail_all(ProducerClosed())
                await self._producer.stop()


def _append(batch: Any, record: Record) -> bool:
    return bool(
        batch.append(
            timestamp=record.timestamp_ms,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )
    )


def _hash(key: bytes) -> int:
    """What every client of Kafka finds a key's partition by."""
    return int(murmur2(key)) & 0x7FFFFFFF
