"""Whoever may agree to the erasure of a case: its desk, and a custodian."""

from harbourlight.connection import new_request_id
from harbourlight.party import Party
from harbourlight.reporting.v1 import content_pb2 as pb


class Eraser(Party):
    """Base of those who do."""

    async def erase_case(
        self, handle: str, reason: pb.ErasureReason, *, request_id: str | None = None
    ) -> pb.EraseCaseResponse:
        """Agrees to erase a case; where the other party has agreed for the same reason, or its
        retention review is due, the case is erased for good.
        """
        request = pb.EraseCaseRequest(
            request_id=request_id or new_request_id(), handle=handle, reason=reason
        )
        return await self._connection.call(request, pb.EraseCaseResponse)
