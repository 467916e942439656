"""The triage service's gRPC methods: translate and hand over."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from harbourlight.triage.v1 import triage_pb2 as pb
from harbourlight.triage.v1 import triage_pb2_grpc, unsealing_pb2_grpc
from harbourlight.triage.v1 import unsealing_pb2 as unsealing
from services.triage.handlers import Handlers
from services.triage.queue import Queue
from services.triage.unsealing import Unsealings
from shared.commands import Call
from shared.wakeups import Wakeups
from shared.watching import changes


class TriageApi(triage_pb2_grpc.TriageServiceServicer):
    """Authorities' side of the network."""

    def __init__(self, handlers: Handlers, queue: Queue, wakeups: Wakeups) -> None:
        self._handlers = handlers
        self._queue = queue
        self._wakeups = wakeups

    async def ListQueue(self, request: pb.ListQueueRequest, call: Call) -> pb.ListQueueResponse:
        return await self._queue.page(call, request)

    async def GetReferral(
        self, request: pb.GetReferralRequest, call: Call
    ) -> pb.GetReferralResponse:
        referral = await self._queue.get(call, request.referral_id)
        return pb.GetReferralResponse(referral=referral)

    async def AcceptReferral(self, request: pb.AcceptReferralRequest, call: Call) -> bytes:
        return await self._handlers.accept(call, request)

    async def RejectReferral(self, request: pb.RejectReferralRequest, call: Call) -> bytes:
        return await self._handlers.reject(call, request)

    async def RequestInformation(self, request: pb.RequestInformationRequest, call: Call) -> bytes:
        return await self._handlers.request_information(call, request)

    async def RecordProgress(self, request: pb.RecordProgressRequest, call: Call) -> bytes:
        return await self._handlers.record_progress(call, request)

    async def CompleteReferral(self, request: pb.CompleteReferralRequest, call: Call) -> bytes:
        return await self._handlers.complete(call, request)

    async def DecideProtection(self, request: pb.DecideProtectionRequest, call: Call) -> bytes:
        return await self._handlers.decide_protection(call, request)

    async def TransferReferral(self, request: pb.TransferReferralRequest, call: Call) -> bytes:
        return await self._handlers.transfer(call, request)

    async def RecuseOfficer(self, request: pb.RecuseOfficerRequest, call: Call) -> bytes:
        return await self._handlers.recuse(call, request)

    async def ReleaseFacts(self, request: pb.ReleaseFactsRequest, call: Call) -> bytes:
        return await self._handlers.release_facts(call, request)

    async def WatchQueue(
        self, request: pb.WatchQueueRequest, call: Call
    ) -> AsyncIterator[pb.WatchQueueResponse]:
        async with aclosing(self._queue.watch(call, request.filter)) as pages:

            async def look() -> pb.WatchQueueResponse | None:
                page = await anext(pages)
                return None if page is None else pb.WatchQueueResponse(referrals=page)

            async for response in changes(call, self._wakeups, look):
                yield response


class UnsealingApi(unsealing_pb2_grpc.UnsealingServiceServicer):
    """Desks ask for identities, custodians answer."""

    def __init__(self, unsealings: Unsealings) -> None:
        self._unsealings = unsealings

    async def RequestUnsealing(
        self, request: unsealing.RequestUnsealingRequest, call: Call
    ) -> bytes:
        return await self._unsealings.request(call, request)

    async def GetUnsealing(
        self, request: unsealing.GetUnsealingRequest, call: Call
    ) -> unsealing.GetUnsealingResponse:
        record = await self._unsealings.get(call, request.unsealing_id)
        return unsealing.GetUnsealingResponse(record=record)

    async def ListMyUnsealings(
        self, request: unsealing.ListMyUnsealingsRequest, call: Call
    ) -> unsealing.ListMyUnsealingsResponse:
        return await self._unsealings.list_of_desks(call, request)

    async def ListUnsealings(
        self, request: unsealing.ListUnsealingsRequest, call: Call
    ) -> unsealing.ListUnsealingsResponse:
        return await self._unsealings.list_waiting(call, request)

    async def GrantUnsealing(self, request: unsealing.GrantUnsealingRequest, call: Call) -> bytes:
        return await self._unsealings.grant(call, request)

    async def RefuseUnsealing(self, request: unsealing.RefuseUnsealingRequest, call: Call) -> bytes:
        return await self._unsealings.refuse(call, request)
