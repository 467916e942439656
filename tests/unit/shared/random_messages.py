"""Hypothesis strategies of messages: any fields filled with anything, known or not."""

from functools import cache
from typing import Any

from google.protobuf import any_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

from harbourlight.reporting.v1 import events_pb2 as reporting
from shared import contract

UNKNOWN = b"value of a field that this version does not know"
INT32 = st.integers(-(2**31), 2**31 - 1)

_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: st.text(st.characters(codec="utf-8"), max_size=8),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=8),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_INT32: INT32,
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
}


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def _with_unknown(message: Message) -> Message:
    message.MergeFromString(_varint(15_000 << 3 | 2) + _varint(len(UNKNOWN)) + UNKNOWN)
    return message


def _values(field: FieldDescriptor, unknown_fields: bool) -> st.SearchStrategy[Any]:
    if field.message_type:
        return messages(field.message_type, unknown_fields=unknown_fields)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return st.sampled_from(list(field.enum_type.values_by_number)) | INT32
    return _SCALARS[field.type]


@cache
def messages(descriptor: Descriptor, *, unknown_fields: bool = False) -> st.SearchStrategy[Message]:
    """Messages of this type, nested ones included; some with a field unknown to this version."""
    made = contract.message_class(descriptor)
    if made is Timestamp:
        plain = st.datetimes().map(_timestamp)
    elif made is any_pb2.Any:
        plain = st.text("abc").map(_packed)
    else:
        fields = {
            field.name: st.lists(_values(field, unknown_fields), max_size=3)
            if field.is_repeated
            else _values(field, unknown_fields)
            for field in descriptor.fields
        }
        plain = st.fixed_dictionaries({}, optional=fields).map(lambda filled: made(**filled))
    if not unknown_fields:
        return plain
    return st.tuples(plain, st.booleans()).map(
        lambda pair: _with_unknown(pair[0]) if pair[1] else pair[0]
    )


def _timestamp(moment: Any) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _packed(text: str) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(reporting.MarkerLapsed(handle=text))
    return packed
