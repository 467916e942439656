"""Under attack: who pays with work gets in, and one caller's storm is that caller's alone.

The attackers are real clients of a real server in this process, whose one method is slow.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from harbourlight import CaseKey, Company, Endpoints, formats, work
from harbourlight.notification.v1 import notification_pb2, notification_pb2_grpc
from harbourlight.reporting.v1 import reporting_pb2 as pb
from harbourlight.reporting.v1 import reporting_pb2_grpc
from shared import telling
from shared.callers import AUDIENCE, Callers
from shared.commands import Call
from shared.limits import Limits, Sizes
from shared.server import Server
from shared.validation import Validator
from tests.integration.calls import SERVICE, facts, report, signature
from tests.integration.installation import ORIGIN, Installation

_SECONDS = 0.02
"""What one report takes here: 4 at once are 200 per second."""
_SIZES = Sizes(cases=4, waiting_cases=16)
_ISSUER = Ed25519PrivateKey.generate()


class Reporting(reporting_pb2_grpc.ReportingServiceServicer):
    """Takes its time, and notes whose report came."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def SubmitReport(self, request: Any, call: Call) -> Message:  # noqa: N802
        await asyncio.sleep(_SECONDS)
        self.taken.append(request.handle)
        return pb.SubmitReportResponse(case=pb.Case(handle=request.handle, etag="1"))


class Notification(notification_pb2_grpc.NotificationServiceServicer):
    """A feed that never runs dry."""

    def __init__(self) -> None:
        self.told = 0
        self.ended = asyncio.Event()

    async def SubscribeRemedy(  # noqa: N802
        self, request: Any, call: Call
    ) -> AsyncIterator[Message]:
        try:
            while True:
                self.told += 1
                yield notification_pb2.SubscribeRemedyResponse(resume_token="x" * 10_000)
                await asyncio.sleep(0.001)
        finally:
            self.ended.set()


@contextlib.asynccontextmanager
async def serving(folder: Path, servicer: Any, add: Callable[..., None]) -> AsyncIterator[str]:
    keys = folder / "jwks.json"
    jwk = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(_ISSUER.public_key()))
    keys.write_text(json.dumps({"keys": [{**jwk, "kid": "issuer"}]}))
    limits = Limits(b"secret", sizes=_SIZES)
    server = Server(Callers(ORIGIN, keys), Validator(formats.CHECKS), limits)
    await server.start("127.0.0.1:0", [("any", lambda at: add(servicer, at))])
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.stop(0)


@contextlib.asynccontextmanager
async def under_attack(
    address: str, attackers: int, attempt: Callable[[grpc.aio.Channel], Awaitable[None]]
) -> AsyncIterator[list[grpc.StatusCode]]:
    """So many attackers that try again and again; what they are told."""
    told: list[grpc.StatusCode] = []
    channel = grpc.aio.insecure_channel(address)

    async def attack() -> None:
        while True:
            try:
                await attempt(channel)
                told.append(grpc.StatusCode.OK)
            except grpc.aio.AioRpcError as refused:
                told.append(refused.code())

    running = [asyncio.create_task(attack()) for _ in range(attackers)]
    await asyncio.sleep(1.0)
    try:
        yield told
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await channel.close()


async def _unsolved(channel: grpc.aio.Channel) -> None:
    key = CaseKey.generate()
    request = report(key).SerializeToString()
    metadata = signature(key, "SubmitReport", request)
    await channel.unary_unary(f"{SERVICE}SubmitReport")(request, metadata=metadata)


async def _solved(channel: grpc.aio.Channel) -> None:
    """Solves exactly what is asked, which is what keeps most cases per second coming."""
    key = CaseKey.generate()
    request = report(key).SerializeToString()
    paid: tuple[tuple[str, str], ...] = ()
    for _ in range(3):
        metadata = (*signature(key, "SubmitReport", request), *paid)
        try:
            await channel.unary_unary(f"{SERVICE}SubmitReport")(request, metadata=metadata)
            return
        except grpc.aio.AioRpcError as refused:
            if not (challenge := _challenge(refused)):
                raise
            bits = work.difficulty(challenge)
            paid = ((work.WORK, await asyncio.to_thread(work.solve, challenge, bits)),)


def _challenge(refused: grpc.aio.AioRpcError) -> bytes | None:
    status = rpc_status.from_call(refused)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info) and info.reason == work.REASON:
            return work.read_challenge(info.metadata["challenge"])
    return None


@pytest.fixture
async def reporting(tmp_path: Path) -> AsyncIterator[tuple[str, Reporting]]:
    servicer = Reporting()
    add = reporting_pb2_grpc.add_ReportingServiceServicer_to_server
    async with serving(tmp_path, servicer, add) as address:
        yield address, servicer


async def come_forward(address: str, seconds: float = 60.0) -> tuple[float, list[int]]:
    """How long a company needs to be heard, and the bits that it solved on the way."""
    solved: list[int] = []

    def on_work(done: int, pieces: int, bits: int) -> None:
        if done == pieces:
            solved.append(bits)

    begun = time.monotonic()
    endpoints = Endpoints(ORIGIN, {"reporting": address})
    async with Company(endpoints, CaseKey.generate(), patience=seconds, on_work=on_work) as company:
        answer = await company.submit_report(facts())
        assert answer.case.handle == company.handle
    return time.monotonic() - begun, solved


async def test_in_quiet_nothing_is_asked(reporting: tuple[str, Reporting]) -> None:
    seconds, solved = await come_forward(reporting[0])
    assert solved == []
    assert seconds < 1.0


async def test_against_a_flood_that_does_not_work_a_little_work_is_enough(
    reporting: tuple[str, Reporting],
) -> None:
    address, servicer = reporting
    async with under_attack(address, 60, _unsolved) as told:
        waited = [await come_forward(address) for _ in range(5)]
        assert told.count(grpc.StatusCode.RESOURCE_EXHAUSTED) > len(told) / 2
        assert len(servicer.taken) < 200 * 60
    assert max(seconds for seconds, _ in waited) < 20


async def test_against_a_flood_that_works_everybody_gets_in(
    reporting: tuple[str, Reporting],
) -> None:
    address, _ = reporting
    async with under_attack(address, 40, _solved):
        waited = await asyncio.gather(*(come_forward(address) for _ in range(5)))
    assert any(solved for _, solved in waited)


async def test_when_the_flood_is_over_nothing_is_asked_again(
    reporting: tuple[str, Reporting],
) -> None:
    address, _ = reporting
    async with under_attack(address, 60, _unsolved):
        pass
    deadline = time.monotonic() + 60
    while (await come_forward(address))[1]:
        assert time.monotonic() < deadline
        await asyncio.sleep(1.0)


def ngo(seconds: float) -> tuple[tuple[str, str]]:
    now = int(time.time())
    claims = {"iss": ORIGIN, "aud": AUDIENCE, "sub": "x", "role": "NGO", "org": "y", "iat": now}
    token = jwt.encode(
        {**claims, "exp": now + int(seconds)},
        _ISSUER,
        algorithm="EdDSA",
        headers={"kid": "issuer"},
    )
    return (("authorization", f"Bearer {token}"),)


SUBSCRIBE = "/harbourlight.notification.v1.NotificationService/SubscribeRemedy"


@pytest.fixture
async def feed(tmp_path: Path) -> AsyncIterator[tuple[grpc.aio.Channel, Notification]]:
    servicer = Notification()
    add = notification_pb2_grpc.add_NotificationServiceServicer_to_server
    async with (
        serving(tmp_path, servicer, add) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield channel, servicer


async def test_a_stream_that_is_not_read_is_ended_and_holds_little(
    feed: tuple[grpc.aio.Channel, Notification], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "SLOW_SECONDS", 1.0)
    channel, servicer = feed
    stream = channel.unary_stream(SUBSCRIBE)(b"", metadata=ngo(600))
    assert await stream.read()
    await asyncio.wait_for(servicer.ended.wait(), 30)
    assert servicer.told * 10_000 < 16 * 1024 * 1024
    stream.cancel()


async def test_a_stream_ends_with_the_token_that_opened_it(
    feed: tuple[grpc.aio.Channel, Notification],
) -> None:
    channel, servicer = feed
    stream = channel.unary_stream(SUBSCRIBE)(b"", metadata=ngo(2))
    with pytest.raises(grpc.aio.AioRpcError, match="as long as one may") as ended:
        async for _ in stream:
            pass
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
    await asyncio.wait_for(servicer.ended.wait(), 10)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await channel.unary_stream(SUBSCRIBE)(b"", metadata=ngo(-1)).read()
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_one_companys_storm_is_its_own(installation: Installation) -> None:
    await installation.serve("reporting")
    endpoints = installation.endpoints()
    storming, other = CaseKey.generate(), CaseKey.generate()
    request = pb.GetCaseRequest(handle=storming.handle).SerializeToString()
    told: list[grpc.aio.AioRpcError] = []
    async with (
        Company(endpoints, storming) as company,
        Company(endpoints, other) as another,
        installation.channel("reporting") as channel,
    ):
        await company.submit_report(facts())
        await another.submit_report(facts())
        storms = asyncio.Event()

        async def storm() -> None:
            while not storms.is_set():
                metadata = signature(storming, "GetCase", request)
                try:
                    await channel.unary_unary(f"{SERVICE}GetCase")(request, metadata=metadata)
                except grpc.aio.AioRpcError as refused:
                    told.append(refused)

        running = [asyncio.create_task(storm()) for _ in range(30)]
        await asyncio.sleep(1.0)
        for _ in range(20):
            assert (await another.get_case()).case.handle == other.handle
        storms.set()
        await asyncio.gather(*running)
    assert {refused.code() for refused in told} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    status = rpc_status.from_call(told[0])
    assert status is not None
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in status.details)
    assert 0 < retry.retry_delay.ToMilliseconds() <= 1000
