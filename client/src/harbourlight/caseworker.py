"""An officer as who reads what a company sealed, and writes to it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime

from harbourlight.casework.desk import Desk, OpenCase
from harbourlight.casework.written import Letter, Sequence, body_of
from harbourlight.connection import new_request_id
from harbourlight.erasing import Eraser
from harbourlight.errors import BadFile
from harbourlight.keyed import Keyed
from harbourlight.keys.directory import Directory, Key
from harbourlight.keys.entries import Kind
from harbourlight.reporting.v1 import content_pb2 as pb

_MOST_RESEALED = 300
"""Messages in one request, which is then well below what a service takes."""


class Caseworker(Eraser, Keyed):
    """Base of Authority: its keys are the officer's own and its desk's, old ones too."""

    async def read_report(self, handle: str) -> OpenCase:
        """What the company sealed to the desk, opened here.

        Raises NotFound for a case of another desk, CannotOpen, and BadFile where the key that it is
        sealed to is not among the caller's.
        """
        return (await self._opened(handle))[1]

    async def _read_messages(self, handle: str) -> AsyncGenerator[Letter, None]:
        (desk, case), sequence = await self._opened(handle), Sequence()
        async with aclosing(self._stored(handle)) as stored:
            async for found in stored:
                sequence.check(found)
                yield desk.read(found, handle, case.content_keys)

    async def list_messages(self, handle: str) -> list[Letter]:
        """All that either side wrote, oldest first. Raises Untrusted where something is missing."""
        return [letter async for letter in self._read_messages(handle)]

    async def watch_messages(
        self, handle: str, *, after_place: int = 0
    ) -> AsyncGenerator[Letter, None]:
        """What was written behind a place, then each new thing. Raises Untrusted as lists do."""
        last, sequence = after_place, Sequence(after_place)

        def request() -> pb.WatchMessagesRequest:
            return pb.WatchMessagesRequest(handle=handle, after_place=last)

        async with aclosing(self._connection.watch(request, pb.WatchMessagesResponse)) as answers:
            async for answer in answers:
                # Anew each time: a new epoch has a new key, and a colleague may be new.
                desk, case = await self._opened(handle)
                for found in answer.messages:
                    sequence.check(found)
                    last = found.place
                    yield desk.read(found, handle, case.content_keys)

    async def send_message(
        self,
        handle: str,
        text: str,
        *,
        purpose: pb.MessagePurpose = pb.MESSAGE_PURPOSE_OTHER,
        act: str = "",
        in_reply_to: bytes = b"",
        request_id: str | None = None,
    ) -> pb.SendMessageResponse:
        """Writes to the company, sealed to its case and signed by the officer.

        With purpose REASON `act` is what the reasons are for, such as "protection.decline";
        `in_reply_to` is a letter's digest. Raises Stale where a colleague wrote meanwhile.
        """
        desk, case = await self._opened(handle)
        officer = self._own(Kind.OFFICER, desk.directory)
        body = body_of(purpose, text, act=act, in_reply_to=in_reply_to)
        own = self._desk_key(desk.directory, case.sealed.desk)
        request = pb.SendMessageRequest(
            request_id=request_id or new_request_id(),
            handle=handle,
            purpose=purpose,
            content=desk.write(case, body, officer=officer, desk=own),
        )
        return await self._connection.call(request, pb.SendMessageResponse)

    async def reseal_case(
        self, handle: str, desk: str = "", *, country: str = "*", request_id: str | None = None
    ) -> None:
        """Seals all of a case to the desk that it is offered to, or to the own desk's new key.

        `desk` is its code; empty means the own. `country` is the case's. The receiving desk opens
        it once it has accepted the referral. Raises CannotOpen where something does not open here.
        """
        own, case = await self._opened(handle)
        receiver = own.directory.current(
            Kind.DESK, desk or case.sealed.desk, country, datetime.now(UTC)
        )
        stored = []
        if case.sealed.desk_number:
            stored = [found async for found in self._stored(handle)]
        whole = own.reseal(case, stored, receiver)
        messages = list(whole.messages)
        del whole.messages[_MOST_RESEALED:]
        whole.request_id = request_id or new_request_id()
        await self._connection.call(whole, pb.ResealCaseResponse)
        for start in range(_MOST_RESEALED, len(messages), _MOST_RESEALED):
            request = pb.ResealCaseRequest(
                request_id=new_request_id(),
                handle=handle,
                desk=whole.desk,
                messages=messages[start : start + _MOST_RESEALED],
            )
            await self._connection.call(request, pb.ResealCaseResponse)

    async def confirm_reseal(
        self, handle: str, *, request_id: str | None = None
    ) -> pb.ConfirmResealResponse:
        """Says that the own desk opens a case that it took over, after it was opened here in full.

        Raises CannotOpen where something does not open: have the desk before seal it anew.
        """
        desk, case = await self._opened(handle)
        if case.sealed.HasField("identity"):
            desk.half(case)
        async with aclosing(self._stored(handle)) as stored:
            async for found in stored:
                desk.expect_open(found, handle, case.content_keys)
        request = pb.ConfirmResealRequest(request_id=request_id or new_request_id(), handle=handle)
        return await self._connection.call(request, pb.ConfirmResealResponse)

    async def _opened(self, handle: str) -> tuple[Desk, OpenCase]:
        """A case, and the desk's keys by the directory as it is now."""
        desk = Desk(self._keys, await self._read_directory())
        request = pb.GetSealedReportRequest(handle=handle)
        answer = await self._connection.call(request, pb.GetSealedReportResponse)
        return desk, desk.open(answer)

    def _desk_key(self, directory: Directory, name: str) -> Key:
        """The newest key of a desk that is held here and counts now. Raises BadFile."""
        now = datetime.now(UTC)
        held = {one.key_id for one in self._keys.keys}
        counting = [
            key
            for key in directory.keys
            if key.key_id in held
            and (key.entry.kind, key.entry.name) == (Kind.DESK, name)
            and not directory.problem(key, now)
        ]
        if not counting:
            raise BadFile(
                f"none of the key files here is a key of {name} that counts now: name the desk's "
                "key file too, or what is written could not be read again"
            )
        return max(counting, key=lambda key: key.entry.number)
