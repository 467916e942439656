"""A custodian: holds half of the key to each identity, and releases it for a good reason alone."""

import secrets
from datetime import UTC, datetime

from harbourlight.connection import PATIENCE, TokenCredential, new_request_id
from harbourlight.custody import answering
from harbourlight.custody.answering import Checked
from harbourlight.endpoints import Endpoints
from harbourlight.erasing import Eraser
from harbourlight.errors import NotFound
from harbourlight.keyed import NO_KEYS, Keyed
from harbourlight.keys.files import KeyRing
from harbourlight.keys.memory import Memory
from harbourlight.proofs.receipts import BadReceipt, ReceiptText
from harbourlight.triage.v1 import unsealing_pb2 as pb


class Custodian(Eraser, Keyed):
    """Sees the requests that name its organisation; others are NotFound.

    `keys` are the custodian's own: those of its reports' time too, where it has changed them.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        token: str,
        *,
        keys: KeyRing = NO_KEYS,
        memory: Memory | None = None,
        patience: float = PATIENCE,
    ) -> None:
        credential = TokenCredential(token)
        super().__init__(endpoints, credential, keys=keys, memory=memory, patience=patience)

    async def list_unsealings(
        self, *, page_size: int = 0, page_token: str = ""
    ) -> pb.ListUnsealingsResponse:
        """One page of the requests that wait for this custodian, the oldest first."""
        request = pb.ListUnsealingsRequest(page_size=page_size, page_token=page_token)
        return await self._connection.call(request, pb.ListUnsealingsResponse)

    async def get_unsealing(self, unsealing_id: str) -> pb.GetUnsealingResponse:
        """One request, with all that belongs to it."""
        request = pb.GetUnsealingRequest(unsealing_id=unsealing_id)
        return await self._connection.call(request, pb.GetUnsealingResponse)

    async def check_unsealing(self, unsealing_id: str) -> Checked:
        """The request, where it is an officer's of its desk and in the ledger.

        Raises Untrusted, which says what does not hold.
        """
        record = (await self.get_unsealing(unsealing_id)).record
        directory = await self._read_directory()
        policy = self._endpoints.trusted().receipts
        try:
            commitment = ReceiptText.parse(record.receipt.text).commitment
            answer = await self._ledger.get_receipt(commitment, witnesses=policy.quorum)
        except BadReceipt as error:
            raise answering.not_in_ledger(str(error)) from None
        except NotFound:
            raise answering.not_in_ledger(
                "it has no such entry (one that was just made takes up to a minute)"
            ) from None
        return answering.check(
            record, directory=directory, policy=policy, proof=answer.proof, at=datetime.now(UTC)
        )

    def read_reason(self, checked: Checked) -> str:
        """Why the officer asks, in words. Raises CannotOpen, Untrusted."""
        return answering.read_reason(checked, self._keys)

    async def grant_unsealing(
        self, unsealing_id: str, *, unwitnessed: bool = False, request_id: str | None = None
    ) -> pb.GrantUnsealingResponse:
        """Releases the half to the asking officer's one-time key.

        The request is checked first, always: there is no way to release anything for one that does
        not hold. That it is in the ledger is the ledger's word alone until enough of the trusted
        witnesses saw it; `unwitnessed` takes that word. Raises Untrusted, CannotOpen.
        """
        checked = await self.check_unsealing(unsealing_id)
        if not unwitnessed:
            answering.expect_witnessed(checked, self._endpoints.trusted().receipts)
        half, key = answering.release(checked, self._keys)
        request = pb.GrantUnsealingRequest(
            request_id=request_id or new_request_id(),
            unsealing_id=unsealing_id,
            half=half,
            signer=key.entry.signing,
            receipt_nonce=secrets.token_bytes(32),
        )
        return await self._connection.call(request, pb.GrantUnsealingResponse)

    async def refuse_unsealing(
        self,
        unsealing_id: str,
        reason: pb.UnsealingRefusal,
        remark: str = "",
        *,
        request_id: str | None = None,
    ) -> pb.RefuseUnsealingResponse:
        """Keeps the half, and says why; `remark` is for the asking officer alone.

        A request that does not hold can be refused too, but without a remark where no officer
        signed it: Untrusted. Raises CannotOpen where the custodian holds neither of the keys that
        the half is sealed to.
        """
        record = (await self.get_unsealing(unsealing_id)).record
        request = pb.RefuseUnsealingRequest(
            request_id=request_id or new_request_id(),
            unsealing_id=unsealing_id,
            reason=reason,
            signer=answering.own_key(record.brief, self._keys).entry.signing,
            receipt_nonce=secrets.token_bytes(32),
        )
        if remark:
            directory, now = await self._read_directory(), datetime.now(UTC)
            said = answering.remark(record, remark, self._keys, directory=directory, at=now)
            request.remark.CopyFrom(said[0])
        return await self._connection.call(request, pb.RefuseUnsealingResponse)
