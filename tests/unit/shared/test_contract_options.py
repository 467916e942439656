"""What the contract's options say, as the code reads it; without them nothing is open."""

from types import ModuleType

import pytest

from harbourlight.options.v1 import options_pb2 as options
from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.reporting.v1 import events_pb2 as reporting
from harbourlight.reporting.v1 import reporting_pb2
from harbourlight.triage.v1 import triage_pb2
from shared import contract


def test_an_event_says_where_it_travels_and_who_may_know() -> None:
    found = contract.event_type("harbourlight.remedy.v1.RemedyOpened")
    assert found is not None
    assert found.message is remedy.RemedyOpened
    assert (found.topic, found.key) == ("remedy.events.v1", "handle")
    assert found.audience == {
        options.AUDIENCE_COMPANY,
        options.AUDIENCE_DESK,
        options.AUDIENCE_NGO,
    }


@pytest.mark.parametrize(
    "name",
    ["harbourlight.remedy.v1.RemedyItemFacts", "harbourlight.remedy.v1.Unknown", "", "\0", "a b"],
)
def test_nothing_else_is_an_event(name: str) -> None:
    assert contract.event_type(name) is None


@pytest.mark.parametrize(
    ("module", "count"), [(reporting, 12), (reporting_pb2, 0)], ids=lambda value: str(value)[:9]
)
def test_the_events_of_a_module_are_found(module: ModuleType, count: int) -> None:
    found = [event.name for event in contract.event_types(module)]
    assert len(found) == len(set(found)) == count


def test_a_method_is_found_by_its_path_and_says_who_may_call() -> None:
    method = contract.find_method("/harbourlight.reporting.v1.ReportingService/SubmitReport")
    assert method is not None
    assert method.input_type is reporting_pb2.SubmitReportRequest.DESCRIPTOR
    assert contract.roles(method) == {options.ROLE_COMPANY}


@pytest.mark.parametrize(
    "path",
    [
        "/harbourlight.reporting.v1.ReportingService/Unknown",
        "/harbourlight.reporting.v1.Unknown/SubmitReport",
        "/harbourlight.reporting.v1.ReportFiled/SubmitReport",
        "/",
        "",
    ],
)
def test_nothing_else_is_a_method(path: str) -> None:
    assert contract.find_method(path) is None


def test_a_field_without_options_is_for_nobody_and_of_no_format() -> None:
    etag = reporting_pb2.Case.DESCRIPTOR.fields_by_name["etag"]
    assert contract.audience(etag) == frozenset()
    assert contract.value_format(etag) == options.FORMAT_UNSPECIFIED


def test_a_field_says_who_may_see_it_and_what_it_holds() -> None:
    due_date = triage_pb2.Condition.DESCRIPTOR.fields_by_name["due_date"]
    assert contract.audience(due_date) == {options.AUDIENCE_COMPANY, options.AUDIENCE_DESK}
    assert contract.value_format(due_date) == options.FORMAT_DATE
