"""gRPC methods about files: hand over."""

from collections.abc import AsyncIterator

from harbourlight.reporting.v1 import evidence_pb2 as pb
from harbourlight.reporting.v1 import evidence_pb2_grpc
from services.reporting.evidence.handlers import Evidences
from shared.commands import Call


class EvidenceApi(evidence_pb2_grpc.EvidenceServiceServicer):
    """Files of a case, in and out."""

    def __init__(self, evidences: Evidences) -> None:
        self._evidences = evidences

    async def AddEvidence(
        self, request_iterator: AsyncIterator[pb.AddEvidenceRequest], call: Call
    ) -> bytes:
        return await self._evidences.add(call, await anext(request_iterator), request_iterator)

    async def ListEvidence(
        self, request: pb.ListEvidenceRequest, call: Call
    ) -> pb.ListEvidenceResponse:
        return await self._evidences.page(call, request)

    async def GetEvidence(
        self, request: pb.GetEvidenceRequest, call: Call
    ) -> AsyncIterator[pb.GetEvidenceResponse]:
        async for response in self._evidences.read(call, request):
            yield response
