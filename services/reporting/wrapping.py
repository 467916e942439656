"""Between the contract's sealed messages and the rows that hold them, wrapped under the case's key.

What is wrapped names its place, so that no row can be put in place of another.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from google.protobuf.message import Message as ProtoMessage

from harbourlight.reporting.v1 import content_pb2 as pb
from harbourlight.types.v1 import sealed_pb2 as sealed
from services.reporting.store import MessageRow, SealRow
from shared import translate
from shared.erasure import ErasureKey

IDENTITY, HALF, CONTENT_KEY, MESSAGE = "identity", "half", "content_key", "message"


class Wrapping:
    """One case's rows."""

    def __init__(self, key: ErasureKey, handle: str) -> None:
        self._key = key
        self._handle = handle

    def seal(self, desk: str, what: str, number: int, message: ProtoMessage) -> SealRow:
        """A row for a desk; the identity is at desk ""."""
        place = self._seal_place(desk, what, number)
        return SealRow(desk, what, number, self._key.wrap(place, message.SerializeToString()))

    def identity(self, identity: sealed.SealedIdentity, desk: str) -> list[SealRow]:
        """The identity and, apart from it, its half for the desk."""
        common = sealed.SealedIdentity()
        common.CopyFrom(identity)
        common.ClearField("desk")
        return [
            self.seal("", IDENTITY, 0, common),
            self.seal(desk, HALF, 0, identity.desk),
        ]

    def content_key(self, key: sealed.ContentKey, desk: str) -> SealRow:
        """The key of an epoch."""
        return self.seal(desk, CONTENT_KEY, key.epoch, key.seal)

    def message(
        self,
        content: sealed.SealedContent,
        *,
        place: int,
        sender: str,
        purpose: str,
        desk: str,
        now: datetime,
    ) -> MessageRow:
        """Something that was written."""
        wrapped = self._key.wrap(self._message_place(place), content.SerializeToString())
        return MessageRow(place, sender, purpose, desk, now, wrapped)

    def open_identity(self, rows: Iterable[SealRow]) -> sealed.SealedIdentity | None:
        """The identity, with the desk's half where that is among the rows."""
        found: sealed.SealedIdentity | None = None
        half: sealed.Seal | None = None
        for row in rows:
            if row.what == IDENTITY:
                found = sealed.SealedIdentity.FromString(self._unwrapped(row))
            elif row.what == HALF:
                half = sealed.Seal.FromString(self._unwrapped(row))
        if found is not None and half is not None:
            found.desk.CopyFrom(half)
        return found

    def open_content_keys(self, rows: Iterable[SealRow]) -> list[sealed.ContentKey]:
        """The content keys among the rows."""
        return [
            sealed.ContentKey(epoch=row.number, seal=sealed.Seal.FromString(self._unwrapped(row)))
            for row in rows
            if row.what == CONTENT_KEY
        ]

    def open_message(self, row: MessageRow, reader: str = "") -> pb.Message:
        """Something that was written, with the seal that its reader, a desk, was given later."""
        text = self._key.unwrap(self._message_place(row.place), row.sealed)
        content = sealed.SealedContent.FromString(text)
        if row.resealed is not None:
            place = self._seal_place(reader, MESSAGE, row.place)
            content.seals.append(sealed.Seal.FromString(self._key.unwrap(place, row.resealed)))
        return pb.Message(
            place=row.place,
            sender=_number(pb.Sender, row.sender),
            desk=row.desk,
            purpose=_number(pb.MessagePurpose, row.purpose),
            time=translate.timestamp(row.sent_at),
            content=content,
        )

    def _unwrapped(self, row: SealRow) -> bytes:
        return self._key.unwrap(self._seal_place(row.desk, row.what, row.number), row.sealed)

    def _seal_place(self, desk: str, what: str, number: int) -> str:
        return f"seals/{self._handle}/{desk}/{what}/{number}"

    def _message_place(self, place: int) -> str:
        return f"messages/{self._handle}/{place}"


def _number(enum: Any, name: str) -> Any:
    return translate.enum_number(enum.DESCRIPTOR, name)
