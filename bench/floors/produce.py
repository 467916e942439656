"""Floor of the relay: the bare producer, with the same records from memory."""

import time
from typing import Any

from kafka import KafkaProducer

from bench import reports, tasks


def _run(given: dict[str, Any]) -> None:
    events = reports.events(given["count"])
    records = [(event.handle.encode(), event.value, event.headers) for event in events]
    producer = KafkaProducer(**given["kafka"], **reports.producer_options())

    def send(key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> Any:
        return producer.send(given["topic"], key=key, value=value, headers=headers)

    # The first record waits for what a producer does once.
    send(*records[0]).get(timeout=60)
    tasks.ready()
    tasks.wait_for_go()
    started = time.monotonic()
    sent = [send(*record) for record in records[1:]]
    for one in sent:
        one.get(timeout=60)
    tasks.answer(len(records) / (time.monotonic() - started))
    producer.close()


if __name__ == "__main__":
    _run(tasks.arguments())
