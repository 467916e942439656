"""The triage service's unsealing over a real database, as officers and custodians use it."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import Message

from harbourlight import CaseKey
from harbourlight import unsealing as brief_of
from harbourlight.options.v1 import options_pb2 as options
from harbourlight.triage.v1 import unsealing_pb2 as pb
from harbourlight.types.v1 import sealed_pb2 as sealed
from services.triage import handlers
from services.triage.domain.model import Referral
from services.triage.store import cases
from services.triage.unsealing import Unsealings
from shared.callers import Caller
from shared.commands import Call
from shared.database import Database
from shared.erasure import KeyStore
from shared.receipts import Receipts
from shared.signed_tokens import SignedTokens
from tests.integration.installation import Installation
from tests.unit.services.triage.build import accepted

MIGRATIONS = Path(handlers.__file__).parent / "migrations"
KEY = Ed25519PrivateKey.generate()


def officer(desk: str = "LABOUR_INSPECTORATE", country: str = "MY") -> Caller:
    places = {"desks": frozenset({desk}), "jurisdictions": frozenset({country})}
    return Caller(options.ROLE_AUTHORITY, f"officer of {desk}", organisation="state", **places)


def custodian(organisation: str) -> Caller:
    return Caller(options.ROLE_CUSTODIAN, organisation, organisation=organisation)


BAR, OMBUDSMAN, OTHER = map(custodian, ("bar-association", "ombudsman", "somebody-else"))


def call(caller: Caller, request: Message) -> Call:
    method = type(request).__name__.removesuffix("Request")
    path = f"/harbourlight.triage.v1.UnsealingService/{method}"
    return Call(caller, path, hashlib.sha256(request.SerializeToString()).digest())


class Desk:
    """The service's unsealing over one database."""

    def __init__(self, database: Database, keys: KeyStore) -> None:
        self.database = database
        self.keys = keys
        self.unsealings = Unsealings(database, SignedTokens(b"secret"), keys)
        self.handlers = handlers.Handlers(database, Receipts(keys))

    async def referral(self, state: Referral | None = None) -> Referral:
        """One that the desk took up, in the database."""
        found = replace(
            state or accepted(), referral_id=str(uuid4()), handle=CaseKey.generate().handle
        )
        await self.database.transaction(
            lambda connection: cases.REFERRALS.save(connection, [(found.handle, found, 0)])
        )
        return found

    async def ask(self, of: Referral, number: int = 1, by: Caller | None = None) -> pb.Unsealing:
        """An officer requests unsealing."""
        request = ask(of, number)
        answer = await self.unsealings.request(call(by or officer(), request), request)
        return pb.RequestUnsealingResponse.FromString(answer).unsealing

    async def grant(self, unsealing_id: str, by: Caller = BAR) -> pb.Unsealing:
        """A custodian releases its half."""
        half = sealed.Seal(key_id=brief_of.key_id(b"o" * 32), ciphertext=b"half for the officer")
        request = pb.GrantUnsealingRequest(
            request_id=str(uuid4()),
            unsealing_id=unsealing_id,
            half=half,
            signer=bytes(32),
            receipt_nonce=bytes(32),
        )
        answer = await self.unsealings.grant(call(by, request), request)
        return pb.GrantUnsealingResponse.FromString(answer).unsealing

    async def refuse(self, unsealing_id: str, by: Caller = BAR) -> pb.Unsealing:
        """A custodian keeps its half."""
        request = pb.RefuseUnsealingRequest(
            request_id=str(uuid4()),
            unsealing_id=unsealing_id,
            reason=pb.UNSEALING_REFUSAL_NOT_NECESSARY,
            remark=sealed.SealedContent(number=1, payload=b"sealed remark"),
            signer=bytes(32),
            receipt_nonce=bytes(32),
        )
        answer = await self.unsealings.refuse(call(by, request), request)
        return pb.RefuseUnsealingResponse.FromString(answer).unsealing

    async def get(self, unsealing_id: str, by: Caller) -> pb.UnsealingRecord:
        """One in full."""
        return await self.unsealings.get(
            call(by, pb.GetUnsealingRequest(unsealing_id=unsealing_id)), unsealing_id
        )

    async def waiting(self, by: Caller, size: int = 0) -> list[str]:
        """What a custodian may answer, page by page."""
        found, token = [], ""
        while True:
            request = pb.ListUnsealingsRequest(page_size=size, page_token=token)
            page = await self.unsealings.list_waiting(call(by, request), request)
            found += [one.unsealing.unsealing_id for one in page.records]
            assert not any(one.brief.HasField("explanation") for one in page.records)
            if not (token := page.next_page_token):
                return found

    async def of_desk(self, by: Caller, handle: str = "", size: int = 0) -> list[str]:
        """What an officer's desks asked for, page by page."""
        found, token = [], ""
        while True:
            request = pb.ListMyUnsealingsRequest(handle=handle, page_size=size, page_token=token)
            page = await self.unsealings.list_of_desks(call(by, request), request)
            found += [one.unsealing.unsealing_id for one in page.records]
            if not (token := page.next_page_token):
                return found


def ask(of: Referral, number: int = 1) -> pb.RequestUnsealingRequest:
    brief = pb.UnsealingBrief(
        handle=of.handle,
        referral_id=of.referral_id,
        legal_basis=pb.LEGAL_BASIS_INVESTIGATION,
        number=number,
        one_time_key=b"o" * 32,
        identity_version=1,
        identity_hash=bytes(32),
        custodian_seal=sealed.Seal(key_id="c0", ciphertext=b"half"),
        alternate_seal=sealed.Seal(key_id="a0", ciphertext=b"half too"),
        custodian=BAR.organisation,
        alternate=OMBUDSMAN.organisation,
        explanation=sealed.SealedContent(number=1, payload=b"sealed reasons"),
        signer_key_id="5e",
    )
    brief_of.sign(brief, KEY.public_key().public_bytes_raw(), KEY.sign)
    return pb.RequestUnsealingRequest(
        request_id=str(uuid4()),
        referral_id=of.referral_id,
        brief=brief,
        receipt_nonce=brief_of.receipt_nonce(brief),
    )


@asynccontextmanager
async def desk_of(installation: Installation) -> AsyncIterator[Desk]:
    keys = KeyStore(installation.keystore_url("triage"))
    await keys.start()
    try:
        async with installation.database("triage", MIGRATIONS) as database:
            yield Desk(database, keys)
    finally:
        await keys.stop()


async def told(installation: Installation, handle: str) -> list[str]:
    """What was told of the case's unsealings, in order."""
    rows = await installation.ask(
        "SELECT type FROM triage.outbox WHERE subject = $1 AND type LIKE '%Unsealing%'"
        " ORDER BY sequence",
        handle,
    )
    return [name.rpartition(".")[2] for (name,) in rows]


async def uncommitted(installation: Installation) -> int:
    """How many steps of unsealings are no entries of the ledger, or nobody could prove to be."""
    rows = await installation.ask(
        "SELECT count(*) FROM triage.outbox o LEFT JOIN triage.receipt r USING (event_id)"
        " WHERE o.type LIKE '%Unsealing%' AND (commitment IS NULL OR opening IS NULL)"
    )
    return int(rows[0][0])


async def let_pass(desk: Desk, handle: str) -> None:
    """The time of the case's open unsealing passes, and the timer runs."""
    row = await desk.database.fetchrow(
        "SELECT revision, body FROM referrals WHERE subject = $1", handle
    )
    assert row is not None
    state = cases.REFERRALS.read(row["body"])
    assert state.unsealings[-1].open
    due = tuple(replace(one, ends_at=datetime.now(UTC)) for one in state.unsealings)
    change = (handle, replace(state, unsealings=due), row["revision"])
    await desk.database.transaction(lambda connection: cases.REFERRALS.save(connection, [change]))
    await desk.handlers.sweep()
