"""What the checker reads, and what it says."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

Line = tuple[str, str]
"""Topic or stream, and case."""
Headers = tuple[tuple[str, bytes], ...]

CHANGES_ON_ITS_WAY = "traceparent"
"""The one header that a repeat of what was derived may have another value of."""


@dataclass(frozen=True)
class Fault:
    """Something that is not as it must be."""

    rule: str
    """Which rule it breaks, in a word."""
    where: str
    what: str
    passing: bool = False
    """Whether it may only not have happened yet."""


@dataclass
class Report:
    """What came out."""

    faults: list[Fault]
    looked_at: dict[str, int]
    """How much there was of each kind: a check of nothing proves nothing."""
    notes: list[str] = field(default_factory=list)
    """What could not be checked, and why."""


class Seen(NamedTuple):
    """A record on a topic."""

    topic: str
    partition: int
    offset: int
    key: str
    subject: str
    stream: str
    sequence: int
    id: str
    type: str
    cause: str
    commitment: str
    digest: bytes
    """Of key, value and every header."""
    kept_digest: bytes
    """The same without what may differ between repeats of a derived record."""
    value_digest: bytes


def digest(key: bytes, value: bytes, headers: Iterable[tuple[str, bytes]]) -> bytes:
    """SHA-256 of a record's parts, each with its length."""
    found = hashlib.sha256()
    for part in (key, value, *(text for name, text in headers for text in (name.encode(), text))):
        found.update(len(part).to_bytes(4, "big") + part)
    return found.digest()


@dataclass
class Topics:
    """Everything that the topics hold."""

    records: list[Seen] = field(default_factory=list)
    unreadable: list[Seen] = field(default_factory=list)
    """Records that are no events; only a dead-letter topic may have them."""
    begins: dict[tuple[str, int], int] = field(default_factory=dict)
    """Topic and partition -> first offset that retention has left."""

    @cached_property
    def lines(self) -> dict[Line, list[Seen]]:
        """Records of each topic and case, in the topic's order."""
        found: dict[Line, list[Seen]] = defaultdict(list)
        for one in self.records:
            found[one.topic, one.subject].append(one)
        return found

    @cached_property
    def streams(self) -> dict[str, dict[Line, dict[int, Seen]]]:
        """Topic -> (stream, case) -> sequence -> its first record."""
        found: dict[str, dict[Line, dict[int, Seen]]] = defaultdict(lambda: defaultdict(dict))
        for one in self.records:
            found[one.topic][one.stream, one.subject].setdefault(one.sequence, one)
        return found

    def put_aside(self, group: str) -> set[tuple[str, str, int]]:
        """Topic, case and sequence of each of a group's dead letters that says so."""
        ending = f".{group}.dlq"
        return {
            (one.topic.removesuffix(ending), one.subject, one.sequence)
            for one in self.unreadable
            if one.topic.endswith(ending)
        }

    def lost_to_retention(self, topic: str) -> bool:
        """Whether the topic's beginning is gone."""
        return any(begin for (name, _), begin in self.begins.items() if name == topic)


class Written(NamedTuple):
    """A row of an outbox."""

    service: str
    topic: str
    subject: str
    sequence: int
    id: str
    type: str
    cause: str
    commitment: str
    is_sent: bool
    created: str
    value_digest: bytes
    letter_digest: bytes | None
    """Of the whole record, where the row is a dead letter."""


class Waiting(NamedTuple):
    """A parked event."""

    service: str
    stream: str
    subject: str
    sequence: int
    reason: str
    id: str
    topic: str
    digest: bytes


class Action(NamedTuple):
    """What an operator did by hand."""

    service: str
    action: str
    consumer: str
    stream: str
    subject: str
    sequence: int
    topic: str
    offset: int


@dataclass
class Tables:
    """Everything that the databases hold, at one moment."""

    at: datetime
    outbox: list[Written] = field(default_factory=list)
    drawn: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Service, topic and case -> the last sequence that was drawn."""
    marks: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Service, stream and case -> the last sequence that was taken in."""
    parked: list[Waiting] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    notices: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    """Case -> number and type of each notice."""
    notice_counts: dict[str, int] = field(default_factory=dict)
    feed: list[tuple[int, str]] = field(default_factory=list)
    """Number and type of each entry."""
    feed_count: int = 0
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Method and request id -> how many answers are recorded."""
    receipts: set[str] = field(default_factory=set)
    """Ids of the events that receipts were given of."""
    ledger: frozenset[str] | None = None
    """Commitments that the ledger has; None where there is no ledger."""

    def refilled(self, service: str | None) -> bool:
        """Whether an operator has sent again what a topic of the service, or of any, had lost."""
        return any(
            service in (None, one.service)
            and one.action in ("rebuild topics", "rebuild routed", "replay", "restore")
            for one in self.actions
        )
