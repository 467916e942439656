"""What can go wrong, as one tree: catch `Error` for all of it.

Each prints as what was wrong, what was expected and what to do next.
"""

from collections.abc import Mapping
from typing import NamedTuple

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status


class Violation(NamedTuple):
    """One fault of one field of a request."""

    field: str
    """Path within the request, such as facts.country or items[2].due_date."""
    description: str


class Error(Exception):
    """Anything that this package raises on purpose."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        reason: str = "",
        violations: tuple[Violation, ...] = (),
        retry_after: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        """Name of the gRPC status, such as NOT_FOUND; empty for a fault on this machine."""
        self.reason = reason
        """The service's own name for the reason, where it gave one."""
        self.violations = violations
        self.retry_after = retry_after
        """Seconds after which the service asks to be called again, where it said so."""
        self.metadata = dict(metadata or {})
        """What the service said beside the reason, for programs."""

    def __str__(self) -> str:
        return self.message


class BadFile(Error):
    """A file or setting on this machine is missing or cannot be used."""


class CannotOpen(Error):
    """Something sealed does not open: it is for another key, belongs elsewhere, or was changed."""


class Untrusted(Error):
    """A key, signature or table is not vouched for by anybody that this client trusts."""


class InvalidArgument(Error):
    """The request is not valid; `violations` has one entry per fault."""

    def __str__(self) -> str:
        if not self.violations:
            return self.message
        faults = "".join(f"\n  {field}: {fault}" for field, fault in self.violations)
        return f"the request is not valid:{faults}"


class NotFound(Error):
    """Absent, or not the caller's to see: the two are not told apart."""


class AlreadyExists(Error):
    """This request_id was used before, for another request."""


class WrongState(Error):
    """Not allowed in the state that the case, referral or item is in."""


class Stale(Error):
    """Decided on an older version (etag): read again and decide again."""


class Unauthenticated(Error):
    """The call carries no valid signature or token."""


class Denied(Error):
    """The caller's role may not do this."""


class Exhausted(Error):
    """Too many calls; `retry_after` says when to try again, where the service said so."""


class Unavailable(Error):
    """The service did not answer, for as long as the client was told to keep trying."""


_BY_CODE: dict[grpc.StatusCode, type[Error]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.OUT_OF_RANGE: InvalidArgument,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: WrongState,
    grpc.StatusCode.ABORTED: Stale,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: Denied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Exhausted,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: Unavailable,
    # A server that stops cancels what it still has in hand.
    grpc.StatusCode.CANCELLED: Unavailable,
}


def from_rpc(error: grpc.aio.AioRpcError, service: str) -> Error:
    """The error that a failed call to `service` (its name and address) stands for."""
    code, message = error.code(), error.details() or "no reason was given"
    reason, violations, retry_after, metadata = "", [], None, {}
    for detail in _status(error).details:
        info, bad, retry = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
        )
        if detail.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            violations += [Violation(one.field, one.description) for one in bad.field_violations]
        elif detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    kind = _BY_CODE.get(code, Error)
    if kind is Unavailable:
        message = (
            f"{service} does not answer: {message}. "
            "Check that it runs and can be reached from here, or try again later"
        )
    elif kind is Error:
        message = f"{service} failed ({code.name}): {message}"
    return kind(
        message,
        code=code.name,
        reason=reason,
        violations=tuple(violations),
        retry_after=retry_after,
        metadata=metadata,
    )


def _status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    try:
        return rpc_status.from_call(error) or status_pb2.Status()
    except (ValueError, DecodeError):
        return status_pb2.Status()
