"""Companies, officers and custodians who hand over sealed bytes; what is in them is random here."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

from google.protobuf.message import Message

from harbourlight import CaseKey
from harbourlight.connection import CaseCredential, Connection, TokenCredential
from harbourlight.reporting.v1 import content_pb2 as pb
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from harbourlight.triage.v1 import events_pb2 as triage
from harbourlight.types.v1 import sealed_pb2 as sealed
from shared import cloudevents
from shared.kafka import Record
from tests.integration import recorder
from tests.integration.calls import report
from tests.integration.installation import ORIGIN, Installation

M = TypeVar("M", bound=Message)
DESK, OTHER_DESK = "LABOUR_INSPECTORATE", "POLICE"
QUESTION, ANSWER = pb.MESSAGE_PURPOSE_QUESTION, pb.MESSAGE_PURPOSE_ANSWER


@dataclass
class Secrets:
    """Bytes that no service may store as they are, nor put anywhere else."""

    drawn: list[bytes] = field(default_factory=list)

    def draw(self, length: int = 48) -> bytes:
        """New ones."""
        self.drawn.append(os.urandom(length))
        return self.drawn[-1]

    def seal(self, key_id: str) -> sealed.Seal:
        """A seal for a key."""
        return sealed.Seal(key_id=key_id, ciphertext=self.draw())

    def identity(self) -> sealed.SealedIdentity:
        """An identity for desk, custodian and alternate."""
        return sealed.SealedIdentity(
            version=1,
            payload=self.draw(),
            desk=self.seal("d" * 16),
            custodian=self.seal("c" * 16),
            alternate=self.seal("a" * 16),
        )

    def content_key(self, epoch: int = 1, key_id: str = "d" * 16) -> sealed.ContentKey:
        """The key of an epoch, for a desk's key."""
        return sealed.ContentKey(epoch=epoch, seal=self.seal(key_id))

    def content(self, number: int, epoch: int = 1, length: int = 48) -> sealed.SealedContent:
        """Something that a company wrote."""
        return sealed.SealedContent(number=number, epoch=epoch, payload=self.draw(length))

    def desk_content(self, number: int, handle: str) -> sealed.SealedContent:
        """Something that a desk wrote."""
        seals = [self.seal(handle), self.seal("d" * 16)]
        return sealed.SealedContent(number=number, payload=self.draw(), seals=seals)


@dataclass
class Case:
    """A reported case with all that is sealed in it."""

    key: CaseKey
    company: Connection
    identity: sealed.SealedIdentity
    content_key: sealed.ContentKey
    content: sealed.SealedContent
    receipt: str
    """Its text, where one was asked for."""

    @property
    def handle(self) -> str:
        """Of the case."""
        return self.key.handle


@dataclass
class Parties:
    """Everybody at one installation."""

    installation: Installation
    secrets: Secrets
    stack: AsyncExitStack
    moved: int = 0

    def company(self, key: CaseKey) -> Connection:
        """The holder of a case."""
        return self._connect(CaseCredential(key, ORIGIN))

    def officer(self, *desks: str, country: str = "*", org: str = "inspectorate") -> Connection:
        """Of these desks."""
        return self._with_token("AUTHORITY", desks=desks, jurisdictions=(country,), org=org)

    def custodian(self, *, country: str = "*", org: str = "chamber") -> Connection:
        """Of an organisation of its own."""
        return self._with_token("CUSTODIAN", jurisdictions=(country,), org=org)

    def _with_token(self, role: str, **claims: Any) -> Connection:
        return self._connect(TokenCredential(self.installation.stack.mint(role, **claims)))

    def _connect(self, credential: Any) -> Connection:
        connection = Connection(self.installation.endpoints(), credential, patience=20)
        self.stack.push_async_callback(connection.close)
        return connection

    async def report(self, **changes: Any) -> Case:
        """A new case, with identity and content."""
        key, secrets = CaseKey.generate(), self.secrets
        request = report(
            key,
            identity=secrets.identity(),
            content_key=secrets.content_key(),
            content=secrets.content(1),
            **changes,
        )
        company = self.company(key)
        answer = await company.call(request, reporting.SubmitReportResponse)
        return Case(
            key,
            company,
            request.identity,
            request.content_key,
            request.content,
            answer.receipt.text,
        )

    async def accept(self, handle: str, desk: str) -> None:
        """Triage tells that a desk took the case up."""
        event = triage.ReferralAccepted(handle=handle, referral_id=str(uuid4()), desk=desk)
        await self.triage_tells(handle, event)

    async def triage_tells(self, handle: str, event: Message) -> None:
        """The next event of triage in a case; of one case in an installation."""
        self.moved += 1
        headers = cloudevents.headers(
            event_id=str(uuid4()),
            source="/services/triage",
            event_type=event.DESCRIPTOR.full_name,
            subject=handle,
            sequence=self.moved,
            time=datetime.now(UTC),
        )
        name = f"{self.installation.prefix}triage.events.v1"
        body, now = event.SerializeToString(), int(time.time() * 1000)
        recorder.send(self.installation, Record(name, handle.encode(), body, headers, now))


def message(case: Case, content: sealed.SealedContent, **more: Any) -> pb.SendMessageRequest:
    """Something for the other side."""
    fields: dict[str, Any] = {"purpose": QUESTION, **more}
    return pb.SendMessageRequest(
        request_id=str(uuid4()), handle=case.handle, content=content, **fields
    )


async def write(by: Connection, request: pb.SendMessageRequest) -> pb.SendMessageResponse:
    """Sends it."""
    return await by.call(request, pb.SendMessageResponse)


async def read(by: Connection, handle: str) -> pb.GetSealedReportResponse:
    """What is sealed in the case, as this caller gets it."""
    request = pb.GetSealedReportRequest(handle=handle)
    return await by.call(request, pb.GetSealedReportResponse)


async def listed(by: Connection, handle: str, **page: Any) -> pb.ListMessagesResponse:
    """A page of the dialogue."""
    request = pb.ListMessagesRequest(handle=handle, **page)
    return await by.call(request, pb.ListMessagesResponse)


@asynccontextmanager
async def at(installation: Installation) -> AsyncIterator[Parties]:
    """Everybody at an installation whose reporting service runs."""
    async with AsyncExitStack() as stack:
        yield Parties(installation, Secrets(), stack)
