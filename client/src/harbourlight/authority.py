"""An officer of a desk: takes cases up, says where they stand, agrees to remedy."""

import secrets
from collections.abc import AsyncGenerator, Iterable

from harbourlight.asker import Asker
from harbourlight.connection import PATIENCE, TokenCredential, new_request_id
from harbourlight.endpoints import Endpoints
from harbourlight.exhibits import ExhibitReader
from harbourlight.keyed import NO_KEYS
from harbourlight.keys.entries import Kind
from harbourlight.keys.files import KeyRing
from harbourlight.keys.memory import Memory
from harbourlight.party import Verifier
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.triage.v1 import transfer_pb2 as transfer
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.types.v1 import types_pb2 as types


class Authority(Asker, ExhibitReader, Verifier):
    """Sees the referrals of the desks and jurisdictions in its token; others are NotFound.

    `keys` are the officer's own and its desk's: what is sealed is opened and written with them.
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

    async def list_queue(
        self,
        queue_filter: triage.QueueFilter | None = None,
        *,
        order: triage.QueueOrder = triage.QUEUE_ORDER_UNSPECIFIED,
        page_size: int = 0,
        page_token: str = "",
    ) -> triage.ListQueueResponse:
        """One page of the queue: P1 first, then the oldest, unless `order` says otherwise."""
        request = triage.ListQueueRequest(
            filter=queue_filter, order=order, page_size=page_size, page_token=page_token
        )
        return await self._connection.call(request, triage.ListQueueResponse)

    def watch_queue(
        self, queue_filter: triage.QueueFilter | None = None
    ) -> AsyncGenerator[triage.Referral, None]:
        """The matching referrals now, then each again after every change."""
        request = triage.WatchQueueRequest(filter=queue_filter)
        return self._connection.watch_changes(
            request, triage.WatchQueueResponse, lambda it: it.referrals, lambda one: one.referral_id
        )

    async def get_referral(self, referral_id: str) -> triage.GetReferralResponse:
        """One referral."""
        request = triage.GetReferralRequest(referral_id=referral_id)
        return await self._connection.call(request, triage.GetReferralResponse)

    async def accept_referral(
        self, referral_id: str, *, etag: str = "", request_id: str | None = None
    ) -> triage.AcceptReferralResponse:
        """Takes the case up."""
        request = triage.AcceptReferralRequest(
            request_id=request_id or new_request_id(), referral_id=referral_id, etag=etag
        )
        return await self._connection.call(request, triage.AcceptReferralResponse)

    async def reject_referral(
        self,
        referral_id: str,
        reason: triage.ReferralReason,
        *,
        etag: str = "",
        request_id: str | None = None,
    ) -> triage.RejectReferralResponse:
        """Does not take the case up, and says why."""
        request = triage.RejectReferralRequest(
            request_id=request_id or new_request_id(),
            referral_id=referral_id,
            etag=etag,
            reason=reason,
        )
        return await self._connection.call(request, triage.RejectReferralResponse)

    async def request_information(
        self,
        referral_id: str,
        topics: Iterable[triage.InformationTopic],
        *,
        etag: str = "",
        request_id: str | None = None,
    ) -> triage.RequestInformationResponse:
        """Asks the company for what the desk lacks; it answers by amending its report."""
        request = triage.RequestInformationRequest(
            request_id=request_id or new_request_id(),
            referral_id=referral_id,
            etag=etag,
            topics=topics,
        )
        return await self._connection.call(request, triage.RequestInformationResponse)

    async def record_progress(
        self,
        referral_id: str,
        state: types.ReferralState,
        *,
        reason: triage.ReferralReason = triage.REFERRAL_REASON_UNSPECIFIED,
        step: triage.ProgressStep = triage.PROGRESS_STEP_UNSPECIFIED,
        etag: str = "",
        request_id: str | None = None,
    ) -> triage.RecordProgressResponse:
        """Starts, resumes (IN_PROGRESS), holds (ON_HOLD) or fails (FAILED) a referral.

        The latter two need a `reason`; `step` is what was done, if anything was.
        """
        request = triage.RecordProgressRequest(
            request_id=request_id or new_request_id(),
            referral_id=referral_id,
            etag=etag,
            state=state,
            reason=reason,
            step=step,
        )
        return await self._connection.call(request, triage.RecordProgressResponse)

    async def complete_referral(
        self,
        referral_id: str,
        outcome: triage.ReferralOutcome,
        *,
        etag: str = "",
        request_id: str | None = None,
    ) -> triage.CompleteReferralResponse:
        """Closes the referral with what was found."""
        request = triage.CompleteReferralRequest(
            request_id=request_id or new_request_id(),
            referral_id=referral_id,
            etag=etag,
            outcome=outcome,
        )
        return await self._connection.call(request, triage.CompleteReferralResponse)

    async def decide_protection(
        self,
        referral_id: str,
        decision: types.ProtectionState,
        *,
        reasons: Iterable[triage.ProtectionReason] = (),
        conditions: Iterable[triage.Condition] = (),
        conditions_met: Iterable[triage.ConditionCode] = (),
        etag: str = "",
        request_id: str | None = None,
    ) -> triage.DecideProtectionResponse:
        """Moves the safe harbour: CONDITIONAL, FINAL, DECLINED or REVOKED.

        DECLINED and REVOKED need `reasons`; `conditions` are new ones, `conditions_met` are those
        that the desk finds met.
        """
        request = triage.DecideProtectionRequest(
            request_id=request_id or new_request_id(),
            referral_id=referral_id,
            etag=etag,
            decision=decision,
            reasons=reasons,
            conditions=conditions,
            conditions_met=conditions_met,
        )
        return await self._connection.call(request, triage.DecideProtectionResponse)

    async def transfer_referral(
        self,
        referral_id: str,
        desk: str,
        reason: transfer.TransferReason,
        *,
        etag: str = "",
        request_id: str | None = None,
    ) -> triage.TransferReferralResponse:
        """Offers the case to another desk, and holds it until that one accepts.

        That desk accepts or rejects it as any referral, under an id of its own.
        """
        request = triage.TransferReferralRequest(
            request_id=request_id or new_request_id(),
            referral_id=referral_id,
            etag=etag,
            desk=desk,
            reason=reason,
        )
        return await self._connection.call(request, triage.TransferReferralResponse)

    async def recuse_officer(
        self, referral_id: str, officer: str = "", *, request_id: str | None = None
    ) -> triage.RecuseOfficerResponse:
        """Takes an officer (the subject of a colleague's token; "" is oneself) off the case."""
        request = triage.RecuseOfficerRequest(
            request_id=request_id or new_request_id(), referral_id=referral_id, officer=officer
        )
        return await self._connection.call(request, triage.RecuseOfficerResponse)

    async def release_facts(
        self,
        referral_id: str,
        *,
        facility_id: str = "",
        people_affected: int = 0,
        etag: str = "",
        request_id: str | None = None,
    ) -> triage.ReleaseFactsResponse:
        """Puts a fact of the sealed report on record, for good.

        With an officer's key among the caller's it is an entry of the ledger, and the receipt is
        bound to that key.
        """
        own = [one.entry for one in self._keys.keys if one.entry.kind is Kind.OFFICER]
        signer = max(own, key=lambda one: one.number).signing if own else b""
        request = triage.ReleaseFactsRequest(
            request_id=request_id or new_request_id(),
            referral_id=referral_id,
            etag=etag,
            facility_id=facility_id,
            people_affected=people_affected,
            signer=signer,
            receipt_nonce=secrets.token_bytes(32) if signer else b"",
        )
        return await self._connection.call(request, triage.ReleaseFactsResponse)

    async def agree_plan(
        self,
        handle: str,
        *,
        verifiers: Iterable[str] = (),
        etag: str = "",
        request_id: str | None = None,
    ) -> remedy.AgreePlanResponse:
        """Agrees to every PLANNED item and names the organisations that may verify."""
        request = remedy.AgreePlanRequest(
            request_id=request_id or new_request_id(),
            handle=handle,
            etag=etag,
            verifiers=verifiers,
        )
        return await self._connection.call(request, remedy.AgreePlanResponse)

    async def cancel_item(
        self, item_id: str, reason: remedy.CancellationReason, *, request_id: str | None = None
    ) -> remedy.CancelItemResponse:
        """Cancels a remedy item, and says why."""
        request = remedy.CancelItemRequest(
            request_id=request_id or new_request_id(), item_id=item_id, reason=reason
        )
        return await self._connection.call(request, remedy.CancelItemResponse)

    async def get_remedy(self, handle: str) -> remedy.GetRemedyResponse:
        """The remedy of a case now."""
        request = remedy.GetRemedyRequest(handle=handle)
        return await self._connection.call(request, remedy.GetRemedyResponse)

    def watch_remedy(self, handle: str) -> AsyncGenerator[remedy.Remedy, None]:
        """The remedy of a case now, and again after every change."""
        request = remedy.WatchRemedyRequest(handle=handle)
        return self._connection.watch_changes(
            request, remedy.WatchRemedyResponse, lambda it: [it.remedy], lambda plan: plan.handle
        )
