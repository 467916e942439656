"""Draws the path of a case from its traces: on the terminal, and as an SVG file."""

import contextlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from rich.text import Text

from shared import conventions

_COLOURS = {
    "reporting": "#0f766e",
    "triage": "#b45309",
    "remedy": "#6d28d9",
    "notification-router": "#475569",
    "notification": "#15803d",
}
_ROW, _LEFT, _WIDTH, _TOP = 30, 330, 760, 84


@dataclass(frozen=True)
class Step:
    """One span of the trace."""

    service: str
    name: str
    event: str
    start: float
    """Milliseconds since the trace began."""
    end: float
    at: float
    """Seconds since the epoch, when it started."""

    @property
    def moment(self) -> datetime:
        """When it started."""
        return datetime.fromtimestamp(self.at, UTC)


def read_trace(folder: Path, case: str) -> list[Step]:
    """The trace that `case`'s report began. Empty where nothing was exported."""
    return next(iter(read_traces(folder, case)), [])


def read_traces(folder: Path, case: str) -> list[list[Step]]:
    """The traces in which something happened to the case, oldest first, each by its steps' start.

    A relay sends many cases' events at once, in a trace of its own that is linked to each; its
    sendings belong to the path as well.
    """
    spans = _read_spans(folder)
    # In the order of their first span that names the case.
    traces = dict.fromkeys(
        span["trace"] for span in spans if span["attributes"].get(conventions.CASE) == case
    )
    return [
        _steps([span for span in spans if trace in (span["trace"], *span["links"])])
        for trace in traces
    ]


def _read_spans(folder: Path) -> list[dict[str, Any]]:
    """Every span, by its start; a line that is still being written is left out."""
    spans = []
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                spans.append(json.loads(line))
    return sorted(spans, key=lambda span: int(span["start_ns"]))


def _steps(spans: list[dict[str, Any]]) -> list[Step]:
    begin = spans[0]["start_ns"]
    return [
        Step(
            span["service"],
            _short(span["name"]),
            span["attributes"].get(conventions.EVENT_TYPE, "").rpartition(".")[2],
            (span["start_ns"] - begin) / 1e6,
            (span["end_ns"] - begin) / 1e6,
            span["start_ns"] / 1e9,
        )
        for span in spans
    ]


def _short(name: str) -> str:
    return name.rpartition("/")[2] if "/" in name else name


def terminal(steps: list[Step]) -> list[Text]:
    """One line per step: where in time, in which service, what."""
    whole = max(step.end for step in steps) or 1.0
    lines = []
    for step in steps:
        start = int(step.start / whole * 40)
        length = max(1, round((step.end - step.start) / whole * 40))
        line = Text(f"  {step.start:7.1f} ms ", style="dim")
        line.append(
            " " * start + "█" * length + " " * (42 - start - length), _COLOURS.get(step.service, "")
        )
        line.append(f"{step.service:<20}")
        line.append(f"{step.name}  {step.event}", style="dim")
        lines.append(line)
    return lines


def svg(steps: list[Step], title: str) -> str:
    """The same as a picture: a row per step, a bar per span, an arrow where an event travels."""
    whole = max(step.end for step in steps) or 1.0
    scale = _WIDTH / whole
    height = _TOP + _ROW * len(steps) + 40
    body = []
    for number in range(6):
        x = _LEFT + _WIDTH * number / 5
        body.append(
            f'<line x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{height - 34}" class="grid"/>'
            f'<text x="{x:.1f}" y="{height - 16}" class="axis">{whole * number / 5:.0f} ms</text>'
        )
    for row, step in enumerate(steps):
        y = _TOP + row * _ROW
        x, width = _LEFT + step.start * scale, max(3.0, (step.end - step.start) * scale)
        colour = _COLOURS.get(step.service, "#334155")
        label = f"{step.name} {step.event}".strip()
        anchor = "end" if x + width > _LEFT + _WIDTH * 0.62 else "start"
        at = x - 6 if anchor == "end" else x + width + 6
        body.append(
            f'<text x="16" y="{y + 14}" class="service" fill="{colour}">'
            f"{escape(step.service)}</text>"
            f'<rect x="{x:.1f}" y="{y + 2}" width="{width:.1f}" height="16" rx="3" '
            f'fill="{colour}"/>'
            f'<text x="{at:.1f}" y="{y + 14}" class="label" text-anchor="{anchor}">'
            f"{escape(label)}</text>"
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 40}" height="{height}" '
        f'font-family="system-ui, sans-serif">'
        "<style>.grid{stroke:#e2e8f0}.axis{font-size:11px;fill:#64748b;text-anchor:middle}"
        ".service{font-size:13px;font-weight:600}.label{font-size:12px;fill:#334155}</style>"
        f'<rect width="100%" height="100%" fill="white"/>'
        f'<text x="16" y="34" font-size="18" font-weight="700" fill="#0f172a">'
        f"{escape(title)}</text>"
        '<text x="16" y="56" font-size="12" fill="#64748b">'
        "One trace: the company's call, then each service that took the event in. "
        "Bars are work, the space between is travel.</text>" + "".join(body) + "</svg>"
    )
