"""A case goes to another desk, and ends for good, backups and all."""

import base64
import secrets as random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from harbourlight.errors import Error, InvalidArgument, NotFound, Stale, WrongState
from harbourlight.proofs.receipts import ReceiptText
from harbourlight.reporting.v1 import content_pb2 as pb
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from services.reporting import store
from services.reporting.__main__ import MIGRATIONS
from services.reporting.handlers import Handlers
from services.reporting.sealing import Sealing
from shared.database import Connection as Transaction
from shared.erasure import KeyStore
from shared.receipts import Receipts
from shared.signed_tokens import SignedTokens
from tests.integration.backup import dump, restore
from tests.integration.calls import facts
from tests.integration.installation import Installation
from tests.integration.parties import (
    DESK,
    OTHER_DESK,
    Case,
    Connection,
    Parties,
    at,
    listed,
    message,
    read,
    write,
)
from tests.integration.waiting import eventually

COURT, SAFETY = pb.ERASURE_REASON_COURT_ORDER, pb.ERASURE_REASON_SAFETY_OF_PEOPLE
TOPIC = "reporting.events.v1"


async def _handled_by(parties: Parties, case: Case, desk: str) -> None:
    await parties.accept(case.handle, desk)

    async def look() -> bool:
        answer = await case.company.call(
            reporting.GetCaseRequest(handle=case.handle), reporting.GetCaseResponse
        )
        return bool(answer.case.handling_desk == desk)

    await eventually(look)


async def _reseal(by: Connection, case: Case, **fields: object) -> None:
    request = pb.ResealCaseRequest(request_id=str(uuid4()), handle=case.handle, **fields)
    await by.call(request, pb.ResealCaseResponse)


async def _confirm(by: Connection, case: Case) -> None:
    request = pb.ConfirmResealRequest(request_id=str(uuid4()), handle=case.handle)
    await by.call(request, pb.ConfirmResealResponse)


async def _erase(by: Connection, handle: str, reason: pb.ErasureReason) -> bool:
    request = pb.EraseCaseRequest(request_id=str(uuid4()), handle=handle, reason=reason)
    return (await by.call(request, pb.EraseCaseResponse)).erased


async def test_a_transferred_case_is_opened_by_the_desk_that_took_it_and_by_no_other(
    installation: Installation,
) -> None:
    await installation.serve("reporting")
    async with at(installation) as parties:
        case, secrets = await parties.report(), parties.secrets
        sender, receiver = parties.officer(DESK), parties.officer(OTHER_DESK)
        asked = message(case, secrets.desk_content(1, case.handle))
        await write(sender, asked)

        half, key, again = (
            secrets.seal("b" * 16),
            secrets.content_key(1, "b" * 16),
            secrets.seal("b" * 16),
        )
        further = pb.ResealedMessage(place=2, seal=again)
        for lacking in (
            {"half": half},
            {"content_keys": [key]},
            {"half": half, "content_keys": [key, key]},
            {"half": half, "content_keys": [key], "messages": [{"place": 3, "seal": again}]},
        ):
            with pytest.raises(InvalidArgument):
                await _reseal(sender, case, desk=OTHER_DESK, **lacking)
        with pytest.raises(NotFound):
            await _reseal(receiver, case, desk=OTHER_DESK, half=half, content_keys=[key])
        with pytest.raises(WrongState, match="nothing waits"):
            await _confirm(sender, case)
        await _reseal(
            sender, case, desk=OTHER_DESK, half=half, content_keys=[key], messages=[further]
        )
        # Until it has accepted, it is another desk.
        with pytest.raises(NotFound):
            await read(receiver, case.handle)
        assert (await read(sender, case.handle)).identity.desk == case.identity.desk

        await _handled_by(parties, case, OTHER_DESK)
        got = await read(receiver, case.handle)
        assert (got.identity.desk, list(got.content_keys)) == (half, [key])
        assert (got.epoch, got.key_epoch, got.desk) == (2, 1, OTHER_DESK)
        found = (await listed(receiver, case.handle)).messages
        assert list(found[1].content.seals) == [*asked.content.seals, again]
        # The sender keeps what it had, in case it has to seal again, and takes no part any more.
        assert (await read(sender, case.handle)).identity.desk == case.identity.desk
        with pytest.raises(NotFound):
            await listed(sender, case.handle)
        with pytest.raises(NotFound):
            await write(sender, message(case, secrets.desk_content(2, case.handle)))

        with pytest.raises(Stale, match="in epoch 2"):
            await write(case.company, message(case, secrets.content(2, 1)))
        with pytest.raises(Stale, match="POLICE"):
            await write(case.company, message(case, secrets.content(2, 2)))
        new_key = secrets.content_key(2, "b" * 16)
        told = message(case, secrets.content(2, 2), content_key=new_key)
        await write(case.company, told)
        with pytest.raises(Stale, match="already"):
            await write(case.company, message(case, secrets.content(3, 2), content_key=new_key))
        await write(receiver, message(case, secrets.desk_content(2, case.handle)))
        assert list((await read(receiver, case.handle)).content_keys) == [key, new_key]
        assert list((await read(sender, case.handle)).content_keys) == [case.content_key]

        await _confirm(receiver, case)
        with pytest.raises(NotFound):
            await read(sender, case.handle)
        rows = await installation.ask("SELECT DISTINCT desk FROM reporting.seals ORDER BY 1")
        assert rows == [("",), (OTHER_DESK,)]


async def test_a_desk_that_lacks_something_does_not_confirm_and_the_one_before_seals_again(
    installation: Installation,
) -> None:
    await installation.serve("reporting")
    async with at(installation) as parties:
        case, secrets = await parties.report(), parties.secrets
        sender, receiver = parties.officer(DESK), parties.officer(OTHER_DESK)
        await _handled_by(parties, case, OTHER_DESK)
        with pytest.raises(WrongState, match="half of the identity's key"):
            await _confirm(receiver, case)
        half, key = secrets.seal("b" * 16), secrets.content_key(1, "b" * 16)
        await _reseal(sender, case, desk=OTHER_DESK, half=half, content_keys=[key])
        await _confirm(receiver, case)
        assert (await read(receiver, case.handle)).identity.desk == half


async def test_a_desk_seals_a_case_to_its_own_new_key(installation: Installation) -> None:
    await installation.serve("reporting")
    async with at(installation) as parties:
        case, secrets = await parties.report(), parties.secrets
        desk = parties.officer(DESK)
        half, key = secrets.seal("f" * 16), secrets.content_key(1, "f" * 16)
        await _reseal(desk, case, desk=DESK, half=half, content_keys=[key])
        got = await read(desk, case.handle)
        assert (got.identity.desk, list(got.content_keys)) == (half, [key])
        # Who held the old key knows the content key so far: what comes next has another.
        assert (got.epoch, got.key_epoch) == (2, 1)


async def _agree(parties: Parties, case: Case, reason: pb.ErasureReason = COURT) -> None:
    """Erases the case as desk and custodian."""
    assert not await _erase(parties.officer(DESK), case.handle, reason)
    assert await _erase(parties.custodian(), case.handle, reason)


async def test_it_takes_desk_and_custodian_with_one_reason(installation: Installation) -> None:
    await installation.serve("reporting")
    async with at(installation) as parties:
        case = await parties.report()
        desk, custodian = parties.officer(DESK), parties.custodian()
        for stranger in (parties.officer(OTHER_DESK), parties.custodian(country="TH")):
            with pytest.raises(NotFound):
                await _erase(stranger, case.handle, COURT)
        assert not await _erase(custodian, case.handle, SAFETY)
        assert not await _erase(custodian, case.handle, COURT)
        with pytest.raises(WrongState, match="COURT_ORDER"):
            await _erase(desk, case.handle, SAFETY)
        with pytest.raises(WrongState, match="different organisations"):
            await _erase(parties.officer(DESK, org="chamber"), case.handle, COURT)
        assert (await read(desk, case.handle)).HasField("identity")
        assert await _erase(desk, case.handle, COURT)
        with pytest.raises(WrongState, match="ERASED"):
            await _erase(custodian, case.handle, COURT)


async def test_of_an_erased_case_nothing_opens_not_even_from_a_backup(
    installation: Installation, tmp_path: Path
) -> None:
    service = await installation.serve("reporting")
    nonce = random.token_bytes(32)
    async with at(installation) as parties:
        kept = await parties.report()
        case = await parties.report(receipt_nonce=nonce)
        await write(
            parties.officer(DESK), message(case, parties.secrets.desk_content(1, case.handle))
        )
        backup = await dump(installation)
        ((key_id,),) = await installation.ask(
            "SELECT key_id FROM reporting.erasure_key WHERE subject = $1", case.handle
        )
        assert await _key(installation, key_id) not in backup
        await _agree(parties, case)

        for call in (
            read(case.company, case.handle),
            listed(case.company, case.handle),
            write(case.company, message(case, parties.secrets.content(2))),
            read(parties.officer(DESK), case.handle),
            read(parties.custodian(), case.handle),
            case.company.call(
                reporting.AmendReportRequest(
                    request_id=str(uuid4()), handle=case.handle, facts=facts()
                ),
                reporting.AmendReportResponse,
            ),
        ):
            with pytest.raises(WrongState, match="ERASED"):
                await call
        with pytest.raises(NotFound):
            await read(parties.officer(OTHER_DESK), case.handle)
        answer = await case.company.call(
            reporting.GetCaseRequest(handle=case.handle), reporting.GetCaseResponse
        )
        answer.case.ClearField("etag")
        assert answer.case == reporting.Case(
            handle=case.handle, state=reporting.CASE_STATE_ERASED, handling_desk=DESK
        )
        for table in ("seals", "messages", "receipt"):
            rows = await installation.ask(
                f"SELECT count(*) FROM reporting.{table} WHERE subject = $1", case.handle
            )
            assert rows == [(0,)], table
        assert (await read(parties.officer(DESK), kept.handle)).identity.desk == kept.identity.desk
        # The commitment went out with the event, and stays what the holder's receipt hashes to.
        assert await eventually(lambda: _told(installation, "CaseErased"))
        commitment = ReceiptText.parse(case.receipt).commitment
        assert await _told(installation, base64.b64encode(commitment).decode())

    # A restored backup has every row, and the key store has no key for them.
    assert await service.stop() == 0
    url = await restore(installation, backup, f"{installation.name}_restored")
    assert await _holds(url, case.handle)
    name = f"/{installation.name}_restored"
    old = installation.database_url("reporting")
    settings = {
        "HARBOURLIGHT_DATABASE_URL": old.replace(f"/{installation.name}", name),
        "HARBOURLIGHT_TOPIC_PREFIX": installation.prefix,
    }
    again = await installation.run("reporting", settings=settings)
    await again.said("serving on port")
    async with at(installation) as parties:
        for reader in (parties.officer(DESK), parties.custodian()):
            with pytest.raises(WrongState, match="erased"):
                await read(reader, case.handle)
        with pytest.raises(WrongState, match="erased"):
            await listed(parties.company(case.key), case.handle)
        assert (await read(parties.officer(DESK), kept.handle)).identity.desk == kept.identity.desk
    assert await _key(installation, key_id) is None


async def _key(installation: Installation, key_id: UUID) -> bytes | None:
    key_store = await asyncpg.connect(installation.keystore_url("reporting"))
    try:
        found: bytes | None = await key_store.fetchval("SELECT key FROM key WHERE id = $1", key_id)
        return found
    finally:
        await key_store.close()


async def _holds(url: str, handle: str) -> bool:
    connection = await asyncpg.connect(url)
    try:
        return bool(
            await connection.fetchval(
                "SELECT count(*) FROM reporting.seals WHERE subject = $1", handle
            )
        )
    finally:
        await connection.close()


async def _told(installation: Installation, what: str) -> bool:
    records = await installation.records(TOPIC)
    return any(what in repr(one.headers) for one in records)


async def test_a_key_store_that_is_away_erases_nothing_and_says_no_such_thing(
    installation: Installation,
) -> None:
    """The key goes before the case says so: where it cannot go, the case stays as it was."""
    await installation.serve("reporting")
    async with at(installation) as parties:
        case = await parties.report()
        admin = await asyncpg.connect(installation.stack.keystore_admin_url)
        database = f"{installation.name}_keys"
        try:
            await admin.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
                database,
            )
            assert not await _erase(parties.officer(DESK), case.handle, COURT)
            with pytest.raises(Error):
                await _erase(parties.custodian(), case.handle, COURT)
            assert await installation.ask(
                "SELECT state FROM reporting.cases WHERE subject = $1", case.handle
            ) == [("FILED",)]
        finally:
            await admin.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
            await admin.close()
        assert await _erase(parties.custodian(), case.handle, COURT)


async def test_a_retention_review_that_is_due_lets_one_party_erase(
    installation: Installation,
) -> None:
    await installation.serve("reporting")
    async with at(installation) as parties:
        case = await parties.report()
        withdrawal = reporting.WithdrawReportRequest(
            request_id=str(uuid4()), handle=case.handle, reason=1
        )
        answer = await case.company.call(withdrawal, reporting.WithdrawReportResponse)
        left = answer.case.review_at.ToDatetime() - answer.case.filed_at.ToDatetime()
        assert left.days == 365
        async with installation.database("reporting", MIGRATIONS) as database:
            keys = KeyStore("")
            handlers = Handlers(database, Receipts(keys), SignedTokens(b""), Sealing(keys))

            async def a_year_passes(connection: Transaction) -> None:
                found = await store.CASES.lock(connection, case.handle)
                assert found
                _, stored = found
                old = replace(stored.state, review_at=datetime.now(UTC))
                await store.CASES.save(connection, [(case.handle, old, stored.revision)])

            await handlers.review_retention()
            await database.transaction(a_year_passes)
            await handlers.review_retention()
            await handlers.review_retention()
        assert await _erase(parties.custodian(), case.handle, COURT)
        assert await eventually(lambda: _told(installation, "CaseErased"))
        told = [repr(one.headers) for one in await installation.records(TOPIC)]
        assert len([one for one in told if "RetentionReviewDue" in one]) == 1
