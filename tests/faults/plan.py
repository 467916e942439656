"""What goes wrong when, drawn from a seed: the same seed gives the same plan."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from deploy import topology

SERVICES = tuple(process.name for process in topology.PROCESSES)
"""What is killed: the services, and the router."""
_LONGEST_GAP_SECONDS, _SHORTEST_GAP_SECONDS = 2.6, 0.4
FROZEN_SECONDS = 7.5
"""Longer than a consumer's session (6 s): its partitions are taken from it meanwhile."""
_RECOVERY_SECONDS = 6.0
"""Roughly what it takes until the next step begins; only the length of a plan depends on it."""


@dataclass(frozen=True)
class Step:
    """One thing that is done."""

    what: str
    """kill, stop, crash, freeze, poison or repeat."""
    target: str
    """Name of a process, or of a topic."""
    pause: float
    """Seconds between the end of the step before it and its beginning."""
    seconds: float = 0.0
    """How long what was stopped or frozen stays so."""

    def __str__(self) -> str:
        held = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.what} {self.target}{held}"


@dataclass(frozen=True)
class Plan:
    """Two rows of steps that go on beside each other."""

    seed: int
    kills: tuple[Step, ...]
    """Of services and the router, whatever else is going on."""
    others: tuple[Step, ...]
    """One after the other, so that servers are down one at a time."""


Kind = tuple[str, Sequence[str], float, float]
"""What is done, to one of which, for how many seconds at least and at most."""

_SOURCES = tuple(sorted({topic for topics in topology.READERS.values() for topic in topics}))
_BROKER, _DATABASE, _KEYS = ("kafka",), ("postgres",), ("keystore",)

SHORT: tuple[Kind, ...] = (
    ("crash", _BROKER, 0, 0),
    ("stop", _DATABASE, 0.5, 1.5),
    ("freeze", SERVICES, FROZEN_SECONDS, FROZEN_SECONDS),
    ("poison", _SOURCES, 0, 0),
    ("repeat", _SOURCES, 0, 0),
)
"""For every run of the tests."""
LONG: tuple[Kind, ...] = (
    *SHORT,
    ("stop", _BROKER, 1, 5),
    ("crash", _DATABASE, 0, 0),
    ("stop", _KEYS, 1, 5),
    ("crash", _KEYS, 0, 0),
    # Past what a producer waits for a record to be taken (15 s).
    ("freeze", _BROKER, 16, 20),
    ("freeze", SERVICES, FROZEN_SECONDS, 15),
    ("poison", _SOURCES, 0, 0),
    ("repeat", _SOURCES, 0, 0),
)
"""For who has the time."""


def draw(seed: int, *, kinds: Sequence[Kind], seconds: float, kills: int) -> Plan:
    """A plan of roughly so many seconds, with at least so many kills and each kind once."""
    dice = random.Random(seed)
    return Plan(seed, tuple(_kills(dice, seconds, kills)), tuple(_others(dice, kinds, seconds)))


def _kills(dice: random.Random, seconds: float, kills: int) -> list[Step]:
    found: list[Step] = []
    length = 0.0
    bag: list[str] = []
    while length < seconds or len(found) < kills:
        # Each of them once before any of them again.
        if not bag:
            bag = dice.sample(SERVICES, len(SERVICES))
        pause = dice.uniform(_SHORTEST_GAP_SECONDS, _LONGEST_GAP_SECONDS)
        found.append(Step("kill", bag.pop(), pause))
        length += pause
    return found


def _others(dice: random.Random, kinds: Sequence[Kind], seconds: float) -> list[Step]:
    found: list[Step] = []
    length = 0.0
    while length < seconds or len(found) < len(kinds):
        for what, targets, least, most in dice.sample(kinds, len(kinds)):
            step = Step(what, dice.choice(targets), dice.uniform(0.5, 3), dice.uniform(least, most))
            found.append(step)
            length += step.pause + step.seconds + _RECOVERY_SECONDS
    return found
