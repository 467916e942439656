"""A receipt comes about with what it is of, and again whenever it is asked for."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import grpc

from harbourlight import CaseKey
from harbourlight.proofs.challenges import Opening
from harbourlight.proofs.notes import SignerKey
from harbourlight.proofs.promises import open_promise
from harbourlight.proofs.receipts import ReceiptText
from harbourlight.reporting.v1 import reporting_pb2 as pb
from harbourlight.types.v1 import sealed_pb2
from services.reporting.__main__ import MIGRATIONS
from shared import cloudevents
from shared.erasure import KeyStore
from tests.integration.calls import facts, marker, refusal, report, send, signature
from tests.integration.installation import ORIGIN, Installation
from tests.integration.waiting import eventually

NONCE = bytes(range(32))
TOPIC = "reporting.events.v1"


@asynccontextmanager
async def _reporting(installation: Installation) -> AsyncIterator[grpc.aio.Channel]:
    async with installation.channel("reporting") as channel:
        yield channel


async def _ask(channel: grpc.aio.Channel, key: CaseKey, method: str, request: Any) -> bytes:
    body = request.SerializeToString()
    return await send(channel, method, body, signature(key, method, body))


async def _list(channel: grpc.aio.Channel, key: CaseKey, **page: Any) -> pb.ListReceiptsResponse:
    request = pb.ListReceiptsRequest(handle=key.handle, **page)
    return pb.ListReceiptsResponse.FromString(await _ask(channel, key, "ListReceipts", request))


def _promiser(installation: Installation) -> SignerKey:
    with open(installation.environment("reporting")["HARBOURLIGHT_PROMISE_KEY"]) as file:
        return SignerKey.parse(file.read())


async def _committed(installation: Installation) -> dict[str, bytes | None]:
    """Event id -> the commitment that its record carries."""
    found = [
        cloudevents.decode(one.topic, one.value, one.headers)
        for one in await installation.records(TOPIC)
    ]
    return {one.id: one.commitment for one in found}


def _check(
    installation: Installation, key: CaseKey, request: Any, given: sealed_pb2.Receipt, event: str
) -> ReceiptText:
    """The receipt is of this request, under this key, and promised."""
    text = ReceiptText.parse(given.text)
    request_hash = hashlib.sha256(request.SerializeToString()).digest()
    opening = Opening(request.receipt_nonce, key.public_bytes, request_hash)
    assert text.salt == opening.salt
    assert (text.handle, text.event_type) == (key.handle, f"harbourlight.reporting.v1.{event}")
    promise = open_promise(given.promise, [_promiser(installation).verifier])
    assert (promise.origin, promise.commitment) == (ORIGIN, text.commitment)
    left = promise.include_by - text.time
    assert timedelta(seconds=60) <= left < timedelta(seconds=61)
    return text


async def test_each_thing_that_a_company_lodges_has_a_receipt_whose_commitment_leaves_with_it(
    installation: Installation,
) -> None:
    key = CaseKey.generate()
    one: dict[str, Any] = {"handle": key.handle, "receipt_nonce": NONCE}
    steps: list[tuple[str, Any, type[Any], str]] = [
        ("PlaceMarker", marker(key, receipt_nonce=NONCE), pb.PlaceMarkerResponse, "MarkerPlaced"),
        (
            "PerfectMarker",
            pb.PerfectMarkerRequest(request_id=_id(1), facts=facts(), **one),
            pb.PerfectMarkerResponse,
            "ReportFiled",
        ),
        (
            "AmendReport",
            pb.AmendReportRequest(request_id=_id(2), facts=facts(country="TH"), **one),
            pb.AmendReportResponse,
            "ReportAmended",
        ),
        (
            "WithdrawReport",
            pb.WithdrawReportRequest(request_id=_id(3), reason=1, **one),
            pb.WithdrawReportResponse,
            "ReportWithdrawn",
        ),
    ]
    await installation.serve("reporting")
    texts = []
    async with _reporting(installation) as channel:
        for method, request, response, event in steps:
            answer = response.FromString(await _ask(channel, key, method, request))
            assert answer.case.handle == key.handle
            texts.append(_check(installation, key, request, answer.receipt, event))
        listed = await _list(channel, key)
        first = await _list(channel, key, page_size=3)
        second = await _list(channel, key, page_size=3, page_token=first.next_page_token)
    wanted = {text.event_id: text.commitment for text in texts}
    assert await eventually(lambda: _has(installation, wanted))

    assert [one.receipt.text for one in listed.receipts] == [str(text) for text in texts]
    for given, text in zip(listed.receipts, texts, strict=True):
        assert Opening(given.nonce, key.public_bytes, given.request_hash).salt == text.salt
    assert (len(first.receipts), len(second.receipts)) == (3, 1)
    assert [*first.receipts, *second.receipts] == list(listed.receipts)
    assert not second.next_page_token


async def _has(installation: Installation, wanted: dict[str, bytes]) -> bool:
    return await _committed(installation) == wanted


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


async def test_nothing_lodged_and_nothing_asked_for_has_no_receipt(
    installation: Installation,
) -> None:
    key = CaseKey.generate()
    await installation.serve("reporting")
    async with _reporting(installation) as channel:
        answer = await _ask(channel, key, "SubmitReport", report(key))
        assert not pb.SubmitReportResponse.FromString(answer).HasField("receipt")
        same = pb.AmendReportRequest(
            request_id=_id(1), handle=key.handle, facts=facts(), receipt_nonce=NONCE
        )
        answer = await _ask(channel, key, "AmendReport", same)
        assert not pb.AmendReportResponse.FromString(answer).HasField("receipt")
        assert not (await _list(channel, key)).receipts
        for wrong in (b"short", bytes(33)):
            body = report(CaseKey.generate(), receipt_nonce=wrong).SerializeToString()
            code = await refusal(
                channel, "SubmitReport", body, signature(key, "SubmitReport", body)
            )
            assert code == grpc.StatusCode.INVALID_ARGUMENT
        other = CaseKey.generate()
        body = pb.ListReceiptsRequest(handle=key.handle).SerializeToString()
        signed = signature(other, "ListReceipts", body)
        assert await refusal(channel, "ListReceipts", body, signed) == grpc.StatusCode.NOT_FOUND


async def test_a_repeated_command_gets_the_same_receipt_byte_by_byte(
    installation: Installation,
) -> None:
    key = CaseKey.generate()
    request = report(key, receipt_nonce=NONCE)
    service = await installation.serve("reporting")
    async with _reporting(installation) as channel:
        asked = (_ask(channel, key, "SubmitReport", request) for _ in range(10))
        answers = list(await asyncio.gather(*asked))
    assert await service.stop() == 0
    await installation.serve("reporting")
    async with _reporting(installation) as channel:
        answers.append(await _ask(channel, key, "SubmitReport", request))
    assert len(set(answers)) == 1
    given = pb.SubmitReportResponse.FromString(answers[0]).receipt
    text = _check(installation, key, request, given, "ReportFiled")
    assert await _has_one(installation, text)


async def test_an_answer_that_was_never_heard_is_given_again(installation: Installation) -> None:
    key = CaseKey.generate()
    request = report(key, receipt_nonce=NONCE)
    dying = await installation.run("reporting", "tests.integration.programs.unheard")
    await dying.said("serving on port")
    async with _reporting(installation) as channel:
        body = request.SerializeToString()
        signed = signature(key, "SubmitReport", body)
        assert await refusal(channel, "SubmitReport", body, signed) == grpc.StatusCode.UNAVAILABLE
    await dying.was_killed()
    ((commitment,),) = await installation.ask("SELECT commitment FROM reporting.outbox")
    await installation.serve("reporting")
    async with _reporting(installation) as channel:
        answers = [await _ask(channel, key, "SubmitReport", request) for _ in range(2)]
    assert answers[0] == answers[1]
    given = pb.SubmitReportResponse.FromString(answers[0]).receipt
    text = _check(installation, key, request, given, "ReportFiled")
    assert text.commitment == commitment
    assert await eventually(lambda: _has_one(installation, text))


async def _has_one(installation: Installation, text: ReceiptText) -> bool:
    return await _committed(installation) == {text.event_id: text.commitment}


async def test_what_a_commitment_is_of_goes_with_the_key_of_the_case(
    installation: Installation,
) -> None:
    key = CaseKey.generate()
    request = report(key, receipt_nonce=NONCE)
    await installation.serve("reporting")
    async with _reporting(installation) as channel:
        first = await _ask(channel, key, "SubmitReport", request)
        text = ReceiptText.parse(pb.SubmitReportResponse.FromString(first).receipt.text)
        kept = await _everything_kept(installation)
        keys = KeyStore(installation.keystore_url("reporting"))
        await keys.start()
        async with installation.database("reporting", MIGRATIONS) as database:
            await database.transaction(lambda connection: keys.erase(connection, key.handle))
        await keys.stop()
        again = await _ask(channel, key, "SubmitReport", request)
        assert not pb.SubmitReportResponse.FromString(again).HasField("receipt")
        assert not (await _list(channel, key)).receipts
    assert text.event_id in kept
    assert not [secret for secret in (NONCE, text.salt) if secret.hex() in kept]


async def _everything_kept(installation: Installation) -> str:
    """All rows of the service, its bytes in hex."""
    found = []
    for (table,) in await installation.ask(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'reporting'"
    ):
        rows = await installation.ask(f"SELECT one::text FROM reporting.{table} AS one")
        found += [row for (row,) in rows]
    return "\n".join(found)
