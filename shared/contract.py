"""What the contract's options say, read from the descriptors of the loaded messages.

Descriptors are typed Any: protobuf has two implementations of them, and its stubs tell both apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message

from harbourlight.options.v1 import options_pb2 as options


@dataclass(frozen=True)
class EventType:
    """An event of the contract."""

    name: str
    """Full name of the message."""
    message: type[Message]
    topic: str
    key: str
    """Field that holds the record key."""
    audience: frozenset[int]


@cache
def event_type(name: str) -> EventType | None:
    """The event with this full message name, or None where the contract has none.

    Only messages whose generated module has been imported are known.
    """
    try:
        descriptor: Any = descriptor_pool.Default().FindMessageTypeByName(name)
    except KeyError:
        return None
    if not descriptor.GetOptions().HasExtension(options.event):
        return None
    event = descriptor.GetOptions().Extensions[options.event]
    return EventType(
        name,
        message_factory.GetMessageClass(descriptor),
        event.topic,
        event.key,
        frozenset(event.audience),
    )


def event_types(*modules: ModuleType) -> Iterator[EventType]:
    """The events that these generated modules define, in their order."""
    for module in modules:
        for descriptor in module.DESCRIPTOR.message_types_by_name.values():
            if found := event_type(descriptor.full_name):
                yield found


def roles(method: Any) -> frozenset[int]:
    """Who may call it; empty where the method declares nothing."""
    if not method.GetOptions().HasExtension(options.access):
        return frozenset()
    return frozenset(method.GetOptions().Extensions[options.access].roles)


def limits(method: Any) -> options.Limits:
    """What the method says about how much one caller may take of it."""
    found: options.Limits = method.GetOptions().Extensions[options.limits]
    return found


def find_method(path: str) -> Any:
    """The method with this gRPC path (/package.Service/Method), or None."""
    service, _, method = path.lstrip("/").partition("/")
    try:
        found = descriptor_pool.Default().FindServiceByName(service)
    except KeyError:
        return None
    return found.methods_by_name.get(method)


def audience(field: Any) -> frozenset[int]:
    """Who may see the field; empty where it declares nothing."""
    if not field.GetOptions().HasExtension(options.field):
        return frozenset()
    return frozenset(field.GetOptions().Extensions[options.field].audience)


def value_format(field: Any) -> int:
    """The field's declared format, or FORMAT_UNSPECIFIED."""
    if not field.GetOptions().HasExtension(options.field):
        return options.FORMAT_UNSPECIFIED
    return int(field.GetOptions().Extensions[options.field].format)


def message_class(descriptor: Any) -> type[Message]:
    """The Python class of a message."""
    return message_factory.GetMessageClass(descriptor)
