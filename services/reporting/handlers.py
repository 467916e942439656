"""One command or one event, one transaction."""

from datetime import UTC, datetime
from uuid import UUID

from google.protobuf.message import Message

from harbourlight import routing
from harbourlight.reporting.v1 import events_pb2, reporting_pb2
from harbourlight.triage.v1 import events_pb2 as triage
from services.reporting import store
from services.reporting.domain import erasure, report
from services.reporting.domain.model import Case, Facts
from services.reporting.sealing import Sealing, lodged_with
from shared import translate
from shared.cloudevents import Incoming
from shared.commands import Call, Commands, Emitter
from shared.database import Database
from shared.decisions import Decision, NotYet
from shared.receipts import Receipts
from shared.records import Stored
from shared.signed_tokens import SignedTokens

EMITTER = Emitter(events_pb2)
_PAGE, _LARGEST_PAGE = 50, 200


def view(case: Case, revision: int) -> reporting_pb2.Case:
    """The case as its company sees it."""
    message = translate.to_message(case, reporting_pb2.Case)
    message.ClearField("recused")
    message.etag = str(revision)
    return message


def _facts(message: Message) -> Facts:
    return translate.to_dataclass(message, Facts)


class Handlers:
    """The service's commands and queries."""

    def __init__(
        self, database: Database, receipts: Receipts, tokens: SignedTokens, sealing: Sealing
    ) -> None:
        self._database = database
        self._receipts = receipts
        self._tokens = tokens
        self._sealing = sealing
        self._commands = Commands(database, store.CASES, EMITTER, receipts)

    async def place_marker(self, call: Call, request: reporting_pb2.PlaceMarkerRequest) -> bytes:
        """Makes a marked case."""
        exploitation_type = translate.enum_of(request, "exploitation_type")
        return await self._commands.run(
            call,
            request,
            find=(store.BY_HANDLE, request.handle),
            subject=request.handle,
            decide=lambda case, now: report.place_marker(
                case,
                handle=request.handle,
                country=request.country,
                sector=request.sector,
                exploitation_type=exploitation_type,
                now=now,
            ),
            reply=lambda case, n: reporting_pb2.PlaceMarkerResponse(case=view(case, n)),
        )

    async def submit_report(self, call: Call, request: reporting_pb2.SubmitReportRequest) -> bytes:
        """Makes a filed case."""
        facts, lodged = _facts(request.facts), lodged_with(request)
        return await self._commands.run(
            call,
            request,
            find=(store.BY_HANDLE, request.handle),
            subject=request.handle,
            decide=lambda case, now: report.submit_report(
                case,
                handle=request.handle,
                facts=facts,
                table=routing.current(),
                routed_by=request.routing_version,
                lodged=lodged,
                now=now,
            ),
            reply=lambda case, n: reporting_pb2.SubmitReportResponse(case=view(case, n)),
            also=self._sealing.report(request, lodged),
        )

    async def perfect_marker(
        self, call: Call, request: reporting_pb2.PerfectMarkerRequest
    ) -> bytes:
        """Files the report of a marked case."""
        facts, lodged = _facts(request.facts), lodged_with(request)
        return await self._commands.run(
            call,
            request,
            find=(store.BY_HANDLE, request.handle),
            decide=lambda case, now: report.perfect_marker(
                case,
                facts=facts,
                table=routing.current(),
                routed_by=request.routing_version,
                lodged=lodged,
                now=now,
            ),
            reply=lambda case, n: reporting_pb2.PerfectMarkerResponse(case=view(case, n)),
            also=self._sealing.report(request, lodged),
        )

    async def amend_report(self, call: Call, request: reporting_pb2.AmendReportRequest) -> bytes:
        """Replaces the facts, or what was sealed with them."""
        facts, lodged = _facts(request.facts), lodged_with(request)
        return await self._commands.run(
            call,
            request,
            find=(store.BY_HANDLE, request.handle),
            decide=lambda case, _: report.amend_report(case, facts=facts, lodged=lodged),
            reply=lambda case, n: reporting_pb2.AmendReportResponse(case=view(case, n)),
            also=self._sealing.report(request, lodged),
        )

    async def withdraw_report(
        self, call: Call, request: reporting_pb2.WithdrawReportRequest
    ) -> bytes:
        """Ends the case on the company's side."""
        reason = translate.enum_of(request, "reason")
        return await self._commands.run(
            call,
            request,
            find=(store.BY_HANDLE, request.handle),
            decide=lambda case, now: report.withdraw(case, reason=reason, now=now),
            reply=lambda case, n: reporting_pb2.WithdrawReportResponse(case=view(case, n)),
        )

    async def list_receipts(
        self, call: Call, request: reporting_pb2.ListReceiptsRequest
    ) -> reporting_pb2.ListReceiptsResponse:
        """One page of what the case has receipts of."""
        scope = f"{call.method}\0{request.handle}".encode()
        after = None
        if request.page_token:
            time, event_id = self._tokens.decode(scope, request.page_token, "page_token")
            after = datetime.fromisoformat(time), UUID(event_id)
        size = min(request.page_size or _PAGE, _LARGEST_PAGE)
        found = await self._receipts.page(self._database, request.handle, after, size + 1)
        response = reporting_pb2.ListReceiptsResponse(
            receipts=[
                reporting_pb2.LodgedReceipt(
                    receipt=self._receipts.message(one),
                    nonce=one.opening.nonce,
                    request_hash=one.opening.request_hash,
                )
                for one in found[:size]
            ]
        )
        if len(found) > size:
            last = found[size - 1].text
            position = [last.time.isoformat(), last.event_id]
            response.next_page_token = self._tokens.encode(scope, position)
        return response

    async def read(self, handle: str) -> Stored[Case] | None:
        """The case as it is now, or None."""
        return await store.read_case(self._database, handle)

    async def lapse_markers(self) -> None:
        """Ends the markers whose time is up, each in its own transaction."""
        for handle in await store.overdue_markers(self._database, datetime.now(UTC), 100):
            await self._commands.pass_time(handle, lambda case, now: report.lapse(case, now=now))

    async def review_retention(self) -> None:
        """Has the cases reviewed whose retention is over, each in its own transaction."""
        for handle in await store.to_review(self._database, datetime.now(UTC), 100):
            await self._commands.pass_time(handle, lambda case, now: erasure.review(case, now=now))


def _known(case: Case | None) -> Case:
    if case is None:
        raise NotYet("the case is not known here")
    return case


def referral_moved(case: Case | None, incoming: Incoming, now: datetime) -> Decision[Case]:
    """Keeps the referral's state beside the case: as the event's type says it."""
    state = _REFERRAL_STATES[incoming.type]
    return report.note_referral(_known(case), state=state, now=now)


def referral_accepted(case: Case | None, incoming: Incoming, now: datetime) -> Decision[Case]:
    """Keeps the desk that handles the case from now on, too."""
    assert isinstance(incoming.event, triage.ReferralAccepted)
    return report.note_referral(
        _known(case), state="ACCEPTED", now=now, accepted_by=incoming.event.desk
    )


def referral_progressed(case: Case | None, incoming: Incoming, now: datetime) -> Decision[Case]:
    """Keeps the state that the event names."""
    return report.note_referral(_known(case), state=_state(incoming), now=now)


def protection_decided(case: Case | None, incoming: Incoming, now: datetime) -> Decision[Case]:
    """Keeps the safe harbour's state beside the case."""
    return report.note_protection(_known(case), state=_state(incoming))


def officer_recused(case: Case | None, incoming: Incoming, now: datetime) -> Decision[Case]:
    """Keeps who has no part in the case any more."""
    assert isinstance(incoming.event, triage.OfficerRecused)
    return report.note_recusal(_known(case), officer=incoming.event.officer)


def _state(incoming: Incoming) -> str:
    assert incoming.event is not None
    return translate.enum_of(incoming.event, "state")


_REFERRAL_STATES = {
    f"harbourlight.triage.v1.Referral{state.title()}": state
    for state in ("REQUESTED", "REJECTED", "FAILED", "COMPLETED", "CANCELLED")
}
