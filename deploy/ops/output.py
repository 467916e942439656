"""Results on standard output: JSON where it is asked for, else tables and lines for people."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> RenderableType:
    """Columns under headings; the sentence `empty` where there is no row."""
    rows = list(rows)
    if not rows:
        return empty
    found = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        found.add_column(heading, overflow="fold")
    for row in rows:
        found.add_row(*("" if one is None else str(one) for one in row))
    return found


def details(rows: Iterable[tuple[str, object]]) -> RenderableType:
    """Label and value, without those that are empty."""
    found = Table.grid(padding=(0, 2))
    for label, value in rows:
        if value not in (None, ""):
            found.add_row(label, str(value))
    return found


def show(data: Any, for_people: RenderableType, *, as_json: bool) -> None:
    """One result."""
    if as_json:
        print(json.dumps(data, indent=1, ensure_ascii=False, default=_plain))
        return
    # No line is broken here, so that what is copied from it is whole.
    console = Console(markup=False, highlight=False, emoji=False, width=10_000)
    with console.capture() as text:
        console.print(for_people)
    for line in text.get().splitlines():
        print(line.rstrip())
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


def ago(seconds: float | None) -> str:
    """A length of time for people; empty where there is none."""
    if seconds is None:
        return ""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"
