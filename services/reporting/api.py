"""The reporting service's gRPC methods: translate and hand over."""

from collections.abc import AsyncIterator

from harbourlight.reporting.v1 import reporting_pb2 as pb
from harbourlight.reporting.v1 import reporting_pb2_grpc
from services.reporting.handlers import Handlers, view
from shared.commands import Call
from shared.errors import not_found
from shared.wakeups import Wakeups
from shared.watching import changes


class ReportingApi(reporting_pb2_grpc.ReportingServiceServicer):
    """Companies' side of the network."""

    def __init__(self, handlers: Handlers, wakeups: Wakeups) -> None:
        self._handlers = handlers
        self._wakeups = wakeups

    async def PlaceMarker(self, request: pb.PlaceMarkerRequest, call: Call) -> bytes:
        return await self._handlers.place_marker(call, request)

    async def PerfectMarker(self, request: pb.PerfectMarkerRequest, call: Call) -> bytes:
        return await self._handlers.perfect_marker(call, request)

    async def SubmitReport(self, request: pb.SubmitReportRequest, call: Call) -> bytes:
        return await self._handlers.submit_report(call, request)

    async def AmendReport(self, request: pb.AmendReportRequest, call: Call) -> bytes:
        return await self._handlers.amend_report(call, request)

    async def WithdrawReport(self, request: pb.WithdrawReportRequest, call: Call) -> bytes:
        return await self._handlers.withdraw_report(call, request)

    async def ListReceipts(
        self, request: pb.ListReceiptsRequest, call: Call
    ) -> pb.ListReceiptsResponse:
        return await self._handlers.list_receipts(call, request)

    async def GetCase(self, request: pb.GetCaseRequest, call: Call) -> pb.GetCaseResponse:
        return pb.GetCaseResponse(case=await self._case(request.handle))

    async def WatchCase(
        self, request: pb.WatchCaseRequest, call: Call
    ) -> AsyncIterator[pb.WatchCaseResponse]:
        etag = ""

        async def look() -> pb.WatchCaseResponse | None:
            nonlocal etag
            case = await self._case(request.handle)
            if case.etag == etag:
                return None
            etag = case.etag
            return pb.WatchCaseResponse(case=case)

        async for response in changes(call, self._wakeups, look):
            yield response

    async def _case(self, handle: str) -> pb.Case:
        stored = await self._handlers.read(handle)
        if stored is None:
            raise not_found("case")
        return view(stored.state, stored.revision)
