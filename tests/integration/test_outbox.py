"""Events leave exactly when their change was committed, and in its order."""

import asyncio
import random
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from harbourlight import CaseKey
from harbourlight.options.v1 import options_pb2 as options
from harbourlight.proofs.notes import SignerKey
from harbourlight.reporting.v1 import events_pb2 as events
from harbourlight.reporting.v1 import reporting_pb2 as pb
from harbourlight.types.v1 import types_pb2 as types
from services import reporting
from services.reporting.handlers import Handlers
from services.reporting.sealing import Sealing
from shared import cloudevents, outbox
from shared.callers import Caller
from shared.commands import Call
from shared.database import Connection
from shared.erasure import KeyStore
from shared.receipts import Promiser, Receipts
from shared.signed_tokens import SignedTokens
from tests.integration import recorder
from tests.integration.installation import Installation
from tests.integration.recorder import TOPIC, is_all_sent, sent, upto
from tests.integration.waiting import eventually

assert reporting.__file__
REPORTING = Path(reporting.__file__).parent / "migrations"
# One country per writer, so that whatever it writes is a change to what another wrote.
WRITERS = ("MY", "TH", "VN", "KH", "ID", "PH", "BD", "IN", "NP", "PK", "LK", "MM")
AMENDMENTS = 15
PROMISER = Promiser("harbourlight.test", SignerKey.generate("harbourlight.test/reporting"))
# No key is needed where nobody asks for a receipt.
RECEIPTS = Receipts(KeyStore(""), PROMISER)


def _facts(country: str, *, ongoing_danger: bool = False) -> types.ReportFacts:
    return types.ReportFacts(
        country=country,
        sector="ISIC_C",
        exploitation_type=types.EXPLOITATION_TYPE_FORCED_LABOUR,
        child_involved=types.CHILD_INVOLVEMENT_NO,
        ongoing_danger=ongoing_danger,
        indicators=["DEBT_BONDAGE"],
    )


def _call(handle: str) -> Call:
    caller = Caller(options.ROLE_COMPANY, handle, handle=handle)
    return Call(caller, "/test", uuid4().bytes)


async def test_many_writers_of_few_cases_leave_no_gap_and_keep_commit_order(
    installation: Installation,
) -> None:
    handles = [CaseKey.generate().handle for _ in range(3)]
    async with installation.database("reporting", REPORTING) as database:
        sealing = Sealing(KeyStore(installation.keystore_url("reporting")))
        handlers = Handlers(database, RECEIPTS, SignedTokens(b""), sealing)
        for handle in handles:
            report = pb.SubmitReportRequest(
                request_id=str(uuid4()), handle=handle, facts=_facts("SG")
            )
            await handlers.submit_report(_call(handle), report)

        async def amend(country: str) -> None:
            for n in range(AMENDMENTS):
                handle = random.choice(handles)
                request = pb.AmendReportRequest(
                    request_id=str(uuid4()),
                    handle=handle,
                    facts=_facts(country, ongoing_danger=bool(n % 2)),
                )
                await handlers.amend_report(_call(handle), request)

        async with installation.relay("reporting"):
            await asyncio.gather(*(amend(writer) for writer in WRITERS))
            await eventually(lambda: is_all_sent(installation))
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for one in await installation.records(TOPIC):
        headers = dict(one.headers)
        filed = headers["ce_type"].endswith(b"ReportFiled")
        # Counted under the lock of the case, so it tells the order of the commits.
        amendments = 0 if filed else events.ReportAmended.FromString(one.value).amendments
        found[one.key.decode()].append((int(headers["ce_sequence"]), amendments))
    cases = await installation.ask("SELECT subject, revision FROM reporting.cases")
    # A writer that draws the same case twice running may write what is there: no change.
    assert sum(revision for _, revision in cases) > len(WRITERS) * AMENDMENTS / 2
    assert dict(found) == {
        handle: [(place + 1, place) for place in range(revision)] for handle, revision in cases
    }


async def test_a_slow_transaction_with_lower_ids_is_not_skipped(
    installation: Installation,
) -> None:
    written, finish = asyncio.Event(), asyncio.Event()

    async def slow(connection: Connection) -> None:
        now = datetime.now(UTC)
        events = [outbox.Outgoing(recorder.event("SLOW", n), "SLOW", now) for n in range(3)]
        await outbox.append(connection, events)
        written.set()
        await finish.wait()

    async def holds(subject: str, last: int) -> bool:
        return (await sent(installation)).get(subject) == upto(last)

    async with installation.database("reporting") as database, installation.relay("reporting"):
        open_transaction = asyncio.create_task(database.transaction(slow))
        await written.wait()
        for n in range(5):
            await recorder.write(database, "FAST", [n])
        await eventually(lambda: holds("FAST", 5))
        await eventually(lambda: is_all_sent(installation))
        assert await sent(installation) == {"FAST": upto(5)}
        finish.set()
        await open_transaction
        await eventually(lambda: holds("SLOW", 3))
    ids = dict(
        await installation.ask("SELECT subject, max(id) FROM reporting.outbox GROUP BY subject")
    )
    assert ids["SLOW"] < ids["FAST"]
    assert await sent(installation) == {"SLOW": upto(3), "FAST": upto(5)}


async def test_what_is_rolled_back_never_leaves(installation: Installation) -> None:
    async def fail(connection: Connection) -> None:
        now = datetime.now(UTC)
        await outbox.append(connection, [outbox.Outgoing(recorder.event("C", 1), "C", now)])
        raise ArithmeticError

    async with installation.database("reporting") as database, installation.relay("reporting"):
        for value in range(3):
            await recorder.write(database, "C", [value])
            failed = asyncio.gather(database.transaction(fail), return_exceptions=True)
            assert isinstance((await failed)[0], ArithmeticError)
        await recorder.write(database, "C", [3])
        await eventually(lambda: is_all_sent(installation))
    assert await sent(installation) == {"C": upto(4)}


async def test_a_commitment_leaves_with_its_event_and_no_other(installation: Installation) -> None:
    now = datetime.now(UTC)
    commitments = [None, bytes(range(32)), None]
    events = [
        outbox.Outgoing(recorder.event("C", n), "C", now, commitment=commitment)
        for n, commitment in enumerate(commitments)
    ]
    async with installation.database("reporting") as database, installation.relay("reporting"):
        await database.transaction(lambda connection: outbox.append(connection, events))
        await eventually(lambda: is_all_sent(installation))
    found = [
        cloudevents.decode(one.topic, one.value, one.headers).commitment
        for one in await installation.records(TOPIC)
    ]
    assert found == commitments


async def test_what_is_no_sha_256_is_not_taken_for_a_commitment() -> None:
    event = outbox.Outgoing(recorder.event("C", 1), "C", datetime.now(UTC), commitment=b"short")
    with pytest.raises(ValueError, match="5 bytes"):
        await outbox.append(None, [event])  # type: ignore[arg-type]
