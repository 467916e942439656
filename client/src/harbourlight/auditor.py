"""Whoever checks the ledger: its logs are open to all."""

from harbourlight.connection import PATIENCE, NoCredential, TokenCredential, new_request_id
from harbourlight.endpoints import Endpoints
from harbourlight.ledger.v1 import ledger_pb2 as ledger
from harbourlight.party import Party


class Ledger(Party):
    """Reads the logs. What it returns is checked by `harbourlight.proofs`, and not believed.

    Nothing says who asks, but for an operator, whose `token` may publish.
    """

    def __init__(
        self, endpoints: Endpoints, token: str = "", *, patience: float = PATIENCE
    ) -> None:
        credential = TokenCredential(token) if token else NoCredential()
        super().__init__(endpoints, credential, patience=patience)

    async def get_checkpoint(
        self, log: ledger.Log, *, witnesses: int = 0
    ) -> ledger.GetCheckpointResponse:
        """The newest checkpoint that so many witnesses cosigned."""
        request = ledger.GetCheckpointRequest(log=log, witnesses=witnesses)
        return await self._connection.call(request, ledger.GetCheckpointResponse)

    async def get_receipt(
        self, commitment: bytes, *, witnesses: int = 0
    ) -> ledger.GetReceiptResponse:
        """The bare proof of a commitment, best under a checkpoint that so many cosigned."""
        request = ledger.GetReceiptRequest(commitment=commitment, witnesses=witnesses)
        return await self._connection.call(request, ledger.GetReceiptResponse)

    async def get_inclusion_proof(
        self, log: ledger.Log, entry: int | bytes, *, tree_size: int = 0
    ) -> ledger.GetInclusionProofResponse:
        """That an entry, given by its index or leaf hash, is in a tree (0: the newest)."""
        request = ledger.GetInclusionProofRequest(log=log, tree_size=tree_size)
        if isinstance(entry, bytes):
            request.leaf_hash = entry
        else:
            request.index = entry
        return await self._connection.call(request, ledger.GetInclusionProofResponse)

    async def get_consistency_proof(
        self, log: ledger.Log, old_size: int, new_size: int = 0
    ) -> ledger.GetConsistencyProofResponse:
        """That a tree (0: the newest) continues an earlier one."""
        request = ledger.GetConsistencyProofRequest(log=log, old_size=old_size, new_size=new_size)
        return await self._connection.call(request, ledger.GetConsistencyProofResponse)

    async def list_entries(
        self, log: ledger.Log, start_index: int = 0, *, page_size: int = 0, page_token: str = ""
    ) -> ledger.ListEntriesResponse:
        """One page of the entries from `start_index` on."""
        request = ledger.ListEntriesRequest(
            log=log, start_index=start_index, page_size=page_size, page_token=page_token
        )
        return await self._connection.call(request, ledger.ListEntriesResponse)

    async def add_cosignature(
        self, log: ledger.Log, checkpoint: str, *, request_id: str | None = None
    ) -> ledger.AddCosignatureResponse:
        """Hands in a checkpoint that a witness has cosigned."""
        request = ledger.AddCosignatureRequest(
            request_id=request_id or new_request_id(), log=log, checkpoint=checkpoint.encode()
        )
        return await self._connection.call(request, ledger.AddCosignatureResponse)

    async def publish_entry(
        self, entry: str, *, request_id: str | None = None
    ) -> ledger.PublishEntryResponse:
        """Appends a signed note to the directory; an operator's to do."""
        request = ledger.PublishEntryRequest(
            request_id=request_id or new_request_id(), entry=entry.encode()
        )
        return await self._connection.call(request, ledger.PublishEntryResponse)
