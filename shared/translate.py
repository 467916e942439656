"""Frozen dataclasses of a domain to protobuf messages and back, by equal field names.

A domain names enum values without their prefix ("FORCED_LABOUR"); UNSPECIFIED is the empty
string. A value that this version does not know is carried as its number in digits, so that it
survives the way through. Timestamps are datetimes in UTC. Repeated fields are tuples.
"""

import re
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache, partial
from typing import Any, TypeVar, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

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
    name = _names(enum)[0].get(number)
    return str(number) if name is None else name


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
    stamp = Timestamp()
    _fill_timestamp(stamp, moment)
    return stamp


def moment(stamp: Timestamp) -> datetime:
    """The reverse of `timestamp`."""
    return _EPOCH + timedelta(0, stamp.seconds, stamp.nanos // 1000)


def _is_timestamp(field: Any) -> bool:
    return bool(
        field.type == FieldDescriptor.TYPE_MESSAGE
        and field.message_type.full_name == "google.protobuf.Timestamp"
    )


class _Code:
    """Code that is written once for each pair of types.

    Every command and every event is translated several times, and looking at each field anew took
    a good part of their time; so the fields are looked at once and straight code is compiled, as
    dataclasses do it. It holds field names of the contract and numbered names of objects.
    """

    def __init__(self) -> None:
        self._objects: dict[str, Any] = {}

    def named(self, thing: Any) -> str:
        """A name for `thing` in the code."""
        name = f"o{len(self._objects)}"
        self._objects[name] = thing
        return name

    def function(self, parameters: str, lines: Sequence[str]) -> Callable[..., Any]:
        """The function of these lines."""
        found: dict[str, Any] = {}
        body = "\n    ".join(lines)
        exec(f"def made({parameters}):\n    {body}", self._objects, found)  # noqa: S102
        return cast(Callable[..., Any], found["made"])


def _number(code: _Code, field: Any) -> str:
    """The number of the enum value that `x` names."""
    numbers = code.named(_names(field.enum_type)[1])
    other = code.named(partial(enum_number, field.enum_type))
    return f"({numbers}[x] if x in {numbers} else {other}(str(x)))"


def _writing(code: _Code, field: Any) -> str:
    """A line that puts `x`, which is there, into the message's field."""
    here = f"m.{field.name}"
    if field.type == FieldDescriptor.TYPE_ENUM:
        number = _number(code, field)
        if field.is_repeated:
            return f"{here}.extend([{number} for x in x])"
        return f"{here} = {number}"
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        fill = code.named(_fill_timestamp if _is_timestamp(field) else _fill)
        if field.is_repeated:
            return f"for x in x: {fill}({here}.add(), x)"
        return f"{fill}({here}, x)"
    return f"{here}.extend(x)" if field.is_repeated else f"{here} = x"


@cache
def _writer(dataclass: Any, message: Any) -> Callable[[Any, Any], None]:
    code = _Code()
    by_name = message.DESCRIPTOR.fields_by_name
    lines = ["m.SetInParent()"]
    for name in (field.name for field in fields(dataclass) if field.name in by_name):
        field = by_name[name]
        # What is empty is left out; where the message tells zero from nothing, zero is not empty.
        there = "(x := v.{}) is not None and x != ''" if field.has_presence else "x := v.{}"
        lines += [f"if {there.format(name)}:", f"    {_writing(code, field)}"]
    return code.function("m, v", lines)


def _fill(message: Message, value: Any) -> None:
    source, target = cast(Any, type(value)), cast(Any, type(message))
    _writer(source, target)(message, value)


def _fill_timestamp(stamp: Timestamp, moment: datetime) -> None:
    since = moment - _EPOCH
    stamp.seconds = since.days * 86_400 + since.seconds
    stamp.nanos = since.microseconds * 1000


def to_message(value: Any, message: type[M]) -> M:
    """`value` as `message`; what only one of the two has is left out."""
    made = message()
    _fill(made, value)
    return made


def _bare(hint: Any) -> tuple[Any, bool]:
    """A type hint without Optional, and whether it was optional."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        inner = [one for one in typing.get_args(hint) if one is not type(None)]
        return inner[0], True
    return hint, False


def _reading(code: _Code, field: Any, hint: Any, x: str) -> str:
    """The dataclass's value of what the expression `x` gives of the message's field."""
    if field.type == FieldDescriptor.TYPE_ENUM:
        names: dict[int, Any] = _names(field.enum_type)[0]
        other = f"{code.named(partial(enum_name, field.enum_type))}({x})"
        if isinstance(hint, type) and issubclass(hint, Enum):
            values = {one.value for one in hint}
            names = {number: hint(name) for number, name in names.items() if name in values}
            other = f"{code.named(hint)}({other})"
        known = code.named(names)
        return f"({known}[{x}] if {x} in {known} else {other})"
    if _is_timestamp(field):
        return f"{code.named(moment)}({x})"
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return f"{code.named(to_dataclass)}({x}, {code.named(hint)})"
    return x


@cache
def _reader(dataclass: Any, message: Any) -> Callable[[Any], Any]:
    code = _Code()
    hints = typing.get_type_hints(dataclass)
    by_name = message.DESCRIPTOR.fields_by_name
    filled = []
    for name in (field.name for field in fields(dataclass) if field.name in by_name):
        field, (hint, optional) = by_name[name], _bare(hints[name])
        value = f"m.{name}"
        if field.is_repeated:
            inner = typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else hint
            one = _reading(code, field, inner, "x")
            item = f"tuple({value})" if one == "x" else f"tuple([{one} for x in {value}])"
        else:
            item = _reading(code, field, hint, value)
            if field.type == FieldDescriptor.TYPE_MESSAGE and optional:
                item = f"{item} if m.HasField('{name}') else None"
        filled.append(f"{name}={item}")
    return code.function("m", [f"return {code.named(dataclass)}({', '.join(filled)})"])


def to_dataclass(message: Message, dataclass: type[D]) -> D:
    """`message` as the dataclass; fields that the message lacks keep their default.

    Raises ValueError where an enum-typed field of the dataclass meets a value unknown to it.
    """
    source, target = cast(Any, type(message)), cast(Any, dataclass)
    made: D = _reader(target, source)(message)
    return made
