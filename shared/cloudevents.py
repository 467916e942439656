"""Events on Kafka: CloudEvents 1.0 in binary mode, the value is the plain protobuf event."""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote, unquote_to_bytes

from google.protobuf.message import DecodeError, Message

from shared import contract

Headers = list[tuple[str, bytes]]

CONTENT_TYPE = "application/protobuf"
COMMITMENT_BYTES = 32
"""A commitment is a SHA-256."""
_PLAIN = " /:+,;='()[]{}"
_READ = {
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_time",
    "ce_subject",
    "ce_sequence",
    "ce_stream",
    "ce_commitment",
    "traceparent",
}
_SEQUENCE = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event as it was read from a topic."""

    stream: str
    """Line that the sequence counts on: the topic, or the source topic of a routed event."""
    subject: str
    sequence: int
    id: str
    type: str
    source: str
    time: datetime
    traceparent: str | None
    event: Message | None
    """None where the type is not in this version's contract, or `error` is set."""
    error: str | None
    """Why the value could not be decoded."""
    topic: str
    value: bytes
    headers: Headers
    commitment: bytes | None = None
    """What the ledger shall hold of it: the SHA-256 of a receipt text."""


class Undecodable(Exception):
    """The record is no event: its headers do not say what it is."""


def headers(
    *,
    event_id: str,
    source: str,
    event_type: str,
    subject: str,
    sequence: int,
    time: datetime,
    causation_id: str | None = None,
    traceparent: str | None = None,
    stream: str | None = None,
    commitment: bytes | None = None,
) -> Headers:
    """The headers of a record. `stream` is given only where it differs from the topic."""
    found = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_type", event_type.encode()),
        ("ce_source", source.encode()),
        ("ce_time", time.isoformat(timespec="microseconds").replace("+00:00", "Z").encode()),
        ("ce_subject", subject.encode()),
        ("ce_sequence", b"%d" % sequence),
        ("content-type", CONTENT_TYPE.encode()),
    ]
    if causation_id:
        found.append(("ce_causationid", causation_id.encode()))
    if traceparent:
        found.append(("traceparent", traceparent.encode()))
    if stream:
        found.append(("ce_stream", stream.encode()))
    if commitment is not None:
        found.append(("ce_commitment", base64.b64encode(commitment)))
    return found


def to_json(raw: Headers) -> str:
    """Headers of any record as a database keeps them: quoted, since they may hold any byte."""
    return json.dumps([[quote(name, _PLAIN), quote(text or b"", _PLAIN)] for name, text in raw])


def from_json(text: str) -> Headers:
    """The reverse of `to_json`."""
    return [(unquote(name), unquote_to_bytes(value)) for name, value in json.loads(text)]


def decode(topic: str, value: bytes | None, raw: Sequence[tuple[str, bytes]]) -> Incoming:
    """The event in a record. Raises Undecodable where its headers are not an event's."""
    found: dict[str, str] = {}
    try:
        for name, text in raw:
            if name in _READ:
                found[name] = text.decode()
        subject, kind = found["ce_subject"], found["ce_type"]
        sequence = int(found["ce_sequence"]) if _SEQUENCE.fullmatch(found["ce_sequence"]) else 0
        time = datetime.fromisoformat(found["ce_time"])
        event_id, source = found["ce_id"], found["ce_source"]
        commitment = _commitment(found.get("ce_commitment"))
    except (KeyError, ValueError, AttributeError) as error:
        raise Undecodable(f"not the headers of an event: {error!r}") from error
    if not subject or not 1 <= sequence < 2**63 or time.tzinfo is None or value is None:
        raise Undecodable("not an event: subject, sequence, time zone or value is missing")
    # Databases refuse some control characters, and nothing that we send has any.
    if not all(text.isprintable() for text in found.values()):
        raise Undecodable("not the headers of an event: one holds a control character")
    event, error_text = None, None
    if known := contract.event_type(kind):
        event = known.message()
        try:
            event.ParseFromString(value)
        except DecodeError as error:
            event, error_text = None, f"the value is not a {kind}: {error}"
    return Incoming(
        stream=found.get("ce_stream", topic),
        subject=subject,
        sequence=sequence,
        id=event_id,
        type=kind,
        source=source,
        time=time,
        traceparent=found.get("traceparent"),
        event=event,
        error=error_text,
        topic=topic,
        value=value,
        headers=list(raw),
        commitment=commitment,
    )


def _commitment(text: str | None) -> bytes | None:
    """Raises ValueError where it is none: left out, a promise would be broken silently."""
    if text is None:
        return None
    found = base64.b64decode(text, validate=True)
    if len(found) != COMMITMENT_BYTES or base64.b64encode(found).decode() != text:
        raise ValueError(f"ce_commitment is not the base64 of {COMMITMENT_BYTES} bytes")
    return found
