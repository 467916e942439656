"""Checks a request against its contract: one violation per fault."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import protovalidate
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from harbourlight.options.v1 import options_pb2 as options
from shared import contract, translate
from shared.errors import Violation, invalid

Check = Callable[[str], str | None]

_LONGEST_FORMATTED = 128
"""No format has longer values; checks and answers need not cope with any length."""


class Validator:
    """protovalidate's rules, the contract's formats, and no control characters anywhere."""

    def __init__(self, formats: Mapping[int, Check]) -> None:
        self._formats = formats

    def check(self, request: Message) -> None:
        """Returns where the request is valid. Raises Refusal (INVALID) with every fault."""
        found = protovalidate.collect_violations(request)
        faults = [_rule_violation(request.DESCRIPTOR, one) for one in found]
        seen = {fault.field for fault in faults}
        faults += [fault for fault in self._walk(request, "") if fault.field not in seen]
        if faults:
            raise invalid(faults)

    def _walk(self, message: Message, path: str) -> Iterator[Violation]:
        for field, kind in _text_fields(message.DESCRIPTOR):
            value = getattr(message, field.name)
            here = path + field.name
            if field.is_repeated:
                for index, one in enumerate(value):
                    yield from self._value(one, f"{here}[{index}]", kind)
            elif kind is None:
                if message.HasField(field.name):
                    yield from self._walk(value, f"{here}.")
            else:
                yield from self._value(value, here, kind)

    def _value(self, value: Any, path: str, kind: int | None) -> Iterator[Violation]:
        if kind is None:
            yield from self._walk(value, f"{path}.")
        elif value:
            if kind != options.FORMAT_UNSPECIFIED and len(value) > _LONGEST_FORMATTED:
                yield Violation(path, f"is too long: at most {_LONGEST_FORMATTED} characters")
            elif (problem := _control_character(value)) or (
                kind != options.FORMAT_UNSPECIFIED and (problem := self._formats[kind](value))
            ):
                yield Violation(path, problem)


@cache
def _text_fields(descriptor: Any) -> tuple[tuple[FieldDescriptor, int | None], ...]:
    """The string fields with their format, and the message fields with None."""
    found: list[tuple[FieldDescriptor, int | None]] = []
    for field in descriptor.fields:
        if field.type == FieldDescriptor.TYPE_STRING:
            found.append((field, contract.value_format(field)))
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            found.append((field, None))
    return tuple(found)


def _control_character(text: str) -> str | None:
    if text.isprintable():
        return None
    for place, character in enumerate(text):
        if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp"):
            return f"character {place + 1} is a control character (U+{ord(character):04X})"
    return None


def _rule_violation(root: Any, found: protovalidate.Violation) -> Violation:
    path, field, inside = "", None, root
    for element in found.proto.field.elements if found.proto.field else ():
        path += f".{element.field_name}" if path else element.field_name
        field = inside.fields_by_name.get(element.field_name)
        if field is None:
            # A choice between fields ("oneof"), of which none was made.
            break
        inside = field.message_type
        subscript = element.subscript
        if subscript is not None and subscript.field == "index":
            path += f"[{subscript.value}]"
    return Violation(path or "(request)", _explained(field, found))


def _explained(field: FieldDescriptor | None, found: protovalidate.Violation) -> str:
    """What was expected, for people: the rules' own words speak of lists of numbers."""
    rule = found.proto.rule_id
    if field is not None and field.enum_type and rule.startswith("enum."):
        return f"choose one of {', '.join(_choices(field.enum_type, rule, found.rule_value))}"
    wording = _WORDING.get(rule, "")
    return wording.format(found.rule_value) or found.proto.message or rule


def _choices(enum: EnumDescriptor, rule: str, named: Any) -> list[str]:
    numbers = set(enum.values_by_number) - {0}
    if rule == "enum.in":
        numbers = set(named)
    elif rule == "enum.not_in":
        numbers -= set(named)
    return [translate.enum_name(enum, number) for number in sorted(numbers)]


_WORDING = {
    "required": "is required",
    "repeated.min_items": "is required: give at least {}",
    "repeated.max_items": "is too long: give at most {}",
    "repeated.unique": "names something twice",
    "bytes.len": "is not {} bytes long",
    "string.min_len": "is too short: its least length is {}",
    "string.max_len": "is too long: at most {} characters",
    "string.pattern": "is not of the form {}",
    "string.uuid": "is not a UUID",
    "string.uuid_empty": "is required: a UUID",
}
"""Rule -> what is wrong, in our words; {} is the rule's own value."""
