"""What a command brings sealed: checked as far as it can be, wrapped and stored."""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from harbourlight.reporting.v1 import content_pb2 as pb
from harbourlight.types.v1 import sealed_pb2 as sealed
from services.reporting import store
from services.reporting.domain.model import Case
from services.reporting.domain.sealed import COMPANY, DESK, Lodged, place
from services.reporting.wrapping import Wrapping
from shared import translate
from shared.database import Connection
from shared.erasure import KeyStore
from shared.errors import Violation, invalid
from shared.receipts import Receipt

REPORT, EVIDENCE = "REPORT", "EVIDENCE"
Also = Callable[[Connection, Case, Receipt | None], Awaitable[None]]

_DIRECTORY_KEY = re.compile(r"[0-9a-f]{16}")


def lodged_with(request: Any) -> Lodged:
    """What a company's request brings sealed. Raises Refusal (INVALID)."""
    faults: list[Violation] = []
    if request.HasField("content"):
        faults += _company_content(request.content)
    if request.HasField("content_key"):
        faults += key_ids([("content_key.seal", request.content_key.seal)])
    identity = "identity" in request.DESCRIPTOR.fields_by_name and request.HasField("identity")
    if identity:
        faults += _identity(request.identity)
    if faults:
        raise invalid(faults)
    return Lodged(
        number=request.content.number,
        epoch=request.content.epoch,
        key_epoch=request.content_key.epoch,
        identity=identity,
    )


def check_desk_message(handle: str, content: sealed.SealedContent) -> None:
    """Raises Refusal (INVALID) where a desk's message cannot be read by both sides."""
    faults = []
    if content.epoch:
        faults.append(Violation("content.epoch", "is 0 in what a desk writes: it has its own key"))
    ids = [seal.key_id for seal in content.seals]
    if handle not in ids:
        fault = f"none is for the case: seal the key to the case's own, under key id {handle}"
        faults.append(Violation("content.seals", fault))
    if len(ids) < 2:
        fault = "none is for the desk: seal the key to the desk as well, or it cannot read back"
        faults.append(Violation("content.seals", fault))
    if len(set(ids)) != len(ids):
        faults.append(Violation("content.seals", "two are for the same key"))
    faults += key_ids(
        (f"content.seals[{n}]", seal)
        for n, seal in enumerate(content.seals)
        if seal.key_id != handle
    )
    if faults:
        raise invalid(faults)


def key_ids(seals: Iterable[tuple[str, sealed.Seal]]) -> Iterator[Violation]:
    """The seals, by field, that are for no key of the directory."""
    for field, seal in seals:
        if not _DIRECTORY_KEY.fullmatch(seal.key_id):
            yield Violation(f"{field}.key_id", "is no key of the directory: 16 hexadecimal digits")


def _company_content(content: sealed.SealedContent) -> Iterator[Violation]:
    if not content.epoch:
        yield Violation("content.epoch", "is required: what a company writes is under one")
    if content.seals:
        yield Violation("content.seals", "is empty in what a company writes: see content_key")


def _identity(identity: sealed.SealedIdentity) -> Iterator[Violation]:
    halves = [(name, getattr(identity, name)) for name in ("desk", "custodian", "alternate")]
    for name, _ in halves:
        if not identity.HasField(name):
            yield Violation(f"identity.{name}", "is required")
    found = [(f"identity.{name}", seal) for name, seal in halves if identity.HasField(name)]
    yield from key_ids(found)
    if len({seal.key_id for _, seal in found}) < len(found):
        yield Violation("identity", "is sealed to the same key twice: the three are different")


class Sealing:
    """Stores what commands bring, each within the command's transaction."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    def report(self, request: Any, lodged: Lodged) -> Also | None:
        """What comes with a report or an amendment."""
        return self._of_company(request, lodged, REPORT)

    def message(self, request: pb.SendMessageRequest, lodged: Lodged) -> Also | None:
        """What a company writes."""
        return self._of_company(request, lodged, translate.enum_of(request, "purpose"))

    def evidence(self, request: Any, lodged: Lodged) -> Also | None:
        """The description of a file that is to come."""
        return self._of_company(request, lodged, EVIDENCE)

    def desk_message(self, request: pb.SendMessageRequest) -> Also:
        """What a desk writes."""
        purpose = translate.enum_of(request, "purpose")

        async def write(connection: Connection, case: Case, _: Receipt | None) -> None:
            wrapping = Wrapping(await self._keys.of(connection, case.handle), case.handle)
            row = wrapping.message(
                request.content,
                place=place(case),
                sender=DESK,
                purpose=purpose,
                desk=case.desk_now,
                now=datetime.now(UTC),
            )
            await store.add(connection, case.handle, [row], [])

        return write

    def _of_company(self, request: Any, lodged: Lodged, purpose: str) -> Also | None:
        if not (lodged.number or lodged.identity):
            return None

        async def write(connection: Connection, case: Case, receipt: Receipt | None) -> None:
            key = receipt.key if receipt else None
            key = key or await self._keys.of(connection, case.handle)
            wrapping = Wrapping(key, case.handle)
            rows, seals = [], []
            if lodged.identity:
                if case.amendments:
                    await store.forget_halves(connection, case.handle)
                seals += wrapping.identity(request.identity, case.desk_now)
            if lodged.key_epoch:
                seals.append(wrapping.content_key(request.content_key, case.desk_now))
            if lodged.number:
                row = wrapping.message(
                    request.content,
                    place=place(case),
                    sender=COMPANY,
                    purpose=purpose,
                    desk=case.desk_now,
                    now=datetime.now(UTC),
                )
                rows.append(row)
            await store.add(connection, case.handle, rows, seals)

        return write
