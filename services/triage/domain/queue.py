"""Who sees which referrals of the queue, and in which order."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Values = tuple[str, ...] | None
"""Values that match; None matches everything."""


class Order(StrEnum):
    """Orders of the queue; by age is by the time that the desk received the referral."""

    PRIORITY = ""
    OLDEST_FIRST = "OLDEST_FIRST"
    NEWEST_FIRST = "NEWEST_FIRST"


@dataclass(frozen=True)
class Position:
    """The place of a referral in every order of the queue."""

    priority: str
    received_at: datetime
    subject: str
    """Of its row."""


@dataclass(frozen=True)
class QueueFilter:
    """What an officer asks for. Empty matches everything."""

    states: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    exploitation_types: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    desks: tuple[str, ...] = ()
    handle: str = ""


@dataclass(frozen=True)
class Selection:
    """What an officer gets: what was asked for, as far as it may be seen."""

    states: Values
    desks: Values
    countries: Values
    sectors: Values
    exploitation_types: Values
    priorities: Values
    handle: str | None


@dataclass(frozen=True)
class Officer:
    """Where an officer is competent; None is everywhere."""

    desks: frozenset[str] | None
    jurisdictions: frozenset[str] | None

    def sees(self, desk: str, country: str) -> bool:
        """Whether a referral of that desk about that country exists for this officer."""
        return (self.desks is None or desk in self.desks) and (
            self.jurisdictions is None or country in self.jurisdictions
        )

    def select(self, wanted: QueueFilter) -> Selection:
        """What this officer gets of it."""
        return Selection(
            states=wanted.states or None,
            desks=_within(wanted.desks, self.desks),
            countries=_within(wanted.countries, self.jurisdictions),
            sectors=wanted.sectors or None,
            exploitation_types=wanted.exploitation_types or None,
            priorities=wanted.priorities or None,
            handle=wanted.handle or None,
        )


def _within(wanted: Iterable[str], allowed: frozenset[str] | None) -> Values:
    asked = frozenset(wanted)
    if allowed is None:
        return tuple(sorted(asked)) or None
    return tuple(sorted(asked & allowed if asked else allowed))
