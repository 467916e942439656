"""Floor of the way into the queue: commit, bare produce; poll, commit. One process for each end."""

import asyncio
import time
from typing import Any

import asyncpg
from kafka import KafkaConsumer, KafkaProducer

from bench import tasks
from bench.reports import producer_options

_WARM_UP_SECONDS = 1.0
_INSERT = "INSERT INTO {table} (number, body) VALUES ($1, $2)"
_TABLE = "CREATE TABLE {table} (number bigint PRIMARY KEY, body bytea NOT NULL)"


async def _table(url: str, name: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(url)
    await connection.execute(_TABLE.format(table=name))
    return connection


async def _send(given: dict[str, Any]) -> None:
    database = await _table(given["database_url"], "sent")
    producer = KafkaProducer(**given["kafka"], **producer_options())
    producer.partitions_for(given["topic"])
    body, rate, insert = bytes(given["size"]), given["rate"], _INSERT.format(table="sent")
    committed = []
    tasks.ready()
    tasks.wait_for_go()
    begun = time.monotonic()
    for number in range(given["count"]):
        await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
        await database.execute(insert, number, body)
        committed.append(time.monotonic())
        producer.send(given["topic"], value=body, key=str(number).encode())
    producer.close()
    tasks.answer(committed)


async def _receive(given: dict[str, Any]) -> None:
    database = await _table(given["database_url"], "received")
    consumer = KafkaConsumer(
        given["topic"],
        **given["kafka"],
        group_id=given["group"],
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    while not consumer.assignment():
        consumer.poll(timeout_ms=100)
    insert = _INSERT.format(table="received")
    committed = [0.0] * given["count"]
    missing = given["count"]
    tasks.ready()
    while missing:
        batch = [one for some in consumer.poll(timeout_ms=200).values() for one in some]
        if not batch:
            continue
        await database.executemany(insert, [(int(one.key), one.value) for one in batch])
        now = time.monotonic()
        for one in batch:
            committed[int(one.key)] = now
        missing -= len(batch)
        consumer.commit()
    tasks.answer(committed)
    consumer.close()


if __name__ == "__main__":
    _given = tasks.arguments()
    asyncio.run(_send(_given) if _given["end"] == "send" else _receive(_given))
