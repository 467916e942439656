"""What is sealed in cases, and the dialogue: one command, one transaction; and what is read."""

from collections.abc import Awaitable, Callable, Sequence

from harbourlight.options.v1 import options_pb2 as options
from harbourlight.reporting.v1 import content_pb2 as pb
from services.reporting import store
from services.reporting.domain import erasure, sealed
from services.reporting.domain.model import Case, CaseState
from services.reporting.handlers import EMITTER
from services.reporting.sealing import Sealing, check_desk_message, key_ids, lodged_with
from services.reporting.store import MessageRow, SealRow
from services.reporting.wrapping import CONTENT_KEY, HALF, MESSAGE, Wrapping
from shared import translate
from shared.callers import Caller
from shared.commands import Call, Commands
from shared.database import Connection, Database
from shared.erasure import KeyStore
from shared.errors import Kind, Refusal, Violation, invalid, not_found, wrong_state
from shared.receipts import Receipt, Receipts
from shared.signed_tokens import SignedTokens

_PAGE, _MOST = 50, 200
_PAGE_BYTES = 1024 * 1024
"""A page ends behind the message that passes this: clients take answers of 4 MiB."""


def sees(caller: Caller, case: Case) -> bool:
    """Whether a case is the caller's. Of an erased one, its desk and custodians are told so."""
    if caller.role == options.ROLE_COMPANY:
        return caller.handle == case.handle
    is_erased = case.state == CaseState.ERASED
    if not (is_erased or caller.is_competent_for(case.country)):
        return False
    if caller.pseudonym(case.handle) in case.recused:
        return False
    return caller.role == options.ROLE_CUSTODIAN or caller.works_at(case.desk_now)


def _desk_of(caller: Caller, case: Case) -> str:
    """The officer's desk, if it handles the case, or did and the next has not confirmed; or ""."""
    if not caller.is_competent_for(case.country) or caller.pseudonym(case.handle) in case.recused:
        return ""
    desks = (case.desk_now, case.previous_desk)
    return next((desk for desk in desks if caller.works_at(desk)), "")


async def readable(connection: Connection, caller: Caller, handle: str) -> Case:
    """The case, where it is the caller's to read in. Raises Refusal."""
    case = await store.case_in(connection, handle)
    if case is None or not sees(caller, case):
        raise not_found("case")
    _not_erased(case)
    return case


class Contents:
    """The commands and queries of ContentService."""

    def __init__(
        self,
        database: Database,
        keys: KeyStore,
        receipts: Receipts,
        tokens: SignedTokens,
        sealing: Sealing,
        erase_files: Callable[[Connection, str], Awaitable[None]],
    ) -> None:
        """`erase_files` removes the files of a case that is erased."""
        self._erase_files = erase_files
        self._database = database
        self._keys = keys
        self._sealing = sealing
        self._tokens = tokens
        self._commands = Commands(database, store.CASES, EMITTER, receipts)

    async def send(self, call: Call, request: pb.SendMessageRequest) -> bytes:
        """Either side writes."""
        purpose = translate.enum_of(request, "purpose")
        if call.caller.role == options.ROLE_COMPANY:
            lodged = lodged_with(request)
            return await self._commands.run(
                call,
                request,
                find=(store.BY_HANDLE, request.handle),
                decide=lambda case, _: sealed.company_message(case, lodged=lodged, purpose=purpose),
                reply=lambda case, _: pb.SendMessageResponse(
                    place=sealed.place(case), number=case.company_number
                ),
                also=self._sealing.message(request, lodged),
            )
        check_desk_message(request.handle, request.content)
        if request.HasField("content_key"):
            raise invalid([Violation("content_key", "comes from companies alone")])
        number = request.content.number
        return await self._commands.run(
            call,
            request,
            find=(store.BY_HANDLE, request.handle),
            visible=lambda case: sees(call.caller, case),
            decide=lambda case, _: sealed.desk_message(case, number=number, purpose=purpose),
            reply=lambda case, _: pb.SendMessageResponse(
                place=sealed.place(case), number=case.desk_number
            ),
            also=self._sealing.desk_message(request),
        )

    async def reseal(self, call: Call, request: pb.ResealCaseRequest) -> bytes:
        """The desk seals the case to another, or to a new key of its own."""
        seals = [("half", request.half)] if request.HasField("half") else []
        seals += [(f"content_keys[{n}].seal", k.seal) for n, k in enumerate(request.content_keys)]
        seals += [(f"messages[{n}].seal", one.seal) for n, one in enumerate(request.messages)]
        if faults := list(key_ids(seals)):
            raise invalid(faults)

        async def write(connection: Connection, case: Case, _: Receipt | None) -> None:
            handle, source = case.handle, _desk_of(call.caller, case)
            if seals:
                _check_complete(request, await store.seals(connection, handle, source))
            _check_places(request, case)
            wrapping = Wrapping(await self._keys.of(connection, handle), handle)
            rows = [wrapping.content_key(key, request.desk) for key in request.content_keys]
            if request.HasField("half"):
                rows.append(wrapping.seal(request.desk, HALF, 0, request.half))
            for one in request.messages:
                rows.append(wrapping.seal(request.desk, MESSAGE, one.place, one.seal))
            await store.add(connection, handle, [], rows)

        return await self._commands.run(
            call,
            request,
            find=(store.BY_HANDLE, request.handle),
            visible=lambda case: bool(_desk_of(call.caller, case)) or sees(call.caller, case),
            decide=lambda case, _: sealed.reseal(
                case, desk=request.desk, keys=bool(request.content_keys)
            ),
            reply=lambda case, _: pb.ResealCaseResponse(),
            also=write,
        )

    async def confirm(self, call: Call, request: pb.ConfirmResealRequest) -> bytes:
        """The receiving desk opens the case: what was sealed to others is deleted."""

        async def write(connection: Connection, case: Case, _: Receipt | None) -> None:
            if lacking := await store.not_sealed_to(connection, case.handle, case.desk_now):
                what = ", ".join(lacking)
                raise Refusal(
                    Kind.WRONG_STATE,
                    f"not all of the case was sealed to {case.desk_now}; lacking: {what}: have "
                    "the desk before seal it anew, and then confirm",
                )
            await store.keep_seals_of(connection, case.handle, case.desk_now)

        return await self._commands.run(
            call,
            request,
            find=(store.BY_HANDLE, request.handle),
            visible=lambda case: sees(call.caller, case),
            decide=lambda case, _: sealed.confirm(case),
            reply=lambda case, _: pb.ConfirmResealResponse(),
            also=write,
        )

    async def erase(self, call: Call, request: pb.EraseCaseRequest) -> bytes:
        """One party's word to erase the case."""
        caller = call.caller
        party = "CUSTODIAN" if caller.role == options.ROLE_CUSTODIAN else "DESK"
        reason = translate.enum_of(request, "reason")

        async def write(connection: Connection, case: Case, _: Receipt | None) -> None:
            if case.state == CaseState.ERASED:
                await store.erase(connection, case.handle)
                await self._erase_files(connection, case.handle)
                await self._keys.erase(connection, case.handle)

        return await self._commands.run(
            call,
            request,
            find=(store.BY_HANDLE, request.handle),
            visible=lambda case: sees(caller, case),
            decide=lambda case, now: erasure.erase(
                case, party=party, organisation=caller.organisation, reason=reason, now=now
            ),
            reply=lambda case, _: pb.EraseCaseResponse(erased=case.state == CaseState.ERASED),
            also=write,
        )

    async def report(self, call: Call, handle: str) -> pb.GetSealedReportResponse:
        """What is sealed in the case, as far as it is the caller's to open."""

        async def read(connection: Connection) -> pb.GetSealedReportResponse:
            case = await store.case_in(connection, handle)
            desk = ""
            if call.caller.role == options.ROLE_AUTHORITY:
                desk = _desk_of(call.caller, case) if case else ""
            if case is None or not (desk or sees(call.caller, case)):
                raise not_found("case")
            _not_erased(case)
            answer = pb.GetSealedReportResponse(
                handle=handle,
                desk=case.desk_now,
                company_number=case.company_number,
                desk_number=case.desk_number,
                epoch=case.epoch_now,
                key_epoch=case.key_epoch,
            )
            key = await self._keys.find(connection, handle)
            if key is None:
                return answer
            wrapping = Wrapping(key, handle)
            if call.caller.role != options.ROLE_COMPANY:
                rows = await store.seals(connection, handle, desk)
                if identity := wrapping.open_identity(rows):
                    answer.identity.CopyFrom(identity)
                answer.content_keys.extend(wrapping.open_content_keys(rows))
            if call.caller.role != options.ROLE_CUSTODIAN:
                latest = await store.latest_report(connection, handle)
                if latest is not None:
                    answer.report.CopyFrom(wrapping.open_message(latest))
            return answer

        return await self._database.reading(read)

    async def messages(
        self, call: Call, handle: str, after: int, most: int = _MOST
    ) -> tuple[list[pb.Message], bool]:
        """What was written behind a place, oldest first, and whether there is more of it."""

        async def read(connection: Connection) -> tuple[list[pb.Message], bool]:
            case = await readable(connection, call.caller, handle)
            last = sealed.place(case)
            if last <= after:
                return [], False
            desk = case.desk_now if call.caller.role == options.ROLE_AUTHORITY else ""
            rows = await store.messages_after(connection, handle, desk, after, most)
            key = await self._keys.find(connection, handle) if rows else None
            if key is None:
                return [], False
            wrapping = Wrapping(key, handle)
            found = [wrapping.open_message(row, desk) for row in _short(rows)]
            return found, found[-1].place < last

        return await self._database.reading(read)

    async def page(self, call: Call, request: pb.ListMessagesRequest) -> pb.ListMessagesResponse:
        """One page of the dialogue. Raises Refusal (INVALID) for its token."""
        scope = "\0".join((call.method, call.caller.name, request.handle)).encode()
        after = 0
        if request.page_token:
            (after,) = self._tokens.decode(scope, request.page_token, "page_token")
        size = min(request.page_size or _PAGE, _MOST)
        found, is_more = await self.messages(call, request.handle, after, size)
        response = pb.ListMessagesResponse(messages=found)
        if is_more:
            response.next_page_token = self._tokens.encode(scope, [found[-1].place])
        return response


def _not_erased(case: Case) -> None:
    if case.state == CaseState.ERASED:
        raise wrong_state("the case", case.state, "read it", ())


def _short(rows: Sequence[MessageRow]) -> list[MessageRow]:
    """The first of the rows, as many as a page may hold."""
    found: list[MessageRow] = []
    total = 0
    for row in rows:
        if total > _PAGE_BYTES:
            break
        found.append(row)
        total += len(row.sealed)
    return found


def _check_complete(request: pb.ResealCaseRequest, rows: Sequence[SealRow]) -> None:
    """Raises Refusal (INVALID) where a desk would get the case in part."""
    if not (request.HasField("half") or request.content_keys):
        return
    faults = []
    if any(row.what == HALF for row in rows) and not request.HasField("half"):
        faults.append(Violation("half", "is required: the case has an identity"))
    epochs = {row.number for row in rows if row.what == CONTENT_KEY}
    given = [key.epoch for key in request.content_keys]
    if set(given) != epochs or len(given) != len(epochs):
        wanted = ", ".join(str(epoch) for epoch in sorted(epochs)) or "none"
        faults.append(Violation("content_keys", f"are one for each of these epochs: {wanted}"))
    if faults:
        raise invalid(faults)


def _check_places(request: pb.ResealCaseRequest, case: Case) -> None:
    last = sealed.place(case)
    faults = [
        Violation(f"messages[{n}].place", f"is behind the last one, which is {last}")
        for n, one in enumerate(request.messages)
        if one.place > last
    ]
    if faults:
        raise invalid(faults)
