"""What is wrong with a request: every fault once, where it is, in words for people."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from harbourlight import CaseKey, formats
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from harbourlight.triage.v1 import triage_pb2 as triage
from shared import contract
from shared.errors import Kind, Refusal
from shared.validation import Validator
from tests.contract import everything
from tests.unit.shared.random_messages import messages

VALIDATOR = Validator(formats.CHECKS)
ID = "00000000-0000-4000-8000-000000000007"
FACTS: dict[str, Any] = {
    "country": "MY",
    "sector": "ISIC_C",
    "exploitation_type": 1,
    "child_involved": 3,
    "indicators": ["DEBT_BONDAGE"],
}
TYPES = (
    "FORCED_LABOUR, SEXUAL_EXPLOITATION, CHILD_LABOUR, FORCED_MARRIAGE, SERVITUDE, "
    "FORCED_MILITARY_BY_NON_STATE_ACTORS, ORGAN_REMOVAL, FORCED_BEGGING, FORCED_ADOPTION, "
    "SURROGACY, FORCED_CRIMINALITY, OTHER"
)


def faults(request: Message) -> list[tuple[str, str]]:
    """(field, description) of everything that is wrong with it."""
    try:
        VALIDATOR.check(request)
    except Refusal as refusal:
        found = refusal
    else:
        return []
    assert found.kind == Kind.INVALID
    assert found.violations
    return [tuple(violation) for violation in found.violations]


def report(**facts: Any) -> reporting.SubmitReportRequest:
    """A report with these facts in place of sound ones."""
    return reporting.SubmitReportRequest(
        request_id=ID, handle=CaseKey.generate().handle, facts=FACTS | facts
    )


def proposal(**item: Any) -> remedy.ProposePlanRequest:
    """A plan of one item with these fields in place of sound ones."""
    sound = {"kind": 1, "indicator": 9, "due_date": "2027-01-31"}
    return remedy.ProposePlanRequest(
        request_id=ID, handle=CaseKey.generate().handle, items=[sound | item]
    )


def test_a_sound_request_passes() -> None:
    assert faults(report()) == []


def test_each_fault_is_told_once_where_it_is() -> None:
    request = report(
        country="XX",
        sector="",
        exploitation_type=99,
        child_involved=0,
        indicators=["DEBT_BONDAGE", "DEBT_BONDAGES", ""],
        whistleblower_reported_on="2026-02-30",
        from_whistleblower=True,
    )
    request.request_id = "7"
    request.handle = "HL-7"
    assert dict(faults(request)) == {
        "request_id": "is not a UUID",
        "handle": "a handle is HL- and 17 characters long",
        "facts.country": "'XX' is not an ISO 3166-1 alpha-2 country code, such as MY",
        "facts.sector": "is required",
        "facts.exploitation_type": f"choose one of {TYPES}",
        "facts.child_involved": "choose one of YES, NO, NOT_SURE",
        "facts.indicators[1]": "'DEBT_BONDAGES' is not an ILO indicator or an operational one "
        "(DIMENSION/CODE); did you mean 'DEBT_BONDAGE'?",
        "facts.indicators[2]": "is too short: its least length is 1",
        "facts.whistleblower_reported_on": "'2026-02-30' is not a calendar date written YYYY-MM-DD",
    }
    assert len(faults(request)) == 9


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (reporting.GetCaseRequest(), ("handle", "is required")),
        (triage.GetReferralRequest(), ("referral_id", "is required: a UUID")),
        (report(indicators=[]), ("facts.indicators", "is required: give at least 1")),
        (
            report(indicators=["DECEPTION", "DECEPTION"]),
            ("facts.indicators", "names something twice"),
        ),
        (
            report(whistleblower_reported_on="2026-01-01"),
            (
                "facts",
                "whistleblower_reported_on is given although from_whistleblower is false: "
                "set from_whistleblower, or leave the date out",
            ),
        ),
        (
            triage.RecordProgressRequest(request_id=ID, referral_id=ID, state=1),
            ("state", "choose one of IN_PROGRESS, ON_HOLD, FAILED"),
        ),
        (
            triage.RequestInformationRequest(request_id=ID, referral_id=ID, topics=[1, 99]),
            (
                "topics[1]",
                "choose one of INDICATORS, CHILDREN, ONGOING_DANGER, RECRUITMENT_CHANNEL, "
                "MONEY_TRAIL, STEPS_TAKEN",
            ),
        ),
        (
            triage.ListQueueRequest(filter={"priorities": [1, 7]}),
            ("filter.priorities[1]", "choose one of P1, P2"),
        ),
        (
            triage.ListQueueRequest(page_token="x" * 1025),
            ("page_token", "is too long: at most 1024 characters"),
        ),
        (
            triage.ListQueueRequest(filter={"countries": ["MY"] * 65}),
            ("filter.countries", "is too long: give at most 64"),
        ),
        (
            proposal(amount="-1", currency_code="EUR"),
            (
                "items[0].amount",
                "is an exact decimal without sign, at most four places, such as 734000.00",
            ),
        ),
        (
            proposal(due_date="2027-01-01", start_date="2027-01-02"),
            ("items[0]", "due_date is before start_date"),
        ),
        (
            proposal(amount="1", currency_code="EUROS"),
            (
                "items[0].currency_code",
                "'EUROS' is not an ISO 4217 currency code, such as EUR; did you mean 'EUR'?",
            ),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_fault_says_what_is_expected(request_: Message, fault: tuple[str, str]) -> None:
    assert faults(request_) == [fault]


def test_a_day_after_today_is_no_past_date() -> None:
    tomorrow = (datetime.now(UTC).date() + timedelta(days=2)).isoformat()
    ((field, description),) = faults(
        report(from_whistleblower=True, whistleblower_reported_on=tomorrow)
    )
    assert field == "facts.whistleblower_reported_on"
    assert description.startswith(f"{tomorrow} is in the future: today is ")


@given(
    st.characters(categories=["Cc", "Cf", "Zl", "Zp"], codec="utf-8"),
    st.text("abc", max_size=3),
)
def test_control_characters_are_refused_wherever_text_is(control: str, before: str) -> None:
    place = len(before) + 1
    token = triage.ListQueueRequest(page_token=f"{before}{control}c")
    fault = f"character {place} is a control character (U+{ord(control):04X})"
    assert faults(token) == [("page_token", fault)]
    desk = triage.ListQueueRequest(filter={"desks": ["POLICE", f"{before}{control}c"]})
    assert faults(desk) == [("filter.desks[1]", fault)]


visible = st.characters(categories=["L", "M", "N", "P", "S", "Zs"], codec="utf-8")


@given(st.text(visible, max_size=9))
def test_any_other_character_may_be_in_a_text(text: str) -> None:
    assert faults(triage.ListQueueRequest(page_token=text)) == []


@pytest.mark.parametrize("length", [129, 1_000_000])
def test_a_value_of_a_format_cannot_be_of_any_length(length: int) -> None:
    ((field, description),) = faults(report(country="M" * length))
    assert (field, description) == ("facts.country", "is too long: at most 128 characters")


requests = st.one_of(
    messages(method.input_type, unknown_fields=True) for method in everything.METHODS
)


def exists(descriptor: Descriptor | None, path: str) -> bool:
    """Whether the message has a field there, or a choice between fields."""
    field: FieldDescriptor | None = None
    for step in path.split("."):
        if descriptor and step in descriptor.oneofs_by_name:
            return path.endswith(step)
        name, _, index = step.partition("[")
        field = descriptor.fields_by_name.get(name) if descriptor else None
        if field is None or (index and not field.is_repeated):
            return False
        descriptor = field.message_type
    return True


@given(requests)
def test_whatever_is_sent_the_faults_name_fields_and_speak_to_people(request: Message) -> None:
    found = faults(request)
    assert len(set(found)) == len(found)
    for field, description in found:
        assert exists(request.DESCRIPTOR, field)
        assert re.search(r"\w", description)
        # The rule engine's own words.
        assert not re.search(r"in list|defined enum|regex|^value ", description)


@given(requests)
def test_a_request_without_fault_has_every_format_it_promises(request: Message) -> None:
    faulty = {field for field, _ in faults(request)}
    for field, value in request.ListFields():
        kind = contract.value_format(field)
        if kind and not field.is_repeated and field.name not in faulty:
            assert formats.CHECKS[kind](value) is None
