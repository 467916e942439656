"""The reporting service's gRPC methods: translate and hand over."""

from collections.abc import AsyncIterator

from harbourlight.reporting.v1 import content_pb2 as content
from harbourlight.reporting.v1 import content_pb2_grpc, reporting_pb2_grpc
from harbourlight.reporting.v1 import reporting_pb2 as pb
from services.reporting.contents import Contents
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


class ContentApi(content_pb2_grpc.ContentServiceServicer):
    """What is sealed in cases, and the dialogue."""

    def __init__(self, contents: Contents, wakeups: Wakeups) -> None:
        self._contents = contents
        self._wakeups = wakeups

    async def GetSealedReport(
        self, request: content.GetSealedReportRequest, call: Call
    ) -> content.GetSealedReportResponse:
        return await self._contents.report(call, request.handle)

    async def SendMessage(self, request: content.SendMessageRequest, call: Call) -> bytes:
        return await self._contents.send(call, request)

    async def ListMessages(
        self, request: content.ListMessagesRequest, call: Call
    ) -> content.ListMessagesResponse:
        return await self._contents.page(call, request)

    async def WatchMessages(
        self, request: content.WatchMessagesRequest, call: Call
    ) -> AsyncIterator[content.WatchMessagesResponse]:
        after = request.after_place

        async def look() -> content.WatchMessagesResponse | None:
            nonlocal after
            messages, _ = await self._contents.messages(call, request.handle, after)
            if not messages:
                return None
            after = messages[-1].place
            return content.WatchMessagesResponse(messages=messages)

        async for response in changes(call, self._wakeups, look):
            yield response

    async def ResealCase(self, request: content.ResealCaseRequest, call: Call) -> bytes:
        return await self._contents.reseal(call, request)

    async def ConfirmReseal(self, request: content.ConfirmResealRequest, call: Call) -> bytes:
        return await self._contents.confirm(call, request)

    async def EraseCase(self, request: content.EraseCaseRequest, call: Call) -> bytes:
        return await self._contents.erase(call, request)
