"""Frozen dataclasses of a domain to protobuf messages and back, by equal field names.

A domain names enum values without their prefix ("FORCED_LABOUR"); UNSPECIFIED is the empty
string. A value that this version does not know is carried as its number in digits, so that it
survives the way through. Timestamps are datetimes in UTC. Repeated fields are tuples.
"""

import re
import types
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from shared import contract

D = TypeVar("D")
M = TypeVar("M", bound=Message)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"-?[0-9]+")


@cache
def _names(enum: Any) -> tuple[dict[int, str], dict[str, int]]:
    zero = enum.values_by_number[0].name
    prefix = zero.removesuffix("UNSPECIFIED")
    to_name = {value.number: value.name.removeprefix(prefix) for value in enum.values}
    to_name[0] = ""
    return to_name, {name: number for number, name in to_name.items()}


def enum_name(enum: Any, number: int) -> str:
    """Domain name of an enum value: no prefix, "" for unspecified, digits if unknown."""
    return _names(enum)[0].get(number, str(number))


def enum_number(enum: Any, name: str) -> int:
    """The reverse of `enum_name`. Raises ValueError for a name that the enum has not."""
    number = _names(enum)[1].get(name)
    if number is None:
        if _NUMBER.fullmatch(name):
            return int(name)
        raise ValueError(f"{enum.full_name} has no value {name!r}")
    return number


def enum_of(message: Message, field: str) -> str:
    """Domain name of the enum value that the message holds in `field`."""
    enum: Any = message.DESCRIPTOR.fields_by_name[field].enum_type
    return enum_name(enum, getattr(message, field))


def enums_of(message: Message, field: str) -> tuple[str, ...]:
    """Domain names of the enum values that the message holds in the repeated `field`."""
    enum: Any = message.DESCRIPTOR.fields_by_name[field].enum_type
    return tuple(enum_name(enum, number) for number in getattr(message, field))


def timestamp(moment: datetime) -> Timestamp:
    """A datetime, microseconds kept, as the contract carries it."""
    micros = (moment - _EPOCH) // timedelta(microseconds=1)
    return Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1000)


def moment(stamp: Timestamp) -> datetime:
    """The reverse of `timestamp`."""
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)


def _to_value(field: Any) -> Callable[[Any], Any] | None:
    """How a value of the field becomes the message's; None where it is the same."""
    if field.type == FieldDescriptor.TYPE_ENUM:
        enum = field.enum_type
        numbers = _names(enum)[1]
        return lambda name: numbers[name] if name in numbers else enum_number(enum, str(name))
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        if field.message_type.full_name == "google.protobuf.Timestamp":
            return timestamp
        inner = contract.message_class(field.message_type)
        return lambda value: to_message(value, inner)
    return None


@cache
def _writers(
    dataclass: Any, message: Any
) -> tuple[tuple[str, Callable[[Any], Any] | None, bool], ...]:
    by_name = message.DESCRIPTOR.fields_by_name
    return tuple(
        (field.name, _to_value(by_name[field.name]), by_name[field.name].is_repeated)
        for field in fields(dataclass)
        if field.name in by_name
    )


def to_message(value: Any, message: type[M]) -> M:
    """`value` as `message`; what only one of the two has is left out."""
    filled: dict[str, Any] = {}
    source, target = typing.cast(Any, type(value)), typing.cast(Any, message)
    for name, convert, repeated in _writers(source, target):
        item = getattr(value, name)
        if item is None or item == "" or item == ():
            continue
        if convert is None:
            filled[name] = item
        else:
            filled[name] = [convert(one) for one in item] if repeated else convert(item)
    return message(**filled)


def _bare(hint: Any) -> tuple[Any, bool]:
    """A type hint without Optional, and whether it was optional."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        inner = [one for one in typing.get_args(hint) if one is not type(None)]
        return inner[0], True
    return hint, False


def _from_value(field: Any, hint: Any) -> Callable[[Any], Any]:
    if field.type == FieldDescriptor.TYPE_ENUM:
        enum = field.enum_type
        if isinstance(hint, type) and issubclass(hint, Enum):
            kind = hint
            return lambda number: kind(enum_name(enum, number))
        return lambda number: enum_name(enum, number)
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        if field.message_type.full_name == "google.protobuf.Timestamp":
            return moment
        return lambda value: to_dataclass(value, hint)
    return lambda value: value


@cache
def _readers(dataclass: Any, message: Any) -> tuple[tuple[str, Callable[[Any], Any], str], ...]:
    hints = typing.get_type_hints(dataclass)
    by_name = message.DESCRIPTOR.fields_by_name
    readers = []
    for name in (field.name for field in fields(dataclass)):
        if name not in by_name:
            continue
        field, (hint, optional) = by_name[name], _bare(hints[name])
        if field.is_repeated:
            inner = typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else hint
            readers.append((name, _from_value(field, inner), "repeated"))
        elif field.type == FieldDescriptor.TYPE_MESSAGE and optional:
            readers.append((name, _from_value(field, hint), "optional"))
        else:
            readers.append((name, _from_value(field, hint), "single"))
    return tuple(readers)


def to_dataclass(message: Message, dataclass: type[D]) -> D:
    """`message` as the dataclass; fields that the message lacks keep their default.

    Raises ValueError where an enum-typed field of the dataclass meets a value unknown to it.
    """
    assert is_dataclass(dataclass)
    filled: dict[str, Any] = {}
    source = typing.cast(Any, type(message))
    for name, convert, kind in _readers(dataclass, source):
        if kind == "repeated":
            filled[name] = tuple([convert(one) for one in getattr(message, name)])
        elif kind == "optional":
            filled[name] = convert(getattr(message, name)) if message.HasField(name) else None
        else:
            filled[name] = convert(getattr(message, name))
    return typing.cast(D, dataclass(**filled))
