"""A company as who seals: what it reports, and the dialogue with the desk."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from harbourlight import routing
from harbourlight.casework.sealer import Sealer, Turn
from harbourlight.casework.written import Letter, Sequence, body_of
from harbourlight.connection import PATIENCE, CaseCredential
from harbourlight.effort import OnWork, no_word
from harbourlight.endpoints import Endpoints
from harbourlight.keyed import Keyed
from harbourlight.keys.directory import Directory, Key
from harbourlight.keys.entries import Kind
from harbourlight.keys.memory import KeyChanged, Memory
from harbourlight.keys.recipients import Recipients, choose
from harbourlight.reporting.v1 import content_pb2 as pb
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.sealing.warnings import Warned, in_message
from harbourlight.signing import CaseKey
from harbourlight.types.v1 import types_pb2 as types


@dataclass(frozen=True)
class Before:
    """What to tell who is about to seal, before anything is sent."""

    recipients: Recipients = field(repr=False)
    telling: tuple[Warned, ...]
    """Words of the identity in what the desk reads without the custodian."""

    @property
    def changed(self) -> tuple[KeyChanged, ...]:
        """Keys that are others than this client used before."""
        return self.recipients.changed

    @property
    def warnings(self) -> list[str]:
        """All of it, as sentences."""
        return [*map(str, self.changed), *map(str, self.telling)]


class Reporter(Keyed):
    """Base of Company: it holds a case key, and all else follows from that."""

    def __init__(
        self,
        endpoints: Endpoints,
        key: CaseKey,
        *,
        memory: Memory | None = None,
        patience: float = PATIENCE,
        on_work: OnWork = no_word,
    ) -> None:
        credential = CaseCredential(key, endpoints.origin)
        super().__init__(endpoints, credential, memory=memory, patience=patience, on_work=on_work)
        self.handle = key.handle
        """Handle of the case."""
        self._key = key
        self._sealer = Sealer(key)

    async def look_before(
        self,
        facts: types.ReportFacts,
        identity: sealed.Identity | None = None,
        content: sealed.Content | None = None,
    ) -> Before:
        """Whom a report with these facts would be sealed to, and what speaks against sending it.

        Raises Untrusted where there is nobody to seal to whose keys this client can believe.
        """
        table = routing.current()
        child = facts.child_involved != types.CHILD_INVOLVEMENT_NO
        kind = types.ExploitationType.Name(facts.exploitation_type)
        desk = table.lead_desk(facts.country, kind.removeprefix("EXPLOITATION_TYPE_"), child)
        directory = await self._read_directory()
        recipients = choose(directory, self._memory, table, desk=desk, country=facts.country)
        self._memory.save()
        telling = in_message(identity, content) if identity and content else []
        return Before(recipients, tuple(telling))

    async def _seal_report(
        self,
        request: Any,
        identity: sealed.Identity | None,
        content: sealed.Content | None,
        before: Before | None,
    ) -> None:
        """Puts what is sealed into a request that files a report."""
        if identity is None and content is None:
            return
        found = before or await self.look_before(request.facts, identity, content)
        request.routing_version = routing.current().version
        self._seal_into(request, identity, content, Turn(), found.recipients)

    async def _seal_amendment(
        self,
        request: reporting.AmendReportRequest,
        identity: sealed.Identity | None,
        content: sealed.Content | None,
    ) -> None:
        """The same for the desk that has the case now."""
        if identity is None and content is None:
            return
        case = await self._case()
        recipients = await self._recipients_of(case)
        self._seal_into(request, identity, content, turn_of(case), recipients)

    def _seal_into(
        self,
        request: Any,
        identity: sealed.Identity | None,
        content: sealed.Content | None,
        turn: Turn,
        recipients: Recipients,
    ) -> None:
        if identity is not None:
            request.identity.CopyFrom(self._sealer.identity(identity, recipients))
        if content is not None:
            request.content.CopyFrom(self._sealer.content(content, recipients.desk, turn))
            if turn.needs_key:
                key = self._sealer.content_key(recipients.desk, turn.epoch)
                request.content_key.CopyFrom(key)

    async def _read_messages(self) -> AsyncGenerator[Letter, None]:
        directory, sequence = await self._read_directory(), Sequence()
        async with aclosing(self._stored(self.handle)) as stored:
            async for found in stored:
                sequence.check(found)
                yield self._sealer.read(found, directory)

    async def list_messages(self) -> list[Letter]:
        """All that either side wrote, oldest first; the words of the case are enough to read it.

        Raises Untrusted where something is missing.
        """
        return [letter async for letter in self._read_messages()]

    async def watch_messages(self, *, after_place: int = 0) -> AsyncGenerator[Letter, None]:
        """What was written behind a place, then each new thing. Raises Untrusted as lists do."""
        last, sequence = after_place, Sequence(after_place)

        def request() -> pb.WatchMessagesRequest:
            return pb.WatchMessagesRequest(handle=self.handle, after_place=last)

        async with aclosing(self._connection.watch(request, pb.WatchMessagesResponse)) as answers:
            async for answer in answers:
                # Anew each time: an officer's key may be younger than the watch.
                directory = await self._read_directory()
                for found in answer.messages:
                    sequence.check(found)
                    last = found.place
                    yield self._sealer.read(found, directory)

    async def _message(
        self, text: str, purpose: pb.MessagePurpose, in_reply_to: bytes
    ) -> pb.SendMessageRequest:
        """A message to the desk that has the case now, without its request_id."""
        case = await self._case()
        turn, desk = turn_of(case), await self._desk_key(case)
        body = body_of(purpose, text, in_reply_to=in_reply_to)
        request = pb.SendMessageRequest(
            handle=self.handle, purpose=purpose, content=self._sealer.message(body, desk, turn)
        )
        if turn.needs_key:
            request.content_key.CopyFrom(self._sealer.content_key(desk, turn.epoch))
        return request

    async def _case(self) -> reporting.Case:
        request = reporting.GetCaseRequest(handle=self.handle)
        return (await self._connection.call(request, reporting.GetCaseResponse)).case

    async def _desk_key(self, case: reporting.Case) -> Key:
        return _current(await self._read_directory(), case)

    async def _recipients_of(self, case: reporting.Case) -> Recipients:
        directory = await self._read_directory()
        found = choose(
            directory,
            self._memory,
            routing.current(),
            desk=case.handling_desk,
            country=case.facts.country,
        )
        self._memory.save()
        return found


def turn_of(case: reporting.Case) -> Turn:
    """Where the case stands for what the company writes next."""
    epoch = max(1, case.epoch)
    return Turn(case.company_number + 1, epoch, case.key_epoch < epoch)


def _current(directory: Directory, case: reporting.Case) -> Key:
    return directory.current(Kind.DESK, case.handling_desk, case.facts.country, datetime.now(UTC))
