"""A domain's dataclasses and the contract's messages say the same."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import assume, given
from hypothesis import strategies as st

from harbourlight.reporting.v1 import reporting_pb2 as pb
from harbourlight.types.v1 import types_pb2 as types
from shared import translate
from tests.contract import everything
from tests.unit.shared.random_messages import INT32, messages


class State(StrEnum):
    MARKED = "MARKED"
    FILED = "FILED"


@dataclass(frozen=True)
class Facts:
    country: str
    exploitation_type: str
    ongoing_danger: bool
    indicators: tuple[str, ...]
    only_here: int = 7


@dataclass(frozen=True)
class Case:
    handle: str
    state: str
    facts: Facts | None
    ilo_indicators: tuple[str, ...]
    marked_at: datetime | None
    amendments: int


@dataclass(frozen=True)
class Stateful:
    state: State


def enum_names(enum: Any) -> st.SearchStrategy[str]:
    known = [translate.enum_name(enum.DESCRIPTOR, number) for number in enum.values()]
    unknown = INT32.filter(lambda number: number not in enum.values()).map(str)
    return st.sampled_from(known) | unknown


text = st.text(st.characters(codec="utf-8"), max_size=10)
facts = st.builds(
    Facts,
    country=text,
    exploitation_type=enum_names(types.ExploitationType),
    ongoing_danger=st.booleans(),
    indicators=st.lists(text, max_size=3).map(tuple),
    only_here=st.just(7),
)
moments = st.datetimes(timezones=st.just(UTC))
cases = st.builds(
    Case,
    handle=text,
    state=enum_names(pb.CaseState),
    facts=st.none() | facts,
    ilo_indicators=st.lists(enum_names(types.Indicator), max_size=4).map(tuple),
    marked_at=st.none() | moments,
    amendments=INT32,
)


@given(cases)
def test_a_dataclass_survives_the_way_through_a_message(case: Case) -> None:
    data = translate.to_message(case, pb.Case).SerializeToString()
    assert translate.to_dataclass(pb.Case.FromString(data), Case) == case


_CARRIED = ("handle", "state", "ilo_indicators", "amendments")


@given(messages(pb.Case.DESCRIPTOR))
def test_a_message_survives_the_way_through_a_dataclass(message: pb.Case) -> None:
    back = translate.to_message(translate.to_dataclass(message, Case), pb.Case)
    assert [getattr(back, name) for name in _CARRIED] == [
        getattr(message, name) for name in _CARRIED
    ]
    assert back.HasField("facts") == message.HasField("facts")
    assert back.facts.exploitation_type == message.facts.exploitation_type
    assert back.facts.indicators == message.facts.indicators


@given(st.sampled_from(everything.ENUMS), INT32)
def test_every_number_has_a_name_that_stands_for_it(enum: Any, number: int) -> None:
    assert translate.enum_number(enum, translate.enum_name(enum, number)) == number


def test_names_have_no_prefix_and_unspecified_is_empty() -> None:
    enum = types.ExploitationType.DESCRIPTOR
    assert translate.enum_name(enum, types.EXPLOITATION_TYPE_FORCED_LABOUR) == "FORCED_LABOUR"
    assert translate.enum_name(enum, 0) == ""
    assert translate.enum_name(enum, 99) == "99"
    other = types.ReportFacts(exploitation_type=types.EXPLOITATION_TYPE_OTHER)
    assert translate.enum_of(other, "exploitation_type") == "OTHER"
    case = pb.Case(ilo_indicators=[9, 0, 99])
    assert translate.enums_of(case, "ilo_indicators") == ("DEBT_BONDAGE", "", "99")


@pytest.mark.parametrize("name", ["forced_labour", "UNSPECIFIED", "FORCED LABOUR", "1.5", "²", "-"])
def test_a_name_that_the_enum_has_not_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="has no value"):
        translate.enum_number(types.ExploitationType.DESCRIPTOR, name)


@given(moments)
def test_timestamps_keep_microseconds(moment: datetime) -> None:
    assert translate.moment(translate.timestamp(moment)) == moment


@given(moments, st.integers(-840, 840))
def test_a_timestamp_is_the_same_wherever_the_clock_stood(moment: datetime, minutes: int) -> None:
    assume(1 < moment.year < 9999)
    elsewhere = moment.astimezone(timezone(timedelta(minutes=minutes)))
    assert translate.timestamp(elsewhere) == translate.timestamp(moment)


def test_a_timestamp_finer_than_a_microsecond_is_cut() -> None:
    found = translate.moment(Timestamp(seconds=-1, nanos=999_999_999))
    assert found == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def test_a_state_that_this_version_does_not_know_is_not_guessed() -> None:
    filed = translate.to_dataclass(pb.Case(state=pb.CASE_STATE_FILED), Stateful)
    assert filed == Stateful(State.FILED)
    with pytest.raises(ValueError, match="WITHDRAWN"):
        translate.to_dataclass(pb.Case(state=pb.CASE_STATE_WITHDRAWN), Stateful)


def test_what_the_message_has_not_keeps_its_default() -> None:
    assert translate.to_dataclass(types.ReportFacts(country="MY"), Facts).only_here == 7
