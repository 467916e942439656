"""Floor of a consumer: poll, decode, one batched insert, offset commit."""

import asyncio
from typing import Any

import asyncpg
from kafka import KafkaConsumer

from bench import tasks
from harbourlight.reporting.v1 import events_pb2

_INSERT = (
    "INSERT INTO bare (handle, country, body)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[])"
)
_MOST = 500


async def _run(given: dict[str, Any]) -> None:
    database = await asyncpg.connect(given["database_url"])
    await database.execute(
        "CREATE TABLE bare (handle text PRIMARY KEY, country text NOT NULL, body bytea NOT NULL)"
    )
    tasks.ready()
    consumer = KafkaConsumer(
        given["topic"],
        **given["kafka"],
        group_id=given["group"],
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    while True:
        polled = consumer.poll(timeout_ms=200, max_records=_MOST)
        values = [record.value for batch in polled.values() for record in batch]
        if values:
            events = [events_pb2.ReportFiled.FromString(value) for value in values]
            countries = [event.facts.country for event in events]
            await database.execute(_INSERT, [one.handle for one in events], countries, values)
            consumer.commit()


if __name__ == "__main__":
    asyncio.run(_run(tasks.arguments()))
