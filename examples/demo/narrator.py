"""Tells the story on the terminal, line by line as it happens."""

import time

from rich.console import Console
from rich.text import Text

_COLOURS = {"company": "cyan", "authority": "yellow", "custodian": "magenta", "ngo": "green"}


class Narrator:
    """One line per thing that somebody did or saw, with the time since the case began."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self._began = time.monotonic()

    def chapter(self, number: int, of: int, title: str) -> None:
        """A new case begins."""
        self._began = time.monotonic()
        self.console.print()
        self.console.print(Text(f"{number:2d}/{of}  {title}", style="bold"))

    def did(self, who: str, what: str, seconds: float | None = None) -> None:
        """Somebody did something; `seconds` is how long its call took."""
        took = f"  {_duration(seconds)}" if seconds is not None else ""
        self._line(who, "", what, took)

    def saw(self, who: str, what: str, seconds: float) -> None:
        """Somebody saw what another did, this long after it was done."""
        self._line(who, "sees ", what, f"  after {_duration(seconds)}")

    def say(self, text: str, style: str = "") -> None:
        """A line outside any case."""
        self.console.print(Text(text, style=style))

    def _line(self, who: str, verb: str, what: str, tail: str) -> None:
        at = time.monotonic() - self._began
        line = Text(f"  {at:6.2f} s  ", style="dim")
        line.append(f"{who:<10}", style=_COLOURS[who])
        line.append(f"{verb}{what}")
        line.append(tail, style="dim")
        self.console.print(line)


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
