import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from harbourlight import codes, enums, sentences
from harbourlight.options.v1 import options_pb2 as options
from harbourlight.remedy.v1 import events_pb2 as remedy_events
from harbourlight.reporting.v1 import events_pb2 as reporting_events
from harbourlight.triage.v1 import events_pb2 as triage_events
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.triage.v1 import unsealing_pb2 as unsealing
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


def test_each_step_of_an_unsealing_says_what_it_means_for_who_reported() -> None:
    lapses, deleted = (Timestamp(seconds=1_800_000_000), Timestamp(seconds=1_800_600_000))
    assert say(
        triage_events.UnsealingRequested(
            desk="POLICE", legal_basis=unsealing.LEGAL_BASIS_VITAL_INTERESTS, ends_at=lapses
        )
    ) == (
        "The police asks who you are, founded on: protecting the vital interests of a person, as "
        "where a life is at stake (Regulation (EU) 2016/679 art. 6(1)(d)). A custodian has until "
        "2027-01-15 to answer; unless it agrees, nobody can."
    )
    assert say(triage_events.UnsealingGranted(custodian="ombudsman", ends_at=deleted)) == (
        "The custodian ombudsman released its half of the key: the officer who asked can now read "
        "who you are. The network deletes the half on 2027-01-22."
    )
    assert say(
        triage_events.UnsealingRefused(
            custodian="ombudsman", reason=unsealing.UNSEALING_REFUSAL_REPORTER_AT_RISK
        )
    ) == (
        "The custodian ombudsman refused to release its half of the key: reporter at risk. "
        "Nobody can read who you are by it."
    )
    for cause in unsealing.UnsealingEnd.values()[1:]:
        assert say(triage_events.UnsealingExpired(cause=cause))[-1] == "."


def test_every_legal_basis_names_its_source() -> None:
    listed = {key: basis.source for key, basis in codes.legal_bases().items()}
    assert list(listed) == list(enums.names(unsealing.LegalBasis.DESCRIPTOR))
    assert all(listed.values())
