"""Which topics exist, who may write and read them, and which processes there are.

Topics come from the contract, readers from the services' own tables. The embedded broker, the
compose file and the Kubernetes manifests are all held against this.
"""

from dataclasses import dataclass

from harbourlight.notification.v1 import events_pb2 as notification
from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.reporting.v1 import events_pb2 as reporting
from harbourlight.triage.v1 import events_pb2 as triage
from services.ledger import consumers as ledger
from services.notification import router
from services.notification.consumers import subscription as notification_subscription
from services.remedy.consumers import SUBSCRIPTION as REMEDY
from services.reporting.consumers import SUBSCRIPTION as REPORTING
from services.triage.consumers import subscription as triage_subscription
from shared import contract
from shared.erasure import KeyStore
from shared.inbox import dead_letter_topic

EVENTS = (reporting, triage, remedy, notification)
PARTITIONS = 12
RETENTION_MS = 30 * 24 * 3600 * 1000
"""Longer than the outbox keeps sent rows, and finite: erasure depends on it."""


@dataclass(frozen=True)
class Topic:
    """A Kafka topic."""

    name: str
    partitions: int
    retention_ms: int


@dataclass(frozen=True)
class Grant:
    """What a Kafka principal may do, with a topic or as a member of a group."""

    principal: str
    topic: str | None
    operations: frozenset[str]
    group: str | None


@dataclass(frozen=True)
class Process:
    """A process of the network."""

    name: str
    module: str
    principal: str
    """Kafka principal, and database role where the process has a database."""
    serves: bool
    """Whether it serves gRPC."""


PROCESSES = (
    Process("reporting", "services.reporting", "reporting", True),
    Process("triage", "services.triage", "triage", True),
    Process("notification", "services.notification", "notification", True),
    Process("notification-router", "services.notification.router", router.GROUP, False),
    Process("remedy", "services.remedy", "remedy", True),
    Process("ledger", "services.ledger", "ledger", True),
)
DATABASES = ("reporting", "triage", "notification", "remedy", "ledger")
"""Services that own a PostgreSQL schema and the role of the same name."""

KEYSTORES = ("reporting", "triage")
"""Of them, those that hold what must be erasable, and so keys in the key store."""

PROMISERS = ("reporting",)
"""Services that give receipts, and so have a key that they sign their promises by."""

FEED = "notification.feed.v1"
FEED_READER = "ngo"
"""Principal of NGOs that read the feed topic directly; it reads nothing else."""
PRINCIPALS = (*(process.principal for process in PROCESSES), FEED_READER)

READERS: dict[str, tuple[str, ...]] = {
    "reporting": REPORTING.topics,
    "triage": triage_subscription(KeyStore("")).topics,
    "remedy": REMEDY.topics,
    "notification": notification_subscription(b"").topics,
    router.GROUP: router.SOURCES,
    "ledger": ledger.TOPICS,
}
"""Consumer group -> topics that it reads. A group is named as its principal."""


def keystore_database(database: str) -> str:
    """Name of the key store's database, beside the services' on whichever server."""
    return f"{database}_keys"


def _written() -> dict[str, str]:
    """Topic -> principal that writes it."""
    topics = {kind.topic for kind in contract.event_types(*EVENTS)}
    return {
        topic: router.GROUP if topic == router.ROUTED else topic.partition(".")[0]
        for topic in sorted(topics)
    }


def _dead_letters() -> list[tuple[str, str]]:
    return [
        (dead_letter_topic(topic, group), group)
        for group, topics in READERS.items()
        for topic in topics
    ]


def topics(prefix: str = "") -> list[Topic]:
    """Every topic, its name behind `prefix`."""
    events = [Topic(prefix + name, PARTITIONS, RETENTION_MS) for name in _written()]
    letters = [Topic(prefix + name, 1, RETENTION_MS) for name, _ in _dead_letters()]
    return events + letters


def grants(prefix: str = "") -> list[Grant]:
    """Every access rule; what is not granted is refused."""
    write, read = frozenset({"write", "describe"}), frozenset({"read", "describe"})
    found = [Grant(who, prefix + topic, write, None) for topic, who in _written().items()]
    found += [Grant(group, prefix + topic, write, None) for topic, group in _dead_letters()]
    for group, sources in READERS.items():
        found += [Grant(group, prefix + topic, read, None) for topic in sources]
        found.append(Grant(group, None, frozenset({"read", "describe"}), prefix + group))
    found.append(Grant(FEED_READER, prefix + FEED, read, None))
    found.append(Grant(FEED_READER, None, read, f"{prefix}{FEED_READER}"))
    return found
