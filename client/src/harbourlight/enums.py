"""Enum values of the contract as people write them: without prefix, in any case, dashes allowed.

`FORCED_LABOUR`, `forced-labour` and `EXPLOITATION_TYPE_FORCED_LABOUR` are the same value.
"""

import difflib
from functools import cache
from typing import Any

from google.protobuf.descriptor import EnumDescriptor

_ACRONYMS = frozenset({"NGO"})


def _prefix(enum: EnumDescriptor) -> str:
    return str(enum.values_by_number[0].name).removesuffix("UNSPECIFIED")


@cache
def names(enum: EnumDescriptor) -> dict[str, int]:
    """Short name -> number of every value that means something."""
    prefix = _prefix(enum)
    return {value.name.removeprefix(prefix): value.number for value in enum.values if value.number}


@cache
def name(enum: EnumDescriptor, number: int) -> str:
    """Short name of a value: "" for the unspecified one, digits for one from a newer contract."""
    if number == 0:
        return ""
    known = enum.values_by_number.get(number)
    return known.name.removeprefix(_prefix(enum)) if known else str(number)


def words(enum: EnumDescriptor, number: int) -> str:
    """A value as part of a sentence, such as "debt bondage"."""
    parts = name(enum, number).split("_")
    return " ".join(part if part in _ACRONYMS else part.lower() for part in parts)


def parse(enum: EnumDescriptor, text: str) -> int:
    """The number of the value that a person typed.

    Raises ValueError, listing what exists, where the enum has no such value.
    """
    typed = text.strip().upper().replace("-", "_").replace(" ", "_").removeprefix(_prefix(enum))
    listed = names(enum)
    if typed in listed:
        return listed[typed]
    near = difflib.get_close_matches(typed, listed, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"{text!r} is none of {', '.join(listed)}{hint}")


def expand(message: Any, data: Any) -> Any:
    """JSON data for a message (its descriptor) with enum names replaced by their numbers.

    Leaves alone whatever it does not know, for the JSON parser to refuse. Raises ValueError,
    naming the field, for a wrong enum value.
    """
    if not isinstance(data, dict):
        return data
    return {key: _expand_field(message.fields_by_name.get(key), data[key]) for key in data}


def _expand_field(field: Any, value: Any) -> Any:
    if field is None:
        return value
    if isinstance(value, list):
        return [_expand_field(field, one) for one in value]
    if field.message_type is not None:
        return expand(field.message_type, value)
    if field.enum_type is not None and isinstance(value, str):
        try:
            return parse(field.enum_type, value)
        except ValueError as error:
            raise ValueError(f"{field.name}: {error}") from None
    return value
