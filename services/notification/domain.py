"""The remedy feed's rules: pseudonyms, what an entry is, and who wants it. No I/O, no clock."""

import hmac
from dataclasses import dataclass
from datetime import date
from uuid import UUID

KAFKA_READERS = "notification.feed.v1"
"""Recipient whose pseudonyms the feed topic carries: all that read it directly."""


@dataclass(frozen=True)
class FeedEntry:
    """A remedy event as the feed keeps it, before any recipient's pseudonyms."""

    number: int
    day: date
    line: str
    """Pseudonym of the case inside the feed log."""
    items: tuple[str, ...]
    """Pseudonyms of the items it is about."""
    country: str
    sector: str
    kinds: frozenset[int]
    """Kinds of its items."""
    states: frozenset[int]
    """States of its items."""
    event: bytes
    """google.protobuf.Any of the event as NGOs may see it."""


@dataclass(frozen=True)
class FeedFilter:
    """What a subscriber wants; an empty set wants everything."""

    countries: frozenset[str] = frozenset()
    sectors: frozenset[str] = frozenset()
    kinds: frozenset[int] = frozenset()
    states: frozenset[int] = frozenset()

    def wants(self, entry: FeedEntry) -> bool:
        """Whether the entry meets every condition."""
        return (
            (not self.countries or entry.country in self.countries)
            and (not self.sectors or entry.sector in self.sectors)
            and (not self.kinds or not self.kinds.isdisjoint(entry.kinds))
            and (not self.states or not self.states.isdisjoint(entry.states))
        )


def pseudonym(secret: bytes, recipient: str, name: str) -> str:
    """What `recipient` knows `name` as: stable, and unlinkable to others' without the secret."""
    return _tag(secret, "pseudonym", recipient, name).hex()[:32]


def event_id(secret: bytes, recipient: str, number: int) -> str:
    """The entry's id for `recipient`: a UUID (version 8) that says nothing about time or place."""
    digest = bytearray(_tag(secret, "event", recipient, str(number))[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(UUID(bytes=bytes(digest)))


def _tag(secret: bytes, *parts: str) -> bytes:
    # Lengths keep two different lists of parts from being the same bytes.
    text = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in parts)
    return hmac.digest(secret, text, "sha256")
