"""Recorded bytes of events: what was written yesterday must read the same tomorrow.

Each file of `golden/` holds one fully filled event: its bytes, and what they say. An event that
gets a new field gets another file beside the old ones, which stay as they are.

    python -m tests.contract.golden        writes what is missing, and never writes over a file
"""

import json
from pathlib import Path
from typing import Any

from google.protobuf import any_pb2, json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from harbourlight.reporting.v1 import events_pb2 as reporting
from shared import contract
from shared.contract import EventType
from tests.contract import everything

FOLDER = Path(__file__).parent / "golden"


def files(event: EventType) -> list[Path]:
    """The recordings of this event, oldest first."""
    numbers = (path.name.split(".")[-2] for path in FOLDER.glob(f"{event.name}.*.json"))
    return [_file(event, number) for number in sorted(map(int, numbers))]


def _file(event: EventType, number: int) -> Path:
    return FOLDER / f"{event.name}.{number}.json"


def said(message: Message) -> dict[str, Any]:
    """What a message says, field by field."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def filled(descriptor: Descriptor) -> Message:
    """A message with a value in every field, at every depth; lists hold two."""
    message = contract.message_class(descriptor)()
    if isinstance(message, Timestamp):
        message.FromJsonString("2026-03-04T05:06:07.089012Z")
    elif isinstance(message, any_pb2.Any):
        message.Pack(reporting.MarkerLapsed(handle="inside"))
    else:
        for field in descriptor.fields:
            if field.is_repeated:
                getattr(message, field.name).extend([_value(field, 1), _value(field, 2)])
            elif field.message_type:
                getattr(message, field.name).CopyFrom(_value(field, 1))
            else:
                setattr(message, field.name, _value(field, 1))
    return message


def _value(field: FieldDescriptor, place: int) -> Any:
    if field.message_type:
        return filled(field.message_type)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return field.enum_type.values[-place].number
    if field.type == FieldDescriptor.TYPE_STRING:
        return f"{field.name} {place}"
    if field.type == FieldDescriptor.TYPE_BOOL:
        return True
    return field.number * 1000 + place


def gaps(message: Message) -> set[str]:
    """Paths of the fields that hold nothing in this message."""
    found = set()
    present = {field.name: value for field, value in message.ListFields()}
    for field in message.DESCRIPTOR.fields:
        if field.name not in present:
            found.add(field.name)
        elif field.message_type and not field.message_type.full_name.startswith("google."):
            inside = present[field.name] if field.is_repeated else [present[field.name]]
            found |= {f"{field.name}.{gap}" for one in inside for gap in gaps(one)}
    return found


def decoded(event: EventType, recording: Path) -> Message:
    """The message that the recorded bytes are to this version."""
    return event.message.FromString(bytes.fromhex(json.loads(recording.read_text())["bytes"]))


def unrecorded(event: EventType) -> set[str]:
    """Paths of the fields that the newest recording of this event does not hold."""
    recordings = files(event)
    return gaps(decoded(event, recordings[-1]) if recordings else event.message())


def main() -> None:
    """Writes the recordings that are missing."""
    for event in everything.EVENTS:
        if unrecorded(event):
            message = filled(event.message.DESCRIPTOR)
            data = message.SerializeToString(deterministic=True).hex()
            path = _file(event, len(files(event)) + 1)
            with path.open("x", encoding="utf-8") as file:
                json.dump({"bytes": data, "says": said(message)}, file, indent=2)
                file.write("\n")
            print(f"wrote {path}")


if __name__ == "__main__":
    main()
