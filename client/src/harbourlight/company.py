"""A company that came forward, as the holder of one case."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from google.protobuf.message import Message

from harbourlight import lodging
from harbourlight.connection import PATIENCE, new_request_id
from harbourlight.effort import OnWork, no_word
from harbourlight.endpoints import Endpoints
from harbourlight.errors import Untrusted
from harbourlight.exhibits import Exhibitor
from harbourlight.keys.memory import Memory
from harbourlight.lodging import Lodged
from harbourlight.notification.v1 import notification_pb2 as notification
from harbourlight.proofs.challenges import Opening
from harbourlight.receiptfolder import ReceiptFolder
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.reporter import Before
from harbourlight.reporting.v1 import content_pb2
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.signing import CaseKey
from harbourlight.types.v1 import sealed_pb2
from harbourlight.types.v1 import types_pb2 as types

R = TypeVar("R", bound=Message)


class Company(Exhibitor):
    """Reports, follows its case and owes remedy. It has no account: it holds the case key.

    Where many come forward at once, the platform asks for a proof of work, which is solved here;
    `on_work` is told, from another thread, (pieces done, pieces in all, bits).
    """

    def __init__(
        self,
        endpoints: Endpoints,
        key: CaseKey,
        *,
        receipts: ReceiptFolder | None = None,
        memory: Memory | None = None,
        patience: float = PATIENCE,
        on_work: OnWork = no_word,
    ) -> None:
        """Receipts are checked, and kept in the folder `receipts` before a method returns.

        `memory` is what was seen of the key directory before.
        """
        super().__init__(endpoints, key, memory=memory, patience=patience, on_work=on_work)
        self._receipts = receipts
        promisers = endpoints.promisers("reporting")
        self._checker = lodging.Checker(endpoints.origin, key.handle, promisers)

    async def place_marker(
        self,
        *,
        country: str,
        sector: str,
        exploitation_type: types.ExploitationType,
        request_id: str | None = None,
    ) -> reporting.PlaceMarkerResponse:
        """Fixes the time of coming forward before the report is complete."""
        request = reporting.PlaceMarkerRequest(
            request_id=request_id or new_request_id(),
            handle=self.handle,
            country=country,
            sector=sector,
            exploitation_type=exploitation_type,
        )
        return await self._lodge(request, reporting.PlaceMarkerResponse)

    async def perfect_marker(
        self,
        facts: types.ReportFacts,
        *,
        identity: sealed.Identity | None = None,
        content: sealed.Content | None = None,
        before: Before | None = None,
        etag: str = "",
        request_id: str | None = None,
    ) -> reporting.PerfectMarkerResponse:
        """Completes the marked case with its report, before the marker lapses.

        What is sealed goes as in `submit_report`.
        """
        request = reporting.PerfectMarkerRequest(
            request_id=request_id or new_request_id(), handle=self.handle, etag=etag, facts=facts
        )
        await self._seal_report(request, identity, content, before)
        return await self._lodge(request, reporting.PerfectMarkerResponse)

    async def submit_report(
        self,
        facts: types.ReportFacts,
        *,
        identity: sealed.Identity | None = None,
        content: sealed.Content | None = None,
        before: Before | None = None,
        request_id: str | None = None,
    ) -> reporting.SubmitReportResponse:
        """Lodges a report at once, without a marker.

        Who reports is sealed to desk and custodian together, what is reported to the desk. `before`
        is what `look_before` said; without it, it is looked for now and its warnings are not told.
        Raises Untrusted where there is nobody to seal to whose keys this client can believe.
        """
        request = reporting.SubmitReportRequest(
            request_id=request_id or new_request_id(), handle=self.handle, facts=facts
        )
        await self._seal_report(request, identity, content, before)
        return await self._lodge(request, reporting.SubmitReportResponse)

    async def amend_report(
        self,
        facts: types.ReportFacts,
        *,
        identity: sealed.Identity | None = None,
        content: sealed.Content | None = None,
        etag: str = "",
        request_id: str | None = None,
    ) -> reporting.AmendReportResponse:
        """Replaces the facts of the filed report, and what is sealed where that is given.

        It is sealed to the desk that has the case now.
        """
        request = reporting.AmendReportRequest(
            request_id=request_id or new_request_id(), handle=self.handle, etag=etag, facts=facts
        )
        await self._seal_amendment(request, identity, content)
        return await self._lodge(request, reporting.AmendReportResponse)

    async def send_message(
        self,
        text: str,
        *,
        purpose: content_pb2.MessagePurpose = content_pb2.MESSAGE_PURPOSE_OTHER,
        in_reply_to: bytes = b"",
        request_id: str | None = None,
    ) -> content_pb2.SendMessageResponse:
        """Writes to the desk that has the case now; `in_reply_to` is a letter's digest.

        Raises Stale where something was written meanwhile: read it and write again.
        """
        request = await self._message(text, purpose, in_reply_to)
        request.request_id = request_id or new_request_id()
        return await self._lodge(request, content_pb2.SendMessageResponse)

    async def withdraw_report(
        self,
        reason: reporting.WithdrawalReason,
        *,
        etag: str = "",
        request_id: str | None = None,
    ) -> reporting.WithdrawReportResponse:
        """Withdraws the marker or the report. What was done about it stays on record."""
        request = reporting.WithdrawReportRequest(
            request_id=request_id or new_request_id(), handle=self.handle, etag=etag, reason=reason
        )
        return await self._lodge(request, reporting.WithdrawReportResponse)

    async def _lodge(self, request: Any, response: type[R]) -> R:
        """Asks for a receipt too, and keeps it. Raises Untrusted where it does not hold."""
        request.receipt_nonce = self._key.receipt_nonce(request.request_id)
        answer: Any = await self._connection.call(request, response)
        if answer.HasField("receipt"):
            sent = request.SerializeToString()
            opening = lodging.opening_of(request.receipt_nonce, self._key, sent)
            self._keep(answer.receipt, opening, request.DESCRIPTOR.name, sent)
        return cast(R, answer)

    def _keep(
        self,
        given: sealed_pb2.Receipt,
        opening: Opening,
        name: str = "",
        request: bytes | None = None,
    ) -> Lodged:
        try:
            lodged = self._checker.check(given, opening, datetime.now(UTC), name)
        except Untrusted as error:
            raise Untrusted(
                f"it was taken in, but {error}. Do not rely on it: ask who runs the installation, "
                "and show them this"
            ) from None
        if self._receipts:
            self._receipts.keep(replace(lodged, request=request))
        return lodged

    async def list_receipts(
        self, *, page_size: int = 0, page_token: str = ""
    ) -> reporting.ListReceiptsResponse:
        """One page of the receipts of everything that was lodged in the case, oldest first."""
        request = reporting.ListReceiptsRequest(
            handle=self.handle, page_size=page_size, page_token=page_token
        )
        return await self._connection.call(request, reporting.ListReceiptsResponse)

    async def restore_receipts(self) -> list[Lodged]:
        """All of them, checked and kept: the key of the case is enough to have them again.

        Raises Untrusted where one is not of a request that this key signed.
        """
        found = []
        request = reporting.ListReceiptsRequest(handle=self.handle)
        async for page in self._connection.pages(request, reporting.ListReceiptsResponse):
            for one in page.receipts:
                opening = Opening(one.nonce, self._key.public_bytes, one.request_hash)
                found.append(self._keep(one.receipt, opening))
        return found

    async def get_case(self) -> reporting.GetCaseResponse:
        """The case now."""
        request = reporting.GetCaseRequest(handle=self.handle)
        return await self._connection.call(request, reporting.GetCaseResponse)

    def watch_case(self) -> AsyncGenerator[reporting.Case, None]:
        """The case now, and again after every change."""
        request = reporting.WatchCaseRequest(handle=self.handle)
        return self._connection.watch_changes(
            request, reporting.WatchCaseResponse, lambda it: [it.case], lambda case: case.handle
        )

    async def list_notices(
        self, *, page_size: int = 0, page_token: str = ""
    ) -> notification.ListNoticesResponse:
        """One page of the case's notices, oldest first."""
        request = notification.ListNoticesRequest(
            handle=self.handle, page_size=page_size, page_token=page_token
        )
        return await self._connection.call(request, notification.ListNoticesResponse)

    async def watch_notices(
        self, *, after_number: int = 0
    ) -> AsyncGenerator[notification.Notice, None]:
        """The notices after a number, each once, then each new one."""
        last = after_number

        def request() -> notification.WatchNoticesRequest:
            return notification.WatchNoticesRequest(handle=self.handle, after_number=last)

        watch = self._connection.watch(request, notification.WatchNoticesResponse)
        async with aclosing(watch) as answers:
            async for answer in answers:
                for notice in answer.notices:
                    last = notice.number
                    yield notice

    async def propose_plan(
        self,
        items: Iterable[remedy.ItemProposal],
        *,
        etag: str = "",
        request_id: str | None = None,
    ) -> remedy.ProposePlanResponse:
        """Proposes remedy items: replaces those still PLANNED, leaves the others."""
        request = remedy.ProposePlanRequest(
            request_id=request_id or new_request_id(), handle=self.handle, etag=etag, items=items
        )
        return await self._connection.call(request, remedy.ProposePlanResponse)

    async def record_progress(
        self,
        item_id: str,
        state: types.RemedyItemState,
        *,
        etag: str = "",
        request_id: str | None = None,
    ) -> remedy.RecordProgressResponse:
        """Says that an item is IN_PROGRESS or DELIVERED."""
        request = remedy.RecordProgressRequest(
            request_id=request_id or new_request_id(),
            handle=self.handle,
            etag=etag,
            item_id=item_id,
            state=state,
        )
        return await self._connection.call(request, remedy.RecordProgressResponse)

    async def get_remedy(self) -> remedy.GetRemedyResponse:
        """The remedy of the case now."""
        request = remedy.GetRemedyRequest(handle=self.handle)
        return await self._connection.call(request, remedy.GetRemedyResponse)

    def watch_remedy(self) -> AsyncGenerator[remedy.Remedy, None]:
        """The remedy now, and again after every change."""
        request = remedy.WatchRemedyRequest(handle=self.handle)
        return self._connection.watch_changes(
            request, remedy.WatchRemedyResponse, lambda it: [it.remedy], lambda plan: plan.handle
        )
