"""Statutory clocks of a desk: each one started ends once, as met, missed or ended.

A deadline is missed from the moment that it is due; what is done later does not undo that.
"""

import calendar
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.triage.domain.events import (
    DeadlineEvent,
    DeadlineMet,
    DeadlineMissed,
    DeadlineStarted,
    DeadlineWarned,
)


class Code(StrEnum):
    """What is due."""

    ACKNOWLEDGE = "ACKNOWLEDGE"
    FEEDBACK = "FEEDBACK"


class State(StrEnum):
    """Where a deadline stands."""

    RUNNING = "RUNNING"
    WARNED = "WARNED"
    MET = "MET"
    MISSED = "MISSED"
    ENDED = "ENDED"


@dataclass(frozen=True)
class Deadline:
    """One clock."""

    code: Code
    state: State
    due_at: datetime
    settled_at: datetime | None = None
    """When it was met or ended."""

    @property
    def open(self) -> bool:
        """Whether it still runs."""
        return self.state in (State.RUNNING, State.WARNED)

    @property
    def warn_at(self) -> datetime:
        """When a fifth of the time, and at most seven days, are left."""
        return self.due_at - _WARNINGS[self.code]


@dataclass(frozen=True)
class Period:
    """A length of time in calendar months and days."""

    months: int = 0
    days: int = 0

    def after(self, moment: datetime) -> datetime:
        """The moment that lies one period later."""
        return add_months(moment, self.months) + timedelta(days=self.days)

    @property
    def warning(self) -> timedelta:
        """How long before its end a warning is due; a month counts as its shortest, 28 days."""
        return min(timedelta(days=7), timedelta(days=self.months * 28 + self.days) / 5)


PERIODS = {Code.ACKNOWLEDGE: Period(days=7), Code.FEEDBACK: Period(months=3)}
"""Directive (EU) 2019/1937, articles 9 and 11."""
_WARNINGS = {code: period.warning for code, period in PERIODS.items()}

Deadlines = tuple[Deadline, ...]
Moved = tuple[Deadlines, tuple[DeadlineEvent, ...]]
"""The deadlines as they are now, and what happened to them."""

_EVENTS = {
    State.WARNED: DeadlineWarned,
    State.MET: DeadlineMet,
    State.MISSED: DeadlineMissed,
}


def add_months(moment: datetime, months: int) -> datetime:
    """The same day and time so many months later, or the month's last day where it is shorter."""
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day)


def start(deadlines: Deadlines, handle: str, code: Code, since: datetime) -> Moved:
    """One more clock, which runs since then."""
    started = Deadline(code, State.RUNNING, PERIODS[code].after(since))
    return (*deadlines, started), (DeadlineStarted(handle, code, started.due_at),)


def acknowledge(deadlines: Deadlines, handle: str, now: datetime) -> Moved:
    """The report is acknowledged: feedback is due from now, unless it was due already."""
    deadlines, events = meet(deadlines, handle, Code.ACKNOWLEDGE, now)
    if not any(one.code == Code.FEEDBACK for one in deadlines):
        deadlines, more = start(deadlines, handle, Code.FEEDBACK, now)
        events += more
    return deadlines, events


def meet(deadlines: Deadlines, handle: str, code: Code, now: datetime) -> Moved:
    """What the code stands for is done."""
    deadlines, missed = _miss(deadlines, handle, now)
    deadlines, met = _move(deadlines, handle, lambda one: one.code == code, State.MET, now)
    return deadlines, missed + met


def end(deadlines: Deadlines, handle: str, now: datetime) -> Moved:
    """The ground of whatever still runs fell away."""
    deadlines, missed = _miss(deadlines, handle, now)
    deadlines, ended = _move(deadlines, handle, lambda one: True, State.ENDED, now)
    return deadlines, missed + ended


def sweep(deadlines: Deadlines, handle: str, now: datetime) -> Moved:
    """What the passing of time alone does."""
    deadlines, missed = _miss(deadlines, handle, now)
    deadlines, warned = _move(
        deadlines,
        handle,
        lambda one: one.state == State.RUNNING and now >= one.warn_at,
        State.WARNED,
    )
    return deadlines, missed + warned


def next_moment(deadlines: Deadlines) -> datetime | None:
    """When `sweep` next has something to do, or None where no clock runs."""
    return min(
        (
            one.warn_at if one.state == State.RUNNING else one.due_at
            for one in deadlines
            if one.open
        ),
        default=None,
    )


def _miss(deadlines: Deadlines, handle: str, now: datetime) -> Moved:
    deadlines, events = _move(deadlines, handle, lambda one: now >= one.due_at, State.MISSED)
    for missed in events:
        if missed.code == Code.ACKNOWLEDGE:
            # The directive's other start of feedback: a desk wins no time by its silence.
            deadlines, started = start(deadlines, handle, Code.FEEDBACK, missed.due_at)
            deadlines, later = _miss(deadlines, handle, now)
            events += started + later
    return deadlines, events


def _move(
    deadlines: Deadlines,
    handle: str,
    concerned: Callable[[Deadline], bool],
    state: State,
    settled_at: datetime | None = None,
) -> Moved:
    """The open ones that are concerned get the state; nothing else ever leaves one."""
    moved: list[Deadline] = []
    events: list[DeadlineEvent] = []
    for one in deadlines:
        if one.open and concerned(one):
            moved.append(replace(one, state=state, settled_at=settled_at))
            if state in _EVENTS:
                events.append(_EVENTS[state](handle, one.code, one.due_at))
        else:
            moved.append(one)
    return tuple(moved), tuple(events)
