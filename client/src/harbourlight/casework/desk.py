"""The desk's side: opens a report, answers the company, seals the case to whom it goes to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC

from harbourlight.casework.written import Body, Letter, kind_of, kind_of_body, read
from harbourlight.errors import CannotOpen
from harbourlight.keys.directory import Directory, Key
from harbourlight.keys.entries import Kind
from harbourlight.keys.files import KeyFile, KeyRing
from harbourlight.reporting.v1 import content_pb2 as pb
from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.sealing import content as contents
from harbourlight.sealing import identity as identities
from harbourlight.sealing import signed
from harbourlight.sealing.hpke import PUBLIC_LENGTH, Addressee, Recipient, Role
from harbourlight.sealing.signed import Written
from harbourlight.types.v1 import sealed_pb2 as types


@dataclass(frozen=True)
class OpenCase:
    """A case that a desk has opened: it reads all but who reports."""

    handle: str
    sealed: pb.GetSealedReportResponse
    content_keys: Mapping[int, bytes] = field(repr=False)
    """By their epoch."""
    report: Letter | None
    """What the report says now; None where the company sealed nothing."""

    @property
    def case_key(self) -> Addressee:
        """What answers are sealed to. Raises CannotOpen where the company gave no such key."""
        body = self.report.body if self.report else None
        if not isinstance(body, sealed.Content) or len(body.case_sealing_key) != PUBLIC_LENGTH:
            raise CannotOpen(
                "the report brings no key of the case that answers could be sealed to: the company "
                "has to amend it with a client that seals"
            )
        return Addressee(self.handle, body.case_sealing_key)


@dataclass(frozen=True)
class Desk:
    """Opens and seals with the keys that an officer holds."""

    keys: KeyRing
    directory: Directory

    def open(self, answer: pb.GetSealedReportResponse) -> OpenCase:
        """A case as the platform gives it.

        Raises CannotOpen, and BadFile where a key is not held here.
        """
        handle = answer.handle
        opened = {
            one.epoch: contents.open_key(
                one, handle=handle, private_key=self.keys.find(one.seal.key_id).opens()
            )
            for one in answer.content_keys
        }
        report = None
        if answer.HasField("report"):
            report = self.read(answer.report, handle, opened)
        return OpenCase(handle, answer, opened, report)

    def read(self, found: pb.Message, handle: str, content_keys: Mapping[int, bytes]) -> Letter:
        """What either side wrote."""
        return read(found, lambda: self.expect_open(found, handle, content_keys))

    def write(
        self,
        case: OpenCase,
        body: Body,
        *,
        officer: KeyFile,
        desk: Key,
    ) -> types.SealedContent:
        """A message for the company, which the desk can read again.

        Raises CannotOpen where the company gave no key for it, ValueError where it is too long.
        """
        number, handle = case.sealed.desk_number + 1, case.handle
        kind = kind_of_body(body)
        data = signed.sign(
            body.SerializeToString(),
            officer,
            handle=handle,
            kind=kind,
            number=number,
            recipient_key_id=handle,
        )
        recipients: list[tuple[Role, Recipient]] = [(Role.CASE, case.case_key), (Role.DESK, desk)]
        return contents.seal_for(
            data, handle=handle, kind=kind, number=number, recipients=recipients
        )

    def reseal(
        self, case: OpenCase, messages: Iterable[pb.Message], receiver: Key
    ) -> pb.ResealCaseRequest:
        """The case for another desk, or for a new key of the same; without its request_id.

        Raises CannotOpen where something does not open here, and so could not be passed on.
        """
        handle, sealed_case = case.handle, case.sealed
        request = pb.ResealCaseRequest(handle=handle, desk=receiver.entry.name)
        if sealed_case.HasField("identity"):
            identity, half = sealed_case.identity, self.half(case)
            request.half.CopyFrom(
                identities.reseal_half(
                    half, identity, handle=handle, role=Role.DESK, recipient=receiver
                )
            )
        for epoch, key in sorted(case.content_keys.items()):
            request.content_keys.append(
                contents.seal_key(key, handle=handle, epoch=epoch, recipient=receiver)
            )
        for one in messages:
            if one.sender == pb.SENDER_DESK:
                key_id = self._own_seal(one.content, handle)
                seal = contents.reseal(
                    one.content,
                    handle=handle,
                    private_key=self.keys.find(key_id).opens(),
                    key_id=key_id,
                    recipient=receiver,
                )
                request.messages.add(place=one.place, seal=seal)
        return request

    def half(self, case: OpenCase) -> bytes:
        """The desk's half of the key to who reports. Raises CannotOpen."""
        identity = case.sealed.identity
        return identities.open_half(
            identity.desk,
            identity,
            handle=case.handle,
            role=Role.DESK,
            private_key=self.keys.find(identity.desk.key_id).opens(),
        )

    def expect_open(
        self, found: pb.Message, handle: str, content_keys: Mapping[int, bytes]
    ) -> Written:
        """Something that opens here and is its sender's. Raises CannotOpen, Untrusted."""
        if found.sender == pb.SENDER_DESK:
            return self._open_desks(found, handle)
        return self._open_companys(found, handle, content_keys)

    def _open_companys(
        self, found: pb.Message, handle: str, content_keys: Mapping[int, bytes]
    ) -> Written:
        kind, epoch = kind_of(found.purpose), found.content.epoch
        if epoch not in content_keys:
            raise CannotOpen(f"the content key of epoch {epoch} was not sealed to this desk")
        data = contents.open_item(found.content, key=content_keys[epoch], handle=handle, kind=kind)
        # Whichever desk it was meant for then: the key that it is under was handed on.
        desks = {one.key_id for one in self.directory.keys if one.entry.kind is Kind.DESK}
        return signed.verify_company(
            data, handle=handle, kind=kind, number=found.content.number, recipients=desks
        )

    def _open_desks(self, found: pb.Message, handle: str) -> Written:
        key_id, kind = self._own_seal(found.content, handle), kind_of(found.purpose)
        data = contents.open_as(
            found.content,
            handle=handle,
            kind=kind,
            role=Role.DESK,
            key_id=key_id,
            private_key=self.keys.find(key_id).opens(),
        )
        return signed.verify_officer(
            data,
            self.directory.public_key_of(found.time.ToDatetime(UTC), desks={found.desk}),
            handle=handle,
            kind=kind,
            number=found.content.number,
            recipients={handle},
        )

    def _own_seal(self, content: types.SealedContent, handle: str) -> str:
        """The id of a key held here that the content is sealed to. Raises CannotOpen."""
        held = {one.key_id for one in self.keys.keys}
        for seal in content.seals:
            if seal.key_id in held:
                return seal.key_id
        wanted = ", ".join(seal.key_id for seal in content.seals if seal.key_id != handle)
        raise CannotOpen(f"it is sealed to {wanted}, and none of these keys is held here")
