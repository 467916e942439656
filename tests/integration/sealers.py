"""A company and officers that seal and open in earnest, each with what it holds and no more."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from harbourlight import CaseKey, Ledger
from harbourlight.connection import CaseCredential, Connection, TokenCredential
from harbourlight.errors import Untrusted
from harbourlight.keys.directory import Directory
from harbourlight.keys.files import KeyFile, KeyRing
from harbourlight.keys.memory import KeyChanged, Memory
from harbourlight.keys.recipients import Recipients, choose, read_directory
from harbourlight.keys.trust import Trust
from harbourlight.phrase import Phrase
from harbourlight.reporting.v1 import content_pb2 as pb
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from harbourlight.routing import current
from harbourlight.sealed.v1 import sealed_pb2 as plain
from harbourlight.sealing import content, identity, signed
from harbourlight.sealing.hpke import Addressee, PrivateKey, Role
from harbourlight.types.v1 import sealed_pb2 as sealed
from tests.integration.calls import report
from tests.integration.installation import ORIGIN, Installation

DESK, COUNTRY = "LABOUR_INSPECTORATE", "MY"
NAME = "Golden Palm Rubber Sdn Bhd"
CONTENT, MESSAGE, IDENTITY = "content", "message", "identity"
Body = plain.Identity | plain.Content | plain.Message


async def directory(
    installation: Installation, memory: Memory, trust: Trust | None = None
) -> Directory:
    """The directory as a client with this memory verifies it."""
    endpoints = installation.endpoints()
    async with Ledger(endpoints, patience=20) as ledger:
        return await read_directory(ledger, trust or endpoints.trusted(), memory)


@dataclass
class Reporter:
    """A company with a case."""

    installation: Installation
    phrase: Phrase = field(default_factory=Phrase.generate)
    memory: Memory = field(default_factory=lambda: Memory(ORIGIN))
    told: list[KeyChanged] = field(default_factory=list)
    """What its client said about changed keys."""

    @property
    def key(self) -> CaseKey:
        """Of the case."""
        return CaseKey.from_phrase(self.phrase)

    @property
    def handle(self) -> str:
        """Of the case."""
        return self.key.handle

    async def recipients(self) -> Recipients:
        """Whom to seal to now."""
        found = await directory(self.installation, self.memory)
        chosen = choose(found, self.memory, current(), desk=DESK, country=COUNTRY)
        self.told += chosen.changed
        return chosen

    async def report(self, narrative: str) -> None:
        """Lodges a report, with who it is and what it saw."""
        to = await self.recipients()
        name = self._signed(IDENTITY, identity.VERSION, to.desk.key_id, plain.Identity(name=NAME))
        body = plain.Content(
            narrative=narrative, case_sealing_key=PrivateKey.of_case(self.phrase).public_bytes
        )
        request = report(
            self.key,
            identity=identity.seal(
                name,
                handle=self.handle,
                desk=to.desk,
                custodian=to.custodian,
                alternate=to.alternate,
            ),
            content_key=self._content_key(1, to),
            content=self._sealed(CONTENT, 1, 1, to.desk.key_id, body),
        )
        await self._call(request, reporting.SubmitReportResponse)

    async def write(self, text: str) -> int:
        """Writes to the desk, and returns the epoch that it was under."""
        to = await self.recipients()
        now = await self._call(
            pb.GetSealedReportRequest(handle=self.handle), pb.GetSealedReportResponse
        )
        request = pb.SendMessageRequest(
            request_id=str(uuid4()),
            handle=self.handle,
            purpose=pb.MESSAGE_PURPOSE_ANSWER,
            content=self._sealed(
                MESSAGE,
                now.company_number + 1,
                now.epoch,
                to.desk.key_id,
                plain.Message(text=text),
            ),
        )
        if now.key_epoch < now.epoch:
            request.content_key.CopyFrom(self._content_key(now.epoch, to))
        await self._call(request, pb.SendMessageResponse)
        return int(now.epoch)

    async def read(self) -> list[str | Untrusted]:
        """What the desk wrote, and why it is not shown where it is not by its officer."""
        found = await directory(self.installation, self.memory)
        answer = await self._call(
            pb.ListMessagesRequest(handle=self.handle), pb.ListMessagesResponse
        )
        shown: list[str | Untrusted] = []
        for one in answer.messages:
            if one.sender == pb.SENDER_DESK:
                try:
                    shown.append(self._opened(one, found))
                except Untrusted as reason:
                    shown.append(reason)
        return shown

    def _opened(self, message: pb.Message, found: Directory) -> str:
        place = {"handle": self.handle, "kind": MESSAGE}
        data = content.open_as(
            message.content,
            role=Role.CASE,
            key_id=self.handle,
            private_key=PrivateKey.of_case(self.phrase),
            **place,
        )
        at = message.time.ToDatetime(UTC)
        written = signed.verify_officer(
            data,
            found.public_key_of(at, desks=[message.desk]),
            number=message.content.number,
            recipients=[self.handle],
            **place,
        )
        return plain.Message.FromString(written.body).text

    def _content_key(self, epoch: int, to: Recipients) -> sealed.ContentKey:
        key = content.content_key(self.phrase, epoch)
        return content.seal_key(key, handle=self.handle, epoch=epoch, recipient=to.desk)

    def _sealed(
        self,
        kind: str,
        number: int,
        epoch: int,
        desk: str,
        body: plain.Content | plain.Message,
    ) -> sealed.SealedContent:
        return content.seal_item(
            self._signed(kind, number, desk, body),
            key=content.content_key(self.phrase, epoch),
            epoch=epoch,
            handle=self.handle,
            kind=kind,
            number=number,
        )

    def _signed(self, kind: str, number: int, desk: str, body: Body) -> bytes:
        return signed.sign(
            body.SerializeToString(),
            self.key,
            handle=self.handle,
            kind=kind,
            number=number,
            recipient_key_id=desk,
        )

    async def _call(self, request, response):  # type: ignore[no-untyped-def]
        connection = Connection(
            self.installation.endpoints(), CaseCredential(self.key, ORIGIN), patience=20
        )
        try:
            return await connection.call(request, response)
        finally:
            await connection.close()


@dataclass
class Officer:
    """Somebody with a token for the desk, and keys."""

    installation: Installation
    ring: KeyRing
    signer: signed.Signer
    token: str

    async def sealed(self, handle: str) -> pb.GetSealedReportResponse:
        """What is sealed in a case."""
        return await self.call(pb.GetSealedReportRequest(handle=handle), pb.GetSealedReportResponse)

    async def opened(self, handle: str) -> dict[int, str]:
        """What the company wrote, by its number."""
        case = await self.sealed(handle)
        keys = {
            one.epoch: content.open_key(
                one, handle=handle, private_key=self.ring.find(one.seal.key_id).opens()
            )
            for one in case.content_keys
        }
        answer = await self.call(pb.ListMessagesRequest(handle=handle), pb.ListMessagesResponse)
        texts = {}
        for one in answer.messages:
            if one.sender != pb.SENDER_COMPANY:
                continue
            number, epoch = one.content.number, one.content.epoch
            kind = CONTENT if one.purpose == pb.MESSAGE_PURPOSE_REPORT else MESSAGE
            data = content.open_item(one.content, key=keys[epoch], handle=handle, kind=kind)
            body = signed.verify_company(data, handle=handle, kind=kind, number=number).body
            texts[number] = (
                plain.Content.FromString(body).narrative
                if kind == CONTENT
                else plain.Message.FromString(body).text
            )
        return texts

    async def write(self, handle: str, text: str, case_key: bytes) -> None:
        """Writes to the company; `case_key` is the public one that its content brought."""
        own = self.ring.keys[0]
        number = (await self.sealed(handle)).desk_number + 1
        body = signed.sign(
            plain.Message(text=text).SerializeToString(),
            self.signer,
            handle=handle,
            kind=MESSAGE,
            number=number,
            recipient_key_id=handle,
        )
        recipients = [
            (Role.CASE, Addressee(handle, case_key)),
            (Role.DESK, Addressee(own.key_id, own.entry.sealing)),
        ]
        request = pb.SendMessageRequest(
            request_id=str(uuid4()),
            handle=handle,
            purpose=pb.MESSAGE_PURPOSE_QUESTION,
            content=content.seal_for(
                body, handle=handle, kind=MESSAGE, number=number, recipients=recipients
            ),
        )
        await self.call(request, pb.SendMessageResponse)

    async def reseal(self, handle: str, new: KeyFile) -> None:
        """Seals A, the content keys and what the desk wrote to the desk's new key."""
        case = await self.sealed(handle)
        to = Addressee(new.key_id, new.entry.sealing)
        half = identity.open_half(
            case.identity.desk,
            case.identity,
            handle=handle,
            role=Role.DESK,
            private_key=self.ring.find(case.identity.desk.key_id).opens(),
        )
        keys = [
            content.seal_key(
                content.open_key(
                    one, handle=handle, private_key=self.ring.find(one.seal.key_id).opens()
                ),
                handle=handle,
                epoch=one.epoch,
                recipient=to,
            )
            for one in case.content_keys
        ]
        request = pb.ResealCaseRequest(
            request_id=str(uuid4()),
            handle=handle,
            desk=DESK,
            half=identity.reseal_half(
                half, case.identity, handle=handle, role=Role.DESK, recipient=to
            ),
            content_keys=keys,
        )
        answer = await self.call(pb.ListMessagesRequest(handle=handle), pb.ListMessagesResponse)
        for one in answer.messages:
            if one.sender == pb.SENDER_DESK:
                (own,) = {seal.key_id for seal in one.content.seals} - {handle}
                seal = content.reseal(
                    one.content,
                    handle=handle,
                    private_key=self.ring.find(own).opens(),
                    key_id=own,
                    recipient=to,
                )
                request.messages.add(place=one.place, seal=seal)
        await self.call(request, pb.ResealCaseResponse)

    async def call(self, request, response):  # type: ignore[no-untyped-def]
        """Any call with the token."""
        connection = Connection(
            self.installation.endpoints(), TokenCredential(self.token), patience=20
        )
        try:
            return await connection.call(request, response)
        finally:
            await connection.close()


def officer(
    installation: Installation, *desk_keys: KeyFile, signer: KeyFile | None = None
) -> Officer:
    """The officer of development, or another, with these keys of the desk."""
    trust = installation.stack.trust
    return Officer(
        installation,
        KeyRing(desk_keys or (trust.desks[DESK],)),
        signer or trust.officer,
        installation.stack.mint("AUTHORITY", desks=(DESK,), jurisdictions=(COUNTRY,)),
    )


async def next_second() -> None:
    """Returns in a second that comes after what was done so far: entries have whole ones."""
    await asyncio.sleep(1 - time.time() % 1)


def now() -> datetime:
    """Whole seconds, as entries have them."""
    return datetime.now(UTC).replace(microsecond=0)
