"""An event taken in changes a state wholly or not at all."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from harbourlight.reporting.v1 import events_pb2, reporting_pb2
from shared import cloudevents
from shared.cloudevents import Incoming
from shared.commands import Emitter
from shared.decisions import Decision
from shared.reactions import Reactions
from shared.records import Column, Records


@dataclass(frozen=True)
class Case:
    handle: str
    amendments: int = 0


@dataclass(frozen=True)
class ReportWithdrawn:
    handle: str
    reason: str


LAPSED = events_pb2.MarkerLapsed.DESCRIPTOR.full_name
CASES: Records[Case] = Records(
    "cases", Case, reporting_pb2.Case, {"tags": Column("text[]", lambda case: ["a", case.handle])}
)


def lapsed() -> Incoming:
    headers = cloudevents.headers(
        event_id="one",
        source="/services/reporting",
        event_type=LAPSED,
        subject="HL-1",
        sequence=1,
        time=datetime(2026, 1, 1, tzinfo=UTC),
    )
    value = events_pb2.MarkerLapsed(handle="HL-1").SerializeToString()
    return cloudevents.decode("reporting.events.v1", value, headers)


def reactor(reaction: Any) -> Reactions[Case]:
    return Reactions(CASES, Emitter(events_pb2), {LAPSED: reaction})


async def test_an_event_that_cannot_be_told_on_changes_nothing() -> None:
    told = ReportWithdrawn("HL-1", "NO_SUCH_REASON")
    reactions = reactor(lambda case, incoming, now: Decision(Case("HL-1"), (told,)))
    with pytest.raises(ValueError, match="NO_SUCH_REASON"):
        reactions.react(lapsed())
    # There is no database here: whatever it wanted to write would fail.
    await reactions.save(None)  # type: ignore[arg-type]


async def test_an_event_without_effect_changes_nothing() -> None:
    reactions = reactor(lambda case, incoming, now: None)
    reactions.react(lapsed())
    await reactions.save(None)  # type: ignore[arg-type]


def test_a_later_event_of_the_batch_finds_what_an_earlier_one_left() -> None:
    seen: list[Case | None] = []

    def count(case: Case | None, incoming: Incoming, now: datetime) -> Decision[Case]:
        seen.append(case)
        return Decision(Case("HL-1", case.amendments + 1 if case else 1))

    reactions = reactor(count)
    for _ in range(3):
        reactions.react(lapsed())
    assert seen == [None, Case("HL-1", 1), Case("HL-1", 2)]


def test_a_state_survives_the_way_through_its_row() -> None:
    case = Case("HL-1", 3)
    assert CASES.read(CASES.body(case)) == case


def test_a_column_of_several_values_is_sent_as_one_text() -> None:
    tags = Column[Case]("text[]", lambda case: ["a", case.handle])
    handle = Column[Case]("text", lambda case: case.handle)
    assert (tags.is_array, tags.sent(Case("HL-1"))) == (True, "a,HL-1")
    assert (handle.is_array, handle.sent(Case("HL-1"))) == (False, "HL-1")
