"""Reports of fresh cases: as signed calls, and as the events that follow from them."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from harbourlight import handle
from harbourlight.reporting.v1 import events_pb2, reporting_pb2
from harbourlight.signing import CaseKey
from harbourlight.types.v1 import types_pb2 as types

SUBMIT = "/harbourlight.reporting.v1.ReportingService/SubmitReport"
FILED = "reporting.events.v1"
# As a call's span leaves it: what is sent is as long as what is sent in earnest.
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

_COUNTRIES = ("MY", "TH", "IT", "BR")
_INDICATORS = (types.INDICATOR_DEBT_BONDAGE, types.INDICATOR_RESTRICTION_OF_MOVEMENT)


@dataclass(frozen=True)
class SignedCall:
    """A request and the metadata that was signed with it."""

    handle: str
    request: bytes
    metadata: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Event:
    """A filed report as its topic carries it."""

    handle: str
    value: bytes
    headers: list[tuple[str, bytes]]


def _facts(number: int) -> types.ReportFacts:
    return types.ReportFacts(
        country=_COUNTRIES[number % len(_COUNTRIES)],
        sector="ISIC_C",
        exploitation_type=types.EXPLOITATION_TYPE_FORCED_LABOUR,
        child_involved=types.CHILD_INVOLVEMENT_NO,
        indicators=["DEBT_BONDAGE", "RESTRICTION_OF_MOVEMENT"],
        money_trail=True,
    )


def signed_calls(origin: str, count: int) -> list[SignedCall]:
    """Calls of SubmitReport, each of a case of its own; the signatures hold for two minutes."""
    found = []
    for number in range(count):
        key = CaseKey.generate()
        request = reporting_pb2.SubmitReportRequest(
            request_id=str(uuid.uuid4()),
            handle=key.handle,
            facts=_facts(number),
            receipt_nonce=os.urandom(32),
        ).SerializeToString()
        found.append(SignedCall(key.handle, request, key.sign_call(origin, SUBMIT, request)))
    return found


def filed(count: int) -> Iterator[events_pb2.ReportFiled]:
    """Events, each of a case of its own."""
    now = datetime.now(UTC)
    came_forward_at = Timestamp(seconds=int(now.timestamp()), nanos=now.microsecond * 1000)
    for number in range(count):
        yield events_pb2.ReportFiled(
            handle=handle.derive(uuid.uuid4().bytes),
            facts=_facts(number),
            ilo_indicators=_INDICATORS,
            desk="LABOUR_INSPECTORATE",
            routing_version="routing/2026-1",
            came_forward_at=came_forward_at,
        )


def events(count: int) -> list[Event]:
    """The same as records."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z").encode()
    return [
        Event(
            event.handle,
            event.SerializeToString(),
            [
                ("ce_specversion", b"1.0"),
                ("ce_id", str(uuid.uuid4()).encode()),
                ("ce_type", event.DESCRIPTOR.full_name.encode()),
                ("ce_source", b"/services/reporting"),
                ("ce_time", now),
                ("ce_subject", event.handle.encode()),
                ("ce_sequence", b"1"),
                ("content-type", b"application/protobuf"),
                ("traceparent", TRACEPARENT.encode()),
            ],
        )
        for event in filed(count)
    ]


def producer_options() -> dict[str, Any]:
    """Settings of a bare producer: those of `shared.kafka.Producer`."""
    return {
        "enable_idempotence": True,
        "acks": "all",
        "max_in_flight_requests_per_connection": 1,
        "batch_size": 256 * 1024,
        "linger_ms": 0,
    }
