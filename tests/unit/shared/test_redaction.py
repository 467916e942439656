"""What an audience may see is what the contract declares, no more and no less."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from harbourlight.options.v1 import options_pb2 as options
from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.reporting.v1 import reporting_pb2
from harbourlight.types.v1 import types_pb2 as types
from shared import redaction
from tests.contract import everything
from tests.unit.shared.random_messages import UNKNOWN, messages

events = st.one_of(
    messages(event.message.DESCRIPTOR, unknown_fields=True) for event in everything.EVENTS
)
audiences = st.sampled_from(options.Audience.values())
Leaf = tuple[tuple[str, ...], Any]


def leaves(message: Message, path: tuple[str, ...] = ()) -> Iterator[tuple[Leaf, set[int]]]:
    """Each single value of the message, where it stands, and who may see every field on the way."""
    for field, value in message.ListFields():
        declared = set(field.GetOptions().Extensions[options.field].audience)
        for place, one in enumerate(value) if field.is_repeated else [(0, value)]:
            here = (*path, f"{field.name}[{place}]")
            if _holds_one_value(field):
                yield (here, (one.seconds, one.nanos)), declared
            elif field.message_type:
                yield (here, "present"), declared
                for leaf, inside in leaves(one, here):
                    yield leaf, declared & inside
            else:
                yield (here, one), declared


def _holds_one_value(field: FieldDescriptor) -> bool:
    return bool(field.message_type) and (
        field.message_type.full_name == "google.protobuf.Timestamp"
    )


@given(events, audiences)
def test_exactly_what_is_declared_for_the_audience_stays(event: Message, audience: int) -> None:
    declared = [leaf for leaf, who in leaves(event) if audience in who]
    assert [leaf for leaf, _ in leaves(redaction.redact(event, audience))] == declared


@given(events, audiences)
def test_no_unknown_field_stays(event: Message, audience: int) -> None:
    assert UNKNOWN not in redaction.redact(event, audience).SerializeToString()


@given(events, audiences)
def test_redacting_again_changes_nothing(event: Message, audience: int) -> None:
    once = redaction.redact(event, audience)
    assert redaction.redact(once, audience) == once


@given(events, audiences)
def test_the_event_itself_stays_as_it_is(event: Message, audience: int) -> None:
    before = event.SerializeToString(deterministic=True)
    redaction.redact(event, audience)
    assert event.SerializeToString(deterministic=True) == before


@given(events, audiences)
def test_an_event_is_visible_to_its_own_audience_alone(event: Message, audience: int) -> None:
    declared = event.DESCRIPTOR.GetOptions().Extensions[options.event].audience
    seen = redaction.visible(event, audience)
    assert seen == (redaction.redact(event, audience) if audience in declared else None)


def test_what_is_no_event_is_visible_to_nobody() -> None:
    case = reporting_pb2.Case(handle="HL-1")
    assert all(redaction.visible(case, audience) is None for audience in options.Audience.values())


def test_an_ngo_sees_bands_of_a_remedy_item_and_no_figures() -> None:
    event = remedy.RemedyItemDelivered(
        handle="HL-1",
        country="MY",
        sector="ISIC_C",
        item=remedy.RemedyItemFacts(
            item_id="one",
            kind=types.REMEDY_KIND_BACK_WAGES,
            beneficiaries=types.Headcount(exact=137, band="100-499"),
            amount=types.Money(currency_code="EUR", amount="734000.00", band="100000-999999"),
            due_date="2027-01-31",
        ),
    )
    assert redaction.redact(event, options.AUDIENCE_NGO) == remedy.RemedyItemDelivered(
        country="MY",
        sector="ISIC_C",
        item=remedy.RemedyItemFacts(
            kind=types.REMEDY_KIND_BACK_WAGES,
            beneficiaries=types.Headcount(band="100-499"),
            amount=types.Money(currency_code="EUR", band="100000-999999"),
        ),
    )


@pytest.mark.parametrize("audience", [options.AUDIENCE_UNSPECIFIED, options.AUDIENCE_PUBLIC])
def test_an_audience_that_nothing_is_declared_for_sees_nothing(audience: int) -> None:
    event = remedy.RemedyOpened(handle="HL-1", country="MY", indicators=[1])
    assert redaction.redact(event, audience) == remedy.RemedyOpened()
