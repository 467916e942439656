"""Sends the outbox to Kafka: one active relay per service.

It reads unsent rows by id, sends them, waits for every acknowledgement and marks them. Whatever
goes wrong on the way, the rows stay unsent and are read again; consumers skip what they have
seen. It never remembers a position: ids become visible in another order than they were drawn.
"""

import asyncio
import logging
from collections.abc import Sequence

import asyncpg

from shared import cloudevents, figures, telemetry
from shared.kafka import Kafka, Producer, Record
from shared.wakeups import Wakeups

log = logging.getLogger(__name__)

BATCH = 2_000
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.002, 0.2
_BATCHES_PER_SECOND, _AT_ONCE = 80.0, 20
"""Batches are sent as soon as there are events; where they come faster than this, and `_AT_ONCE`
were ahead of it, they wait and grow: a batch costs as much as dozens of events."""
_HOUSEKEEPING_SECONDS = 3600
KEEP_DAYS = 7
"""How long sent rows stay, so that topics can be refilled after a loss."""

COLUMNS = (
    "id, created_on, event_id::text, topic, subject, sequence, type, time, causation_id::text,"
    " traceparent, payload, headers, commitment"
)
"""Of the outbox, what `record_of` and the relay's marking need."""
_READ = f"SELECT {COLUMNS} FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT $1"
_MARK = """
UPDATE outbox SET sent_at = now()
WHERE sent_at IS NULL AND id = ANY($1) AND created_on BETWEEN $2 AND $3
"""


class Relay:
    """Runs until it is cancelled; waits while another process's relay is the active one."""

    def __init__(self, service: str, database_url: str, kafka: Kafka, wakeups: Wakeups) -> None:
        self._service = service
        self._lock = f"relay/{kafka.prefix}{service}"
        self._url = database_url
        self._kafka = kafka
        self._wakeups = wakeups

    async def run(self) -> None:
        """Leads, and leads again after every failure."""
        figures.leads(self._service, False)
        while True:
            try:
                await self._lead()
            except Exception as error:
                # Whatever it is: without a relay nothing would leave, and nobody would notice.
                log.warning("relay interrupted, trying again: %r", error)
                await asyncio.sleep(0.5)

    async def _lead(self) -> None:
        # The lock lives and dies with this connection, and every read and mark goes through it:
        # a relay that has lost the lock can neither read nor mark.
        # A mark that a crash takes back is a repetition, so no commit of it waits for the disk.
        connection = await asyncpg.connect(self._url, server_settings={"synchronous_commit": "off"})
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", self._lock)
            figures.leads(self._service, True)
            await self._relay(connection, lost)
        finally:
            figures.leads(self._service, False)
            connection.terminate()

    async def _relay(self, connection: asyncpg.Connection, lost: asyncio.Event) -> None:
        pause = _SHORTEST_PAUSE
        next_housekeeping = paced_until = 0.0
        loop = asyncio.get_running_loop()
        producer = await asyncio.to_thread(self._kafka.producer)
        try:
            while True:
                if loop.time() >= next_housekeeping:
                    await keep_house(connection)
                    next_housekeeping = loop.time() + _HOUSEKEEPING_SECONDS
                changed = self._wakeups.next()
                rows = await connection.fetch(_READ, BATCH)
                if not rows:
                    await self._wakeups.wait(changed, pause)
                    pause = min(pause * 2, _LONGEST_PAUSE)
                    continue
                pause = _SHORTEST_PAUSE
                await self._send(connection, lost, producer, rows)
                paced_until = max(paced_until, loop.time() - _AT_ONCE / _BATCHES_PER_SECOND)
                paced_until += 1 / _BATCHES_PER_SECOND
                if len(rows) < BATCH and (early := paced_until - loop.time()) > 0:
                    await asyncio.sleep(early)
        finally:
            await asyncio.to_thread(producer.abort)

    async def _send(
        self,
        connection: asyncpg.Connection,
        lost: asyncio.Event,
        producer: Producer,
        rows: Sequence[asyncpg.Record],
    ) -> None:
        with telemetry.relay_span(rows):
            records = [record_of(row, self._service, self._kafka.prefix) for row in rows]
            sending = asyncio.create_task(asyncio.to_thread(producer.send_all, records))
            losing = asyncio.create_task(lost.wait())
            try:
                # Another relay may lead as soon as the lock is lost: stop sending then.
                await asyncio.wait({sending, losing}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                losing.cancel()
                # Where nobody waits for it any more, how it ends is no news.
                sending.add_done_callback(lambda done: done.cancelled() or done.exception())
            if lost.is_set():
                raise asyncpg.InterfaceError("the connection that holds the lock was lost")
            sending.result()
            days = [row["created_on"] for row in rows]
            await connection.execute(_MARK, [row["id"] for row in rows], min(days), max(days))
            figures.sent((row["topic"], row["type"]) for row in rows)


def record_of(row: asyncpg.Record, service: str, prefix: str) -> Record:
    """The record that an outbox row of the service becomes."""
    if row["headers"] is not None:
        headers = cloudevents.from_json(row["headers"])
    else:
        headers = cloudevents.headers(
            event_id=row["event_id"],
            source=f"/services/{service}",
            event_type=row["type"],
            subject=row["subject"],
            sequence=row["sequence"],
            time=row["time"],
            causation_id=row["causation_id"],
            traceparent=row["traceparent"],
            commitment=row["commitment"],
        )
    millis = int(row["time"].timestamp() * 1000)
    payload = bytes(row["payload"])
    return Record(prefix + row["topic"], row["subject"].encode(), payload, headers, millis)


async def prepare(database_url: str) -> None:
    """Makes the outbox's partitions before the first event is written."""
    connection = await asyncpg.connect(database_url)
    try:
        await keep_house(connection)
    finally:
        await connection.close()


async def keep_house(connection: asyncpg.Connection) -> None:
    """Makes the outbox's partitions of today and the next two days, drops those past keeping.

    A day with an unsent row is never dropped.
    """
    for ahead in range(3):
        day = await connection.fetchval("SELECT (now() AT TIME ZONE 'UTC')::date + $1::int", ahead)
        try:
            await connection.execute(
                f"CREATE TABLE IF NOT EXISTS outbox_{day:%Y%m%d} PARTITION OF outbox"
                f" FOR VALUES FROM ('{day}') TO ('{day}'::date + 1)"
            )
        except (asyncpg.CheckViolationError, asyncpg.DuplicateTableError):
            # Rows of that day are in the default partition, or another process was first.
            log.info("no partition made for %s", day)
    old = await connection.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'outbox'::regclass AND c.relname ~ '^outbox_[0-9]{8}$'"
        " AND substring(c.relname FROM 8)::date < (now() AT TIME ZONE 'UTC')::date - $1::int",
        KEEP_DAYS,
    )
    for (name,) in old:
        if not await connection.fetchval(
            f"SELECT EXISTS (SELECT FROM {name} WHERE sent_at IS NULL)"
        ):
            await connection.execute(f"DROP TABLE {name}")
