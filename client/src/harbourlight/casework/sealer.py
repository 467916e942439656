"""The company's side: seals who reports and what, writes to the desk, opens what that answers.

All keys follow from the case's words, so they restore the dialogue too.
"""

from dataclasses import dataclass
from datetime import UTC

from harbourlight.casework.written import (
    CONTENT,
    EVIDENCE,
    Body,
    Letter,
    kind_of,
    kind_of_body,
    read,
)
from harbourlight.errors import BadFile
from harbourlight.keys.directory import Directory, Key
from harbourlight.keys.recipients import Recipients
from harbourlight.phrase import Phrase
from harbourlight.reporting.v1 import content_pb2 as pb
from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.sealing import content as contents
from harbourlight.sealing import identity as identities
from harbourlight.sealing import signed
from harbourlight.sealing.hpke import PrivateKey, Role
from harbourlight.sealing.signed import Written
from harbourlight.signing import CaseKey
from harbourlight.types.v1 import sealed_pb2 as types


@dataclass(frozen=True)
class Turn:
    """Where the case stands for what the company writes next."""

    number: int = 1
    """Of the next thing that the company writes."""
    epoch: int = 1
    needs_key: bool = True
    """Whether nothing was written in the epoch yet, so that its key has to come along."""


@dataclass(frozen=True)
class Sealer:
    """Seals and opens with the keys of one case."""

    key: CaseKey

    @property
    def _phrase(self) -> Phrase:
        if self.key.phrase is None:
            raise BadFile(
                "the case file has no words, and the keys of what is sealed follow from them: it "
                "is one of the first version, whose cases have nothing sealed"
            )
        return self.key.phrase

    def identity(self, identity: sealed.Identity, recipients: Recipients) -> types.SealedIdentity:
        """Who reports, for desk and custodian together. Raises ValueError where it is too long."""
        handle = self.key.handle
        data = signed.sign(
            identity.SerializeToString(),
            self.key,
            handle=handle,
            kind=identities.KIND,
            number=identities.VERSION,
            recipient_key_id=recipients.desk.key_id,
        )
        return identities.seal(
            data,
            handle=handle,
            desk=recipients.desk,
            custodian=recipients.custodian,
            alternate=recipients.alternate,
        )

    def content_key(self, desk: Key, epoch: int) -> types.ContentKey:
        """The content key of an epoch, for the desk."""
        key = contents.content_key(self._phrase, epoch)
        return contents.seal_key(key, handle=self.key.handle, epoch=epoch, recipient=desk)

    def content(self, content: sealed.Content, desk: Key, turn: Turn) -> types.SealedContent:
        """What a report says, with the key that the desk answers to.

        Raises ValueError where it is too long.
        """
        whole = sealed.Content()
        whole.CopyFrom(content)
        whole.case_sealing_key = PrivateKey.of_case(self._phrase).public_bytes
        return self._item(whole.SerializeToString(), CONTENT, desk, turn)

    def message(self, body: Body, desk: Key, turn: Turn) -> types.SealedContent:
        """A message to the desk. Raises ValueError where it is too long."""
        return self._item(body.SerializeToString(), kind_of_body(body), desk, turn)

    def evidence(
        self, description: sealed.EvidenceDescription, desk: Key, turn: Turn
    ) -> types.SealedContent:
        """The description of a file. Raises ValueError where it is too long."""
        return self._item(description.SerializeToString(), EVIDENCE, desk, turn)

    def file_key(self, evidence_id: str, epoch: int) -> bytes:
        """The key of a file that is added in an epoch."""
        key = contents.content_key(self._phrase, epoch)
        return contents.evidence_key(key, handle=self.key.handle, evidence_id=evidence_id)

    def read(self, found: pb.Message, directory: Directory) -> Letter:
        """What either side wrote."""
        own = found.sender == pb.SENDER_COMPANY
        return read(
            found, lambda: self._open_own(found) if own else self._open_desks(found, directory)
        )

    def _item(self, body: bytes, kind: str, desk: Key, turn: Turn) -> types.SealedContent:
        handle = self.key.handle
        data = signed.sign(
            body,
            self.key,
            handle=handle,
            kind=kind,
            number=turn.number,
            recipient_key_id=desk.key_id,
        )
        return contents.seal_item(
            data,
            key=contents.content_key(self._phrase, turn.epoch),
            epoch=turn.epoch,
            handle=handle,
            kind=kind,
            number=turn.number,
        )

    def _open_own(self, found: pb.Message) -> Written:
        handle, kind = self.key.handle, kind_of(found.purpose)
        key = contents.content_key(self._phrase, found.content.epoch)
        data = contents.open_item(found.content, key=key, handle=handle, kind=kind)
        return signed.verify_company(data, handle=handle, kind=kind, number=found.content.number)

    def _open_desks(self, found: pb.Message, directory: Directory) -> Written:
        handle, kind = self.key.handle, kind_of(found.purpose)
        data = contents.open_as(
            found.content,
            handle=handle,
            kind=kind,
            role=Role.CASE,
            key_id=handle,
            private_key=PrivateKey.of_case(self._phrase),
        )
        return signed.verify_officer(
            data,
            directory.public_key_of(found.time.ToDatetime(UTC), desks={found.desk}),
            handle=handle,
            kind=kind,
            number=found.content.number,
            recipients={handle},
        )
