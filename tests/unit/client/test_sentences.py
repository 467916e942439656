import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from harbourlight import sentences
from harbourlight.options.v1 import options_pb2 as options
from harbourlight.remedy.v1 import events_pb2 as remedy_events
from harbourlight.reporting.v1 import events_pb2 as reporting_events
from harbourlight.triage.v1 import events_pb2 as triage_events
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.types.v1 import types_pb2 as types

MODULES = (reporting_events, triage_events, remedy_events)


def say(event: Message) -> str:
    packed = Any()
    packed.Pack(event)
    return sentences.sentence(packed)


def told() -> list[str]:
    """Events that a company or an NGO may learn of."""
    return [
        message.full_name
        for module in MODULES
        for message in module.DESCRIPTOR.message_types_by_name.values()
        if {options.AUDIENCE_COMPANY, options.AUDIENCE_NGO}
        & set(message.GetOptions().Extensions[options.event].audience)
    ]


@pytest.mark.parametrize("name", told())
def test_whatever_is_told_has_a_sentence_even_when_redacted(name: str) -> None:
    assert sentences.known(name)
    text = sentences.sentence(Any(type_url=f"type.googleapis.com/{name}"))
    assert text[0].isupper()
    assert text.endswith(".")
    assert "UNSPECIFIED" not in text


def test_an_event_of_a_newer_contract_is_named() -> None:
    assert "harbourlight.x.v1.New" in sentences.sentence(
        Any(type_url="type.googleapis.com/harbourlight.x.v1.New")
    )


def test_sentences_speak_the_language_of_business() -> None:
    assert (
        say(triage_events.ReferralAccepted(desk="LABOUR_INSPECTORATE"))
        == "The labour inspectorate took up your case."
    )
    assert (
        say(
            triage_events.ReferralRejected(
                reason=triage.REFERRAL_REASON_OUTSIDE_JURISDICTION,
            )
        )
        == "The desk did not take up your case: outside jurisdiction."
    )
    due = Timestamp()
    due.FromJsonString("2026-12-01T22:30:00Z")
    assert (
        say(triage_events.DeadlineMissed(code=triage.DEADLINE_CODE_ACKNOWLEDGE, due_at=due))
        == "The desk was due to acknowledge your report by 2026-12-01, and did not; "
        "this stays on its record."
    )


def test_people_and_money_are_exact_or_banded() -> None:
    item = remedy_events.RemedyItemFacts(
        kind=types.REMEDY_KIND_BACK_WAGES,
        beneficiaries=types.Headcount(exact=1, band="1-4"),
        amount=types.Money(currency_code="MYR", amount="734000.00", band="100000-999999"),
    )
    assert (
        say(remedy_events.RemedyItemStarted(item=item))
        == "Remedy is under way: back wages (1 person, MYR 734000.00)."
    )
    item.beneficiaries.ClearField("exact")
    item.amount.ClearField("amount")
    assert (
        say(remedy_events.RemedyItemStarted(item=item))
        == "Remedy is under way: back wages (1-4 people, MYR 100000-999999)."
    )
