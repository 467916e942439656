"""Calls to a running service as a company makes them, byte by byte."""

from typing import Any
from uuid import uuid4

import grpc

from harbourlight import CaseKey
from harbourlight.reporting.v1 import reporting_pb2 as pb
from harbourlight.types.v1 import types_pb2 as types
from tests.integration.installation import ORIGIN

SERVICE = "/harbourlight.reporting.v1.ReportingService/"
Metadata = tuple[tuple[str, str], ...]


def facts(**changes: Any) -> types.ReportFacts:
    """Facts that are valid, but for the changes."""
    values = {
        "country": "MY",
        "sector": "ISIC_C",
        "exploitation_type": types.EXPLOITATION_TYPE_FORCED_LABOUR,
        "child_involved": types.CHILD_INVOLVEMENT_NO,
        "indicators": ["DEBT_BONDAGE"],
    }
    return types.ReportFacts(**{**values, **changes})


def report(key: CaseKey, **changes: Any) -> pb.SubmitReportRequest:
    """A valid report of the key's case, but for the changes."""
    values = {"request_id": str(uuid4()), "handle": key.handle, "facts": facts()}
    return pb.SubmitReportRequest(**{**values, **changes})


def marker(key: CaseKey, **changes: Any) -> pb.PlaceMarkerRequest:
    """A valid marker of the key's case, but for the changes."""
    values = {
        "request_id": str(uuid4()),
        "handle": key.handle,
        "country": "MY",
        "sector": "ISIC_C",
        "exploitation_type": types.EXPLOITATION_TYPE_FORCED_LABOUR,
    }
    return pb.PlaceMarkerRequest(**{**values, **changes})


def signature(key: CaseKey, method: str, request: bytes) -> Metadata:
    """What the key's holder sends along."""
    return key.sign_call(ORIGIN, SERVICE + method, request)


async def send(channel: grpc.aio.Channel, method: str, request: bytes, metadata: Metadata) -> bytes:
    """The exact bytes of the answer. Raises grpc.aio.AioRpcError."""
    call = channel.unary_unary(SERVICE + method)
    return bytes(await call(request, metadata=metadata, timeout=30))


async def refusal(
    channel: grpc.aio.Channel, method: str, request: bytes, metadata: Metadata
) -> grpc.StatusCode:
    """The status of a call that is not accepted."""
    try:
        answer = await send(channel, method, request, metadata)
    except grpc.aio.AioRpcError as error:
        return error.code()
    raise AssertionError(f"{method} was accepted: {answer!r}")
