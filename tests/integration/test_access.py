"""What PostgreSQL and Kafka themselves refuse, whatever a service's code does."""

import asyncio
import time
from typing import Any

import asyncpg
import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from deploy import topology
from shared.kafka import ConsumerRebalanceListener, Record
from shared.migrate import SHARED, migrate
from tests.integration.installation import Installation
from tests.integration.waiting import PATIENCE

PRINCIPALS = sorted(set(topology.PRINCIPALS))
REFUSALS = ("TopicAuthorizationFailedError", "ClusterAuthorizationFailedError")
TOPICS = [topic.name for topic in topology.topics()]


async def test_a_role_reaches_its_own_schema_and_no_other(installation: Installation) -> None:
    for owner in topology.DATABASES:
        await migrate(installation.database_url(owner), SHARED)
    for role in topology.DATABASES:
        connection = await asyncpg.connect(installation.database_url(role))
        try:
            assert await connection.fetchval("SELECT count(*) FROM outbox") == 0
            others = [owner for owner in topology.DATABASES if owner != role]
            for statement in (
                "CREATE TABLE public.mine (x int)",
                *(f"SELECT count(*) FROM {owner}.outbox" for owner in others),
                *(f"INSERT INTO {owner}.inbox_mark VALUES ('c', 's', 'x', 1)" for owner in others),
                *(f"CREATE TABLE {owner}.mine (x int)" for owner in others),
                *(f"SET ROLE {owner}" for owner in others),
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
        finally:
            await connection.close()


def _granted(principal: str, operation: str) -> set[str]:
    return {
        grant.topic
        for grant in topology.grants()
        if grant.principal == principal and grant.topic and operation in grant.operations
    }


def _can_write(installation: Installation, principal: str, topic: str) -> bool:
    """Whether a record is taken; else the broker has refused it."""
    producer = installation.kafka(principal).producer()
    refusal = ""
    try:
        producer.send_all([Record(installation.prefix + topic, b"k", b"v", [], 0)])
    except KafkaError as error:
        refusal = repr(error)
    finally:
        producer.abort()
    # Who may write nothing at all is not even given a producer's id.
    assert not refusal or any(one in refusal for one in REFUSALS), refusal
    return not refusal


def _sees(installation: Installation, principal: str) -> set[str]:
    """The topics that the broker tells the principal of."""
    consumer = _consumer(installation, principal)
    try:
        # The first answer may be one to a question from before.
        deadline = time.monotonic() + PATIENCE
        while not (found := consumer.topics()):
            assert time.monotonic() < deadline
        return {
            topic.removeprefix(installation.prefix)
            for topic in found
            if topic.startswith(installation.prefix)
        }
    finally:
        consumer.close()


def _can_read(installation: Installation, principal: str, topic: str) -> bool:
    """Whether a record of the topic comes; else the broker has said that none will."""
    consumer = _consumer(installation, principal)
    name = installation.prefix + topic
    try:
        consumer.assign([TopicPartition(name, n) for n in consumer.partitions_for_topic(name)])
        consumer.seek_to_beginning()
        deadline = time.monotonic() + PATIENCE
        while not consumer.poll(timeout_ms=500):
            assert time.monotonic() < deadline, (principal, topic)
    except TopicAuthorizationFailedError:
        return False
    finally:
        consumer.close()
    return True


def _consumer(installation: Installation, principal: str) -> Any:
    options = installation.stack.kafka_access(principal).client_options()
    return KafkaConsumer(**options, group_id=None, enable_auto_commit=False)


async def test_a_principal_writes_what_it_is_granted_and_nothing_else(
    installation: Installation,
) -> None:
    for principal in PRINCIPALS:
        found = await asyncio.gather(
            *(asyncio.to_thread(_can_write, installation, principal, one) for one in TOPICS)
        )
        may = {topic for topic, can in zip(TOPICS, found, strict=True) if can}
        assert may == _granted(principal, "write"), principal


async def test_a_principal_reads_what_it_is_granted_and_nothing_else(
    installation: Installation,
) -> None:
    now = int(time.time() * 1000)
    admin = installation.admin_kafka()
    producer = await asyncio.to_thread(admin.producer)
    records = [Record(admin.prefix + topic, b"k", b"v", [], now) for topic in TOPICS]
    await asyncio.to_thread(producer.send_all, records)
    await asyncio.to_thread(producer.abort)
    for principal in PRINCIPALS:
        seen = await asyncio.to_thread(_sees, installation, principal)
        assert seen == _granted(principal, "describe"), principal
        found = await asyncio.gather(
            *(asyncio.to_thread(_can_read, installation, principal, one) for one in seen)
        )
        may = {topic for topic, can in zip(seen, found, strict=True) if can}
        assert may == _granted(principal, "read"), principal


def test_an_ngo_is_granted_the_feed_alone() -> None:
    assert _granted(topology.FEED_READER, "read") == {"notification.feed.v1"}
    assert _granted(topology.FEED_READER, "write") == set()


class _Listener(ConsumerRebalanceListener):
    def on_partitions_revoked(self, revoked: Any) -> None:
        """Nothing is kept of them."""

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Asked for by the test itself."""


async def test_a_principal_joins_no_group_but_its_own(installation: Installation) -> None:
    def join(principal: str, group: str) -> set[int]:
        kafka = installation.kafka(principal)
        consumer = kafka.consumer(group, ["triage.events.v1"], _Listener())
        deadline = time.monotonic() + PATIENCE
        try:
            while not (assigned := consumer.assignment()) and time.monotonic() < deadline:
                consumer.poll(timeout_ms=200)
            return {partition.partition for partition in assigned}
        finally:
            consumer.close()

    everything = set(range(topology.PARTITIONS))
    assert await asyncio.to_thread(join, "reporting", "reporting") == everything
    with pytest.raises(GroupAuthorizationFailedError):
        await asyncio.to_thread(join, "reporting", "remedy")
