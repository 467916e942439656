"""Refusals as gRPC carries them: code, message, ErrorInfo and field violations (AIP-193)."""

from collections.abc import Sequence

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from shared.errors import Kind, Refusal, Violation

DOMAIN = "harbourlight"
_MOST_BYTES = 3 * 1024
"""A status travels as headers, and a client drops its connection over longer ones."""

CODES = {
    Kind.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.WRONG_STATE: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.STALE: grpc.StatusCode.ABORTED,
    Kind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Kind.REUSED_REQUEST_ID: grpc.StatusCode.ALREADY_EXISTS,
    Kind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Kind.DENIED: grpc.StatusCode.PERMISSION_DENIED,
    Kind.EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.PROOF_OF_WORK_REQUIRED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.STOPPING: grpc.StatusCode.UNAVAILABLE,
    Kind.DATABASE_AWAY: grpc.StatusCode.UNAVAILABLE,
}


def to_status(refusal: Refusal) -> grpc.Status:
    """The refusal as a status to abort a call with."""
    info = error_details_pb2.ErrorInfo(
        reason=refusal.kind.name, domain=DOMAIN, metadata=refusal.metadata
    )
    details: list[Message] = [info]
    if refusal.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(round(refusal.retry_after * 1000))
        details.append(retry)
    if refusal.violations:
        details.append(_bad_request(refusal.violations))
    status = status_pb2.Status(code=CODES[refusal.kind].value[0], message=refusal.message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    found: grpc.Status = rpc_status.to_status(status)
    return found


def _bad_request(violations: Sequence[Violation]) -> error_details_pb2.BadRequest:
    bad = error_details_pb2.BadRequest()
    for place, (field, text) in enumerate(violations):
        if bad.ByteSize() + len(field.encode()) + len(text.encode()) > _MOST_BYTES:
            left = f"faults not listed: {len(violations) - place}"
            bad.field_violations.add(field="(request)", description=left)
            break
        bad.field_violations.add(field=field, description=text)
    return bad
