"""What an officer does to learn who reports."""

import hashlib
from pathlib import Path

from harbourlight import unsealing
from harbourlight.connection import new_request_id
from harbourlight.custody import asking, opening
from harbourlight.custody.asking import OneTimeFile
from harbourlight.errors import CannotOpen, Error, Unavailable, Untrusted
from harbourlight.keyed import Keyed
from harbourlight.keys.entries import Kind
from harbourlight.proofs.receipts import BadReceipt, ReceiptText, derive_salt
from harbourlight.reporting.v1 import content_pb2 as content
from harbourlight.sealed.v1 import sealed_pb2 as plain
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.triage.v1 import unsealing_pb2 as pb
from harbourlight.types.v1 import sealed_pb2 as types


class Asker(Keyed):
    """An officer as one who asks custodians; its keys are the officer's and the desk's."""

    async def request_unsealing(
        self,
        referral_id: str,
        legal_basis: pb.LegalBasis,
        reason: str,
        one_time: Path,
        *,
        etag: str = "",
        request_id: str | None = None,
    ) -> pb.RequestUnsealingResponse:
        """Asks both custodians to release their half of the key to who reports.

        `reason` is for the custodians alone. The one-time key is made in the file `one_time`, which
        stays here until the identity has been read. The company is told of every step. Raises
        Untrusted where the identity is sealed to nobody this client knows as a custodian, or the
        receipt is not of this request.
        """
        answer = await self._connection.call(
            triage.GetReferralRequest(referral_id=referral_id), triage.GetReferralResponse
        )
        referral = answer.referral
        directory = await self._read_directory()
        officer = self._own(Kind.OFFICER, directory)
        case = asking.Case(
            referral.handle,
            referral.referral_id,
            len(referral.unsealings) + 1,
            await self._sealed_identity(referral.handle),
        )
        made = OneTimeFile.create(one_time, case.handle, case.number)
        try:
            brief = asking.prepare(
                case,
                legal_basis=legal_basis,
                reason=reason,
                directory=directory,
                officer=officer,
                one_time=made.key,
            )
            request = pb.RequestUnsealingRequest(
                request_id=request_id or new_request_id(),
                referral_id=referral.referral_id,
                etag=etag,
                brief=brief,
                receipt_nonce=unsealing.receipt_nonce(brief),
            )
            asked = await self._connection.call(request, pb.RequestUnsealingResponse)
        except Unavailable:
            # It may have arrived, and then the key is needed.
            raise
        except (Error, ValueError):
            made.discard()
            raise
        _expect_receipt(asked.receipt, request)
        return asked

    async def list_my_unsealings(
        self, *, handle: str = "", page_size: int = 0, page_token: str = ""
    ) -> pb.ListMyUnsealingsResponse:
        """One page of what the officer's desks asked for, the latest first."""
        request = pb.ListMyUnsealingsRequest(
            handle=handle, page_size=page_size, page_token=page_token
        )
        return await self._connection.call(request, pb.ListMyUnsealingsResponse)

    async def get_unsealing(self, unsealing_id: str) -> pb.GetUnsealingResponse:
        """One request, with what was released or said."""
        request = pb.GetUnsealingRequest(unsealing_id=unsealing_id)
        return await self._connection.call(request, pb.GetUnsealingResponse)

    async def open_identity(self, unsealing_id: str, one_time: Path) -> plain.Identity:
        """Who reports, opened here, with the half that a custodian released.

        Raises CannotOpen and Untrusted.
        """
        record = (await self.get_unsealing(unsealing_id)).record
        key = OneTimeFile.load(one_time).key
        half = opening.open_half(record, key, await self._read_directory())
        sealed = await self._sealed_identity(record.brief.handle)
        desk = self._keys.find(sealed.desk.key_id).opens()
        return opening.open_identity(record.brief, sealed, desk=desk, half=half)

    async def read_remark(self, unsealing_id: str, one_time: Path) -> str:
        """What a custodian said when it refused; empty where it said nothing.

        Raises CannotOpen and Untrusted.
        """
        record = (await self.get_unsealing(unsealing_id)).record
        key = OneTimeFile.load(one_time).key
        return opening.open_remark(record, key, await self._read_directory())

    async def _sealed_identity(self, handle: str) -> types.SealedIdentity:
        answer = await self._connection.call(
            content.GetSealedReportRequest(handle=handle), content.GetSealedReportResponse
        )
        if not answer.HasField("identity"):
            raise CannotOpen(f"the company sealed no identity in case {handle}")
        return answer.identity


def _expect_receipt(given: types.Receipt, request: pb.RequestUnsealingRequest) -> None:
    """Raises Untrusted where the receipt is not of this request: no custodian could believe it."""
    digest = hashlib.sha256(request.SerializeToString()).digest()
    salt = derive_salt(request.receipt_nonce, request.brief.signer, digest)
    try:
        text = ReceiptText.parse(given.text)
    except BadReceipt as error:
        raise Untrusted(f"the request was taken in without a receipt: {error}") from None
    if (text.handle, text.salt) != (request.brief.handle, salt):
        raise Untrusted("the request was taken in, and its receipt is of something else")
