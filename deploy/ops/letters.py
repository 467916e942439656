"""Dead letters that no parked event stands for: records that could not be read or routed.

A poison event has its parked row beside its letter (deploy.ops.parked). These have nothing but
the letter, so what becomes of them is decided by sending the record again or by noting that it
is given up; where the record says which place of a line it had, that place is skipped.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
from kafka.errors import KafkaError

from deploy import topology
from deploy.ops import facts, parked
from deploy.ops.site import NotFound, Site, Unreachable, WrongState
from services.notification import router
from shared.inbox import dead_letter_topic
from shared.kafka import Record

_REASONS = 2
"""How many headers a letter has behind the record's own."""


@dataclass(frozen=True)
class Letter:
    """A record that nobody took in."""

    id: str
    """topic/offset: what the commands call it by."""
    service: str
    """Whose tables keep what is done about it."""
    group: str
    topic: str
    """Where it had been read from."""
    subject: str
    sequence: int
    """Place in its line; 0 where its headers do not say one."""
    error: str
    type: str
    at: datetime
    settled: str
    """What an operator did about it; empty while nobody has."""


def _sources() -> dict[str, tuple[str, str]]:
    """Dead-letter topic -> (group, topic that it reads)."""
    return {
        dead_letter_topic(topic, group): (group, topic)
        for group, topics in topology.READERS.items()
        for topic in topics
    }


def _service(group: str) -> str:
    """Whose tables keep what becomes of a group's letters; the router has none of its own."""
    return "notification" if group == router.GROUP else group


async def listed(site: Site, connection: asyncpg.Connection, service: str = "") -> list[Letter]:
    """Letters without a parked event, oldest first, settled ones too."""
    records = await asyncio.to_thread(_read, site)
    settled = await _settled(connection)
    found = [_letter(site, record, settled) for record in records if not record.key]
    return sorted(
        (one for one in found if not service or one.service == service), key=lambda one: one.at
    )


def _read(site: Site) -> list[Any]:
    try:
        return site.topics().read_to_end(list(_sources()))
    except KafkaError as error:
        raise Unreachable(f"Kafka does not show its dead letters ({error})") from error


async def _settled(connection: asyncpg.Connection) -> dict[tuple[str, int], str]:
    found = {}
    for service in topology.DATABASES:
        for row in await connection.fetch(
            f"SELECT topic, kafka_offset, action FROM {service}.operator_action"
            " WHERE kafka_offset IS NOT NULL ORDER BY id"
        ):
            found[row["topic"], row["kafka_offset"]] = row["action"]
    return found


def _letter(site: Site, record: Any, settled: dict[tuple[str, int], str]) -> Letter:
    name = record.topic.removeprefix(site.prefix)
    group, topic = _sources()[name]
    said = facts.headers(record.headers)
    sequence = said.get("ce_sequence", "")
    return Letter(
        id=f"{name}/{record.offset}",
        service=_service(group),
        group=group,
        topic=topic,
        subject=said.get("ce_subject", ""),
        sequence=int(sequence) if sequence.isdecimal() and len(sequence) < 19 else 0,
        error=said.get("dlq_error", ""),
        type=said.get("ce_type", ""),
        at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        settled=settled.get((name, record.offset), ""),
    )


async def find(site: Site, connection: asyncpg.Connection, name: str) -> tuple[Letter, Any]:
    """The letter of this name and its record. Raises NotFound."""
    topic, _, offset = name.rpartition("/")
    for record in await asyncio.to_thread(_read, site):
        if record.topic.removeprefix(site.prefix) == topic and str(record.offset) == offset:
            if record.key:
                raise NotFound(
                    f"{name} is the letter of a parked event of {record.key.decode()}: `dlq list` "
                    "shows that event, where it is still parked"
                )
            return _letter(site, record, await _settled(connection)), record
    raise NotFound(f"there is no dead letter {name}: `dlq list` shows them, as topic/offset")


async def shown(site: Site, connection: asyncpg.Connection, name: str) -> dict[str, Any]:
    """Everything that may be told of a letter."""
    letter, record = await find(site, connection, name)
    return {
        "letter": letter,
        "headers": facts.headers(record.headers),
        "event": facts.coded(letter.type, record.value or b""),
    }


async def replay(site: Site, name: str, operator: str, reason: str) -> Letter:
    """Sends the record once more, as it was, to the topic that it had been read from.

    Who has taken it in already drops the repeat. Raises NotFound.
    """
    async with site.connect() as connection:
        letter, record = await find(site, connection, name)
        again = Record(
            site.prefix + letter.topic,
            letter.subject.encode(),
            record.value or b"",
            record.headers[:-_REASONS],
            # Now, or the topic's retention might take it at once.
            int(time.time() * 1000),
        )
        try:
            await asyncio.to_thread(_send, site, again)
        except KafkaError as error:
            raise Unreachable(f"{name} was not sent again ({error}): try again") from error
        await parked.record(
            connection, letter.service, operator, "replay", reason, letter=_key(name)
        )
    return letter


def _send(site: Site, record: Record) -> None:
    producer = site.topics().producer()
    try:
        producer.send_all([record])
    finally:
        producer.abort()


async def discard(site: Site, name: str, operator: str, reason: str) -> Letter:
    """Gives the record up; where its line waits for it, the line goes on with the next.

    Raises NotFound, and WrongState where its line waits for an earlier one.
    """
    async with site.connect() as connection:
        letter, _ = await find(site, connection, name)
    async with parked.alone(site, letter.service) as connection:
        if letter.subject and letter.sequence:
            await _skip(connection, letter)
        await parked.record(
            connection,
            *(letter.service, operator, "discard", reason),
            letter=_key(name),
            line=(letter.service, letter.topic, letter.subject, letter.sequence),
            detail=letter.error,
        )
    return letter


async def _skip(connection: asyncpg.Connection, letter: Letter) -> None:
    service, line = letter.service, (letter.service, letter.topic, letter.subject)
    mark = await connection.fetchval(
        f"SELECT sequence FROM {service}.inbox_mark"
        " WHERE consumer = $1 AND stream = $2 AND subject = $3",
        *line,
    )
    if (mark or 0) < letter.sequence - 1:
        raise WrongState(
            f"{letter.subject} has come to {mark or 0} of {letter.topic} in {service}, and this is "
            f"{letter.sequence}: deal with the earlier ones first"
        )
    if mark == letter.sequence - 1 or (mark is None and letter.sequence == 1):
        await parked.advance(connection, service, *line, letter.sequence)


def _key(name: str) -> tuple[str, int]:
    topic, _, offset = name.rpartition("/")
    return topic, int(offset)
