"""What the contract must say everywhere, whatever is added to it."""

import re
from collections.abc import Callable

import pytest
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor, MethodDescriptor

from buf.validate import validate_pb2
from harbourlight.options.v1 import options_pb2 as options
from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.reporting.v1 import events_pb2 as reporting
from harbourlight.triage.v1 import events_pb2 as triage
from shared import contract, translate
from shared.contract import EventType
from tests.contract import everything

EVENT_TEXT = {
    "amount",
    "band",
    "based_on",
    "country",
    "currency_code",
    "custodian",
    "date",
    "desk",
    "due_date",
    "event_id",
    "facility_id",
    "from_desk",
    "handle",
    "indicators",
    "item_id",
    "items",
    "officer",
    "referral_id",
    "routing_version",
    "sector",
    "subject",
    "type",
    "unsealing_id",
    "whistleblower_reported_on",
}
"""Names of the string fields that an event may have: codes, ids, dates and decimals.

A new one is added here once somebody has made sure that no free text, no personal data and
nothing sealed can be in it.
"""
ENVELOPES = {
    "harbourlight.notification.v1.EventRouted",
    "harbourlight.notification.v1.RemedyFeedEvent",
}
"""Events that carry another one, redacted before it was packed."""
READS = ("Get", "List", "Watch", "Subscribe")

every_event = pytest.mark.parametrize("event", everything.EVENTS, ids=lambda event: event.name)


def methods(chosen: Callable[[MethodDescriptor], bool]) -> pytest.MarkDecorator:
    """Runs a test for each of these methods."""
    found = [method for method in everything.METHODS if chosen(method)]
    return pytest.mark.parametrize("method", found, ids=lambda method: method.full_name)


every_method = methods(lambda _: True)


def rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    """The field's validation rules."""
    return field.GetOptions().Extensions[validate_pb2.field]


def test_the_four_services_and_their_events_are_found() -> None:
    services = {service.name for service in everything.SERVICES}
    assert services >= {
        "ReportingService",
        "TriageService",
        "NotificationService",
        "RemedyService",
    }
    assert {event.topic for event in everything.EVENTS} >= {
        "reporting.events.v1",
        "triage.events.v1",
        "remedy.events.v1",
        "notification.feed.v1",
    }


@every_event
def test_an_event_declares_where_it_goes_by_which_key_and_who_may_know(event: EventType) -> None:
    package = event.name.split(".")[1]
    assert re.fullmatch(rf"{package}\.[a-z]+\.v1", event.topic)
    key = event.message.DESCRIPTOR.fields_by_name[event.key]
    assert key.type == FieldDescriptor.TYPE_STRING
    assert not key.is_repeated
    assert event.audience
    assert options.AUDIENCE_UNSPECIFIED not in event.audience


@every_event
def test_every_field_of_an_event_declares_who_may_see_it(event: EventType) -> None:
    undeclared = [
        field.full_name
        for field in everything.fields(event.message.DESCRIPTOR)
        if not contract.audience(field) or options.AUDIENCE_UNSPECIFIED in contract.audience(field)
    ]
    assert undeclared == []


@every_event
def test_an_event_holds_no_free_text_and_nothing_sealed(event: EventType) -> None:
    for field in everything.fields(event.message.DESCRIPTOR):
        assert field.type != FieldDescriptor.TYPE_BYTES, field.full_name
        if field.type == FieldDescriptor.TYPE_STRING:
            assert field.name in EVENT_TEXT, f"{field.full_name}: may this be in an event?"
        if field.message_type:
            assert not field.message_type.GetOptions().map_entry, field.full_name
            if field.message_type.full_name == "google.protobuf.Any":
                assert field.containing_type.full_name in ENVELOPES, field.full_name


@pytest.mark.parametrize(
    "event",
    [
        event
        for event in contract.event_types(reporting, triage, remedy)
        if options.AUDIENCE_NGO in event.audience
    ],
    ids=lambda event: event.name,
)
def test_an_event_for_ngos_has_what_the_feed_is_filtered_by_and_names_nothing(
    event: EventType,
) -> None:
    fields = event.message.DESCRIPTOR.fields_by_name
    for name in ("country", "sector"):
        assert options.AUDIENCE_NGO in contract.audience(fields[name])
    # The feed reads the ids of the items from what the company sees.
    assert options.AUDIENCE_COMPANY in event.audience
    for field in everything.fields(event.message.DESCRIPTOR):
        if field.name in ("handle", "item_id", "referral_id", "exact", "amount", "due_date"):
            hidden = options.AUDIENCE_NGO not in contract.audience(field)
            assert hidden or field.message_type, field.full_name


@every_method
def test_a_method_declares_who_may_call_it(method: MethodDescriptor) -> None:
    declared = contract.roles(method)
    assert declared
    assert options.ROLE_UNSPECIFIED not in declared
    # What follows the first message is checked by its handler alone.
    assert not method.client_streaming or method.name == "AddEvidence"
    assert not (method.client_streaming and method.server_streaming)


@methods(lambda method: options.ROLE_COMPANY in contract.roles(method))
def test_a_method_open_to_companies_names_the_case(method: MethodDescriptor) -> None:
    handle = method.input_type.fields_by_name["handle"]
    assert contract.value_format(handle) == options.FORMAT_HANDLE
    assert rules(handle).required


def _is_bounded(field: FieldDescriptor) -> bool:
    if contract.value_format(field) != options.FORMAT_UNSPECIFIED:
        return True
    text = rules(field).repeated.items.string if field.is_repeated else rules(field).string
    return text.uuid or text.HasField("max_len") or text.HasField("pattern")


@every_method
def test_every_text_and_list_of_a_request_is_bounded(method: MethodDescriptor) -> None:
    for field in everything.fields(method.input_type):
        if field.type == FieldDescriptor.TYPE_STRING:
            assert _is_bounded(field), f"{field.full_name} takes text of any length"
        if field.type == FieldDescriptor.TYPE_BYTES:
            of = rules(field).bytes
            is_bounded = of.HasField("len") or of.HasField("max_len")
            assert is_bounded, f"{field.full_name} takes any length"
        if field.is_repeated:
            most = rules(field).repeated.HasField("max_items")
            assert most, f"{field.full_name} takes any number"


@every_method
def test_every_enum_of_a_request_takes_values_that_this_version_knows(
    method: MethodDescriptor,
) -> None:
    for field in everything.fields(method.input_type):
        if field.type == FieldDescriptor.TYPE_ENUM:
            of = rules(field).repeated.items.enum if field.is_repeated else rules(field).enum
            listed = set(getattr(of, "in"))
            known = set(field.enum_type.values_by_number)
            assert of.defined_only or (listed and listed <= known), field.full_name


@methods(lambda method: not method.name.startswith(READS))
def test_a_method_that_changes_something_can_be_repeated_safely(method: MethodDescriptor) -> None:
    if method.client_streaming:
        # A file is named by its number, which is signed inside; an upload goes on under it.
        return
    request_id = method.input_type.fields_by_name["request_id"]
    assert rules(request_id).string.uuid


@methods(lambda method: "receipt_nonce" in method.input_type.fields_by_name)
def test_who_asks_for_a_receipt_names_32_bytes_or_none_and_is_answered_with_one(
    method: MethodDescriptor,
) -> None:
    rule = rules(method.input_type.fields_by_name["receipt_nonce"])
    assert rule.bytes.len == 32
    # What is not in the ledger is no request to unseal, and no answer to one.
    if method.containing_service.name != "UnsealingService":
        assert rule.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE
    receipt = method.output_type.fields_by_name["receipt"]
    assert receipt.message_type.full_name == "harbourlight.types.v1.Receipt"


@methods(lambda method: method.name.startswith("List"))
def test_a_list_pages(method: MethodDescriptor) -> None:
    asked, answered = method.input_type.fields_by_name, method.output_type.fields_by_name
    assert asked["page_size"].type == FieldDescriptor.TYPE_INT32
    assert rules(asked["page_size"]).int32.HasField("gte")
    assert rules(asked["page_size"]).int32.gte == 0
    assert asked["page_token"].type == FieldDescriptor.TYPE_STRING
    assert answered["next_page_token"].type == FieldDescriptor.TYPE_STRING
    assert sum(field.is_repeated for field in answered.values()) == 1


@every_method
def test_a_watch_or_a_file_streams_and_nothing_else_does(method: MethodDescriptor) -> None:
    is_file = method.name == "GetEvidence"
    assert method.server_streaming == (is_file or method.name.startswith(("Watch", "Subscribe")))


@pytest.mark.parametrize("enum", everything.ENUMS, ids=lambda enum: enum.full_name)
def test_an_enum_begins_unspecified_and_its_short_names_stand_for_one_value_each(
    enum: EnumDescriptor,
) -> None:
    zero = enum.values_by_number[0].name
    assert zero.endswith("_UNSPECIFIED")
    prefix = zero.removesuffix("UNSPECIFIED")
    assert all(value.name.startswith(prefix) for value in enum.values)
    for number in enum.values_by_number:
        name = translate.enum_name(enum, number)
        # Digits stand for a value that this version does not know.
        assert not name.isdigit()
        assert translate.enum_number(enum, name) == number
