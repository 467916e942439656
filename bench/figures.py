"""What a figure is, and how figures are written for people and for programs."""

import json
import operator
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import asyncpg
import psutil

from deploy.embedded.bootstrap import JARS

T = TypeVar("T")

_HOLDS = {">=": operator.ge, "<=": operator.le}
_PACKAGES = ("asyncpg", "faust-streaming", "grpcio", "kafka-python", "protobuf", "uvloop")


@dataclass(frozen=True)
class Figure:
    """One measured value beside its floor, in the same unit."""

    name: str
    value: float
    unit: str
    floor: float | None
    """None where the budget is on the value itself."""
    budget: str
    """Comparison and number, such as ">= 0.5": of the ratio, or of the value without a floor.

    With a unit behind it, such as "<= 5 ms", it is of the value although there is a floor.
    """

    @property
    def ratio(self) -> float | None:
        """Value over floor."""
        return None if self.floor is None else self.value / self.floor

    @property
    def budget_met(self) -> bool:
        """Whether the budget's comparison holds."""
        sign, number, *unit = self.budget.split()
        judged = self.value if unit or self.ratio is None else self.ratio
        return bool(_HOLDS[sign](judged, float(number)))


@dataclass(frozen=True)
class Effort:
    """How much a run may take."""

    seconds: float
    """For each measurement; at least one turn of floor and ours is taken, however long it is."""
    size: float
    """Share, up to 1, of the work that a turn does."""

    def of(self, count: int) -> int:
        """That share of a full turn's count."""
        return int(count * self.size)


async def turns(
    effort: Effort, floor: Callable[[], Awaitable[T]], ours: Callable[[], Awaitable[T]]
) -> tuple[list[T], list[T]]:
    """What floor and ours give in turns, so that a busy moment of the machine hits both."""
    floors: list[T] = []
    values: list[T] = []
    begun = time.monotonic()
    last = 0.0
    while not floors or time.monotonic() + last <= begun + effort.seconds:
        started = time.monotonic()
        floors.append(await floor())
        values.append(await ours())
        last = time.monotonic() - started
    return floors, values


async def throughput(
    name: str,
    unit: str,
    budget: str,
    effort: Effort,
    floor: Callable[[], Awaitable[float]],
    ours: Callable[[], Awaitable[float]],
) -> list[Figure]:
    """The medians of both, as a figure."""
    floors, values = await turns(effort, floor, ours)
    return [Figure(name, median(values), unit, median(floors), budget)]


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all are not above."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def table(figures: Iterable[Figure]) -> str:
    """One line per figure, for a terminal."""
    lines = [("figure", "value", "floor", "unit", "ratio", "budget", "met")]
    for one in figures:
        lines.append(
            (
                one.name,
                _short(one.value),
                _short(one.floor),
                one.unit,
                "-" if one.ratio is None else f"{one.ratio:.2f}",
                one.budget,
                "yes" if one.budget_met else "NO",
            )
        )
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    left = (0, 3, 5, 6)
    return "\n".join(
        "  ".join(
            text.ljust(width) if n in left else text.rjust(width)
            for n, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _short(number: float | None) -> str:
    if number is None:
        return "-"
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


def write(path: Path, figures: Iterable[Figure], postgres: str) -> None:
    """The same for programs, as JSON; `postgres` is the server's version."""
    content = {
        "figures": {
            one.name: {
                "value": round(one.value, 3),
                "unit": one.unit,
                "floor": None if one.floor is None else round(one.floor, 3),
                "ratio": None if one.ratio is None else round(one.ratio, 3),
                "budget": one.budget,
                "budget_met": one.budget_met,
            }
            for one in figures
        },
        "machine": _machine(),
        "versions": {
            "python": platform.python_version(),
            "postgresql": postgres,
            "kafka": next(JARS.glob("kafka-server-[0-9]*.jar")).stem.rpartition("-")[2],
            **{name: version(name) for name in _PACKAGES},
        },
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _machine() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mib": psutil.virtual_memory().total // 2**20,
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


async def postgres_version(url: str) -> str:
    """Version of the server at `url`."""
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
