"""What may be told of a record: its headers and coded facts, never what is sealed or unreadable."""

from collections.abc import Iterable
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

# The contract's events are known once the topology has imported them.
from deploy import topology as _topology  # noqa: F401
from shared import contract

_HIDDEN = frozenset({"ce_commitment"})


def headers(raw: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """Headers as text; what is no text, and commitments, by their size alone."""
    found = {}
    for name, value in raw:
        text = (value or b"").decode("utf-8", "replace")
        if name in _HIDDEN or not text.isprintable() or "\N{REPLACEMENT CHARACTER}" in text:
            text = f"({len(value or b'')} bytes)"
        found[name] = text
    return found


def coded(type_name: str, value: bytes) -> dict[str, Any]:
    """The event's fields; each that holds bytes is left out and only counted."""
    kind = contract.event_type(type_name)
    size = f"({len(value)} bytes)"
    if kind is None:
        return {"unknown": f"{size} of a type that this version's contract does not have"}
    event = kind.message()
    try:
        event.ParseFromString(value)
    except DecodeError:
        return {"unreadable": f"{size} that are no {type_name}"}
    hidden = _without_bytes(event)
    found: dict[str, Any] = json_format.MessageToDict(event, preserving_proto_field_name=True)
    return found | ({"withheld": f"{hidden} bytes"} if hidden else {})


def _without_bytes(message: Message) -> int:
    """Clears every field that holds bytes, at any depth; how many bytes that were."""
    if message.DESCRIPTOR.full_name == "google.protobuf.Any":
        size = message.ByteSize()
        message.Clear()
        return size
    hidden = 0
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_BYTES:
            hidden += sum(map(len, value)) if field.is_repeated else len(value)
            message.ClearField(field.name)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            inside: Any = field.message_type
            if inside.GetOptions().map_entry:
                message.ClearField(field.name)
                continue
            for one in value if field.is_repeated else [value]:
                hidden += _without_bytes(one)
    return hidden
