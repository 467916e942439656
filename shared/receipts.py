"""Receipts: what a command lodged, committed to by the ledger and promised at once.

Whoever sends 32 random bytes as `receipt_nonce` gets a receipt of the first event that the command
emits. Its commitment rides on that event to the ledger, and what the commitment is of is kept
beside the recorded answer. The promise is signed whenever the answer is given, after the commit:
Ed25519 is deterministic, and all that is signed was recorded, so a repeated answer is the same.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import asyncpg
from google.protobuf.message import Message

from harbourlight.proofs.challenges import Opening
from harbourlight.proofs.notes import SignerKey
from harbourlight.proofs.promises import Promise
from harbourlight.proofs.receipts import ReceiptText
from harbourlight.types.v1 import sealed_pb2
from shared import contract
from shared.database import Connection, Database
from shared.erasure import Erased, ErasureKey, KeyStore
from shared.errors import Violation, invalid
from shared.outbox import Outgoing
from shared.settings import MissingSetting, Settings

NONCE, RECEIPT = "receipt_nonce", "receipt"
"""Fields of a request that asks for a receipt, and of the response that has it."""
INCLUDED_WITHIN = timedelta(seconds=60)
"""From the event's time to the end of the promise."""
_KEY_BYTES = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Receipt:
    """A receipt of one event."""

    text: ReceiptText
    opening: Opening = field(repr=False)
    """What makes up its salt: who does not have it cannot tell what the commitment is of."""
    key: ErasureKey | None = field(default=None, repr=False, compare=False)
    """The subject's erasure key, under which the command that lodges it keeps what it brings."""

    @classmethod
    def of(cls, event: Outgoing, opening: Opening) -> "Receipt":
        """The receipt of an event that has its id."""
        assert event.event_id is not None
        name = event.event.DESCRIPTOR.full_name
        text = ReceiptText(opening.salt, event.subject, event.event_id, name, event.time)
        return cls(text, opening)


@dataclass(frozen=True)
class Lodged:
    """A receipt as it is to be kept."""

    receipt: Receipt
    wrapped: bytes
    """Its opening, under the subject's erasure key."""
    new_key: UUID | None = None
    """Id of that key, where it becomes the subject's only now."""

    @property
    def columns(self) -> tuple[Any, ...]:
        """Its row, in the order of COLUMNS."""
        text = self.receipt.text
        return UUID(text.event_id), text.handle, text.event_type, text.time, self.wrapped


COLUMNS = "event_id, subject, type, time, opening"


def asked(request: Any, signer: bytes, request_hash: bytes) -> Opening | None:
    """What the salt of the receipt that a request asks for is made of; None where it asks for none.

    `signer` is the raw public key of who lodges. Raises Refusal where there is none.
    """
    nonce = getattr(request, NONCE, b"")
    if not nonce:
        return None
    if len(signer) != _KEY_BYTES:
        raise invalid([Violation(NONCE, "a receipt is bound to a key, and none signed this")])
    return Opening(nonce, signer, request_hash)


def new_event_id(time: datetime) -> str:
    """A UUIDv7 of this time, as the database would draw one."""
    millis, rest = divmod(time - _EPOCH, timedelta(milliseconds=1))
    fraction = (rest.microseconds << 12) // 1000
    random = int.from_bytes(os.urandom(8), "big") >> 2
    return str(UUID(int=millis << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random))


def _place(event_id: str) -> str:
    return f"receipt/{event_id}"


def opened(row: asyncpg.Record, key: ErasureKey) -> Receipt:
    """The receipt in a row, by its subject's erasure key."""
    event_id = str(row["event_id"])
    parts = key.unwrap(_place(event_id), row["opening"])
    opening = Opening(parts[:32], parts[32:64], parts[64:])
    text = ReceiptText(opening.salt, row["subject"], event_id, row["type"], row["time"])
    return Receipt(text, opening)


def unpromised(receipt: Receipt) -> sealed_pb2.Receipt:
    """The receipt without a promise: it counts once the ledger has it."""
    return sealed_pb2.Receipt(text=str(receipt.text))


@dataclass(frozen=True)
class Promiser:
    """A service that promises what it lodged to the ledger."""

    origin: str
    key: SignerKey

    @classmethod
    def load(cls, settings: Settings) -> "Promiser":
        """With the key in the file that the settings name.

        Raises MissingSetting, OSError, or BadNote where the file holds no such key.
        """
        if settings.promise_key is None:
            raise MissingSetting(
                "HARBOURLIGHT_PROMISE_KEY is not set: it names the file with the key that the "
                "service signs its promises by"
            )
        return cls(settings.origin, SignerKey.parse(settings.promise_key.read_text("ascii")))

    def promise(self, receipt: Receipt) -> str:
        """The signed note that the ledger will have the receipt's commitment in time."""
        by = receipt.text.time + INCLUDED_WITHIN
        return Promise(self.origin, receipt.text.commitment, by).sign(self.key)


class Receipts:
    """A service's receipts: the keys that their openings are kept under, and who promises them.

    Where nobody does, a receipt counts once the ledger has it.
    """

    def __init__(self, keys: KeyStore, promiser: Promiser | None = None) -> None:
        self._keys = keys
        self._promiser = promiser

    def message(self, receipt: Receipt) -> sealed_pb2.Receipt:
        """The receipt as its holder gets it."""
        found = unpromised(receipt)
        if self._promiser:
            found.promise = self._promiser.promise(receipt)
        return found

    def added(self, method: str, response: bytes, receipt: Receipt) -> bytes:
        """The serialized response of a method with the receipt in it."""
        # Serialized messages can be joined: what follows adds the fields that it has.
        more = _response(method)(**{RECEIPT: self.message(receipt)})
        return response + more.SerializeToString()

    async def lodge(
        self, connection: Connection | None, events: list[Outgoing], opening: Opening
    ) -> tuple[Lodged, list[Outgoing]]:
        """A receipt of the first event, and the events with its commitment on the first.

        `connection` is the transaction that has locked the events' subject; None where that is
        new. Raises Refusal where it was erased.
        """
        first = replace(events[0], event_id=new_event_id(events[0].time))
        # What is new has no key, so there is nothing to look for: the row that gives it one is
        # written with the receipt's.
        of = self._keys
        key = await (of.of(connection, first.subject) if connection else of.fresh())
        receipt = replace(Receipt.of(first, opening), key=key)
        parts = opening.nonce + opening.public_key + opening.request_hash
        wrapped = key.wrap(_place(receipt.text.event_id), parts)
        lodged = Lodged(receipt, wrapped, None if connection else key.id)
        return lodged, [replace(first, commitment=receipt.text.commitment), *events[1:]]

    async def lodge_unasked(self, connection: Connection, event: Outgoing) -> Outgoing:
        """The event with a commitment of the service's own, where nobody lodged it: time did.

        Its opening is random and kept as others are. One whose subject was erased goes without.
        """
        opening = Opening(os.urandom(32), bytes(_KEY_BYTES), bytes(32))
        try:
            lodged, (committed,) = await self.lodge(connection, [event], opening)
        except Erased:
            return event
        values = ", ".join(f"${n}" for n in range(1, len(lodged.columns) + 1))
        await connection.execute(
            f"INSERT INTO receipt ({COLUMNS}) VALUES ({values})", *lodged.columns
        )
        return committed

    async def lodge_due(
        self, connection: Connection, events: list[Outgoing], due: Callable[[Outgoing], bool]
    ) -> list[Outgoing]:
        """The events, with a commitment of the service's own on those `due` one and without."""
        return [
            await self.lodge_unasked(connection, event)
            if event.commitment is None and due(event)
            else event
            for event in events
        ]

    async def take_back(self, database: Database, lodged: Lodged) -> None:
        """What was lodged for a new subject that was not new was not written."""
        if key := lodged.receipt.key:
            await self._keys.give_back(database, lodged.receipt.text.handle, key)

    async def opened(self, database: Database, rows: Sequence[asyncpg.Record]) -> list[Receipt]:
        """The receipts in rows of one subject; none where it was erased."""
        if not rows:
            return []
        try:
            key = await self._keys.find(database, rows[0]["subject"])
        except Erased:
            return []
        return [opened(row, key) for row in rows] if key else []

    async def page(
        self, database: Database, subject: str, after: tuple[datetime, UUID] | None, most: int
    ) -> list[Receipt]:
        """The subject's receipts behind a place, oldest first; none where it was erased."""
        rows = await database.fetch(
            f"SELECT {COLUMNS} FROM receipt WHERE subject = $1"
            " AND ($2::timestamptz IS NULL OR (time, event_id) > ($2, $3))"
            " ORDER BY time, event_id LIMIT $4",
            subject,
            *(after or (None, None)),
            most,
        )
        return await self.opened(database, rows)


@cache
def _response(method: str) -> type[Message]:
    return contract.message_class(contract.find_method(method).output_type)
