"""What an audience may see of a message: declared field by field, everything else withheld."""

from functools import cache
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from shared import contract

M = TypeVar("M", bound=Message)

_LEAVES = {"google.protobuf.Timestamp", "google.protobuf.Duration"}
"""Well-known messages that hold one value: the field that has them speaks for them."""


@cache
def _plan(descriptor: Any, audience: int) -> tuple[tuple[str, bool], ...]:
    """(field, whether to look inside) for each field that the audience may see."""
    seen = []
    for field in descriptor.fields:
        if audience not in contract.audience(field):
            continue
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            if field.message_type.GetOptions().map_entry:
                raise TypeError(f"{field.full_name} is a map: redaction does not reach into maps")
            inside = field.message_type.full_name not in _LEAVES
            seen.append((field.name, inside))
        else:
            seen.append((field.name, False))
    return tuple(seen)


def redact(message: M, audience: int) -> M:
    """A copy with only what `audience` may see, recursively; unknown fields are dropped too.

    It builds from nothing rather than clears, so that what it does not know cannot stay.
    """
    descriptor = message.DESCRIPTOR
    kept = type(message)()
    by_name = descriptor.fields_by_name
    for name, inside in _plan(descriptor, audience):
        field = by_name[name]
        value = getattr(message, name)
        if field.is_repeated:
            if not value:
                continue
            target = getattr(kept, name)
            target.extend([redact(one, audience) for one in value] if inside else value)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            if message.HasField(name):
                getattr(kept, name).CopyFrom(redact(value, audience) if inside else value)
                getattr(kept, name).SetInParent()
        elif not field.has_presence or message.HasField(name):
            setattr(kept, name, value)
    # A value that was copied whole may hold fields that nobody declared.
    kept.DiscardUnknownFields()
    return kept


def visible(message: M, audience: int) -> M | None:
    """The event as `audience` may see it, or None where it may not know of it at all."""
    event = contract.event_type(message.DESCRIPTOR.full_name)
    if event is None or audience not in event.audience:
        return None
    return redact(message, audience)
