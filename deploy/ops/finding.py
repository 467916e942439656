"""What the doctor finds."""

from dataclasses import dataclass

GOOD, WATCH, BAD = "good", "watch", "bad"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: str
    """good, watch (soon a problem) or bad (a problem now)."""
    area: str
    what: str
    do: str = ""
    """What to do; empty where it is good."""
