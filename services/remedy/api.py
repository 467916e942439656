"""The remedy service's gRPC methods: translate and hand over."""

from collections.abc import AsyncIterator

from harbourlight.remedy.v1 import remedy_pb2 as pb
from harbourlight.remedy.v1 import remedy_pb2_grpc
from services.remedy.handlers import Handlers
from shared.commands import Call
from shared.wakeups import Wakeups
from shared.watching import changes


class RemedyApi(remedy_pb2_grpc.RemedyServiceServicer):
    """Where company, desk and verifiers meet."""

    def __init__(self, handlers: Handlers, wakeups: Wakeups) -> None:
        self._handlers = handlers
        self._wakeups = wakeups

    async def ProposePlan(self, request: pb.ProposePlanRequest, call: Call) -> bytes:
        return await self._handlers.propose_plan(call, request)

    async def AgreePlan(self, request: pb.AgreePlanRequest, call: Call) -> bytes:
        return await self._handlers.agree_plan(call, request)

    async def RecordProgress(self, request: pb.RecordProgressRequest, call: Call) -> bytes:
        return await self._handlers.record_progress(call, request)

    async def VerifyItem(self, request: pb.VerifyItemRequest, call: Call) -> bytes:
        return await self._handlers.verify_item(call, request)

    async def DisputeItem(self, request: pb.DisputeItemRequest, call: Call) -> bytes:
        return await self._handlers.dispute_item(call, request)

    async def CancelItem(self, request: pb.CancelItemRequest, call: Call) -> bytes:
        return await self._handlers.cancel_item(call, request)

    async def GetRemedy(self, request: pb.GetRemedyRequest, call: Call) -> pb.GetRemedyResponse:
        remedy = await self._handlers.read(call.caller, request.handle)
        return pb.GetRemedyResponse(remedy=remedy)

    async def WatchRemedy(
        self, request: pb.WatchRemedyRequest, call: Call
    ) -> AsyncIterator[pb.WatchRemedyResponse]:
        etag = ""

        async def look() -> pb.WatchRemedyResponse | None:
            nonlocal etag
            remedy = await self._handlers.read(call.caller, request.handle)
            if remedy.etag == etag:
                return None
            etag = remedy.etag
            return pb.WatchRemedyResponse(remedy=remedy)

        async for response in changes(call, self._wakeups, look):
            yield response

    async def ListAssignments(
        self, request: pb.ListAssignmentsRequest, call: Call
    ) -> pb.ListAssignmentsResponse:
        return await self._handlers.list_assignments(call, request)
