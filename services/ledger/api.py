"""The ledger's gRPC methods: translate and hand over."""

from harbourlight.ledger.v1 import ledger_pb2 as pb
from harbourlight.ledger.v1 import ledger_pb2_grpc
from services.ledger.handlers import Handlers
from shared.commands import Call
from shared.signed_tokens import SignedTokens

_DEFAULT_PAGE = 100
_LARGEST_PAGE = {pb.LOG_RECEIPTS: 5_000, pb.LOG_DIRECTORY: 250}
"""So that a page is well below the 4 MiB that a client takes by default."""


class LedgerApi(ledger_pb2_grpc.LedgerServiceServicer):
    """Two logs that anyone can check."""

    def __init__(self, handlers: Handlers, tokens: SignedTokens) -> None:
        self._handlers = handlers
        self._tokens = tokens

    async def GetCheckpoint(
        self, request: pb.GetCheckpointRequest, call: Call
    ) -> pb.GetCheckpointResponse:
        note = await self._handlers.checkpoint(request.log, request.witnesses)
        return pb.GetCheckpointResponse(checkpoint=str(note))

    async def GetReceipt(self, request: pb.GetReceiptRequest, call: Call) -> pb.GetReceiptResponse:
        proof = await self._handlers.receipt(request.commitment, request.witnesses)
        return pb.GetReceiptResponse(proof=str(proof))

    async def GetInclusionProof(
        self, request: pb.GetInclusionProofRequest, call: Call
    ) -> pb.GetInclusionProofResponse:
        by_hash = request.WhichOneof("entry") == "leaf_hash"
        entry = request.leaf_hash if by_hash else request.index
        index, size, hashes = await self._handlers.inclusion(request.log, entry, request.tree_size)
        return pb.GetInclusionProofResponse(index=index, tree_size=size, hashes=hashes)

    async def GetConsistencyProof(
        self, request: pb.GetConsistencyProofRequest, call: Call
    ) -> pb.GetConsistencyProofResponse:
        size, hashes = await self._handlers.consistency(
            request.log, request.old_size, request.new_size
        )
        return pb.GetConsistencyProofResponse(new_size=size, hashes=hashes)

    async def ListEntries(
        self, request: pb.ListEntriesRequest, call: Call
    ) -> pb.ListEntriesResponse:
        scope = f"{call.method}\0{request.log}".encode()
        start = request.start_index
        if request.page_token:
            (start,) = self._tokens.decode(scope, request.page_token, "page_token")
        most = min(request.page_size or _DEFAULT_PAGE, _LARGEST_PAGE[request.log])
        entries, has_more = await self._handlers.entries(request.log, start, most)
        return pb.ListEntriesResponse(
            entries=[pb.Entry(index=index, value=value) for index, value in entries],
            next_page_token=self._tokens.encode(scope, [start + most]) if has_more else "",
        )

    async def AddCosignature(
        self, request: pb.AddCosignatureRequest, call: Call
    ) -> pb.AddCosignatureResponse:
        names = await self._handlers.add_cosignature(request.log, request.checkpoint)
        return pb.AddCosignatureResponse(witnesses=names)

    async def PublishEntry(self, request: pb.PublishEntryRequest, call: Call) -> bytes:
        return await self._handlers.publish(call, request)
