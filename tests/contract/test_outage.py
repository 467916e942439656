"""A database that is away for a while costs a client time, and nothing else."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest

from harbourlight import CaseKey, Company, Endpoints, Ledger, formats
from harbourlight.errors import Error, Unavailable
from harbourlight.ledger.v1 import ledger_pb2 as ledger
from harbourlight.ledger.v1 import ledger_pb2_grpc as ledger_grpc
from harbourlight.notification.v1 import notification_pb2 as notification
from harbourlight.notification.v1 import notification_pb2_grpc as notification_grpc
from shared.callers import Callers
from shared.server import Server
from shared.validation import Validator
from tests.contract.installation import ORIGIN, key_file

Serve = Callable[..., Awaitable[Endpoints]]

OUTAGES = (
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.CannotConnectNowError("the database system is shutting down"),
    ConnectionRefusedError(111, "Connection refused"),
)


class _Ledger(ledger_grpc.LedgerServiceServicer):
    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)

    async def GetCheckpoint(self, request: Any, call: Any) -> ledger.GetCheckpointResponse:  # noqa: N802
        if self.failures:
            raise self.failures.pop(0)
        return ledger.GetCheckpointResponse(checkpoint="there")


class _Notices(notification_grpc.NotificationServiceServicer):
    """Fails behind each notice, and goes on behind the last one that was seen."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def WatchNotices(  # noqa: N802
        self, request: notification.WatchNoticesRequest, call: Any
    ) -> AsyncIterator[notification.WatchNoticesResponse]:
        self.asked.append(request.after_number)
        notice = notification.Notice(number=request.after_number + 1)
        yield notification.WatchNoticesResponse(notices=[notice])
        raise OUTAGES[request.after_number % len(OUTAGES)]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Puts a servicer of a service behind a doorkeeper; where clients find it."""
    jwks = tmp_path / "jwks.json"
    jwks.write_text(key_file())
    server = Server(Callers(ORIGIN, jwks), Validator(formats.CHECKS))

    async def start(name: str, add: Callable[[Any, grpc.aio.Server], None], servicer: Any) -> Any:
        await server.start("127.0.0.1:0", [(name, lambda at: add(servicer, at))])
        return Endpoints(ORIGIN, {name: f"127.0.0.1:{server.port}"})

    yield start
    await server.stop(grace=0)


async def test_a_call_is_answered_once_the_database_is_back(serve: Serve) -> None:
    servicer = _Ledger(*OUTAGES)
    add = ledger_grpc.add_LedgerServiceServicer_to_server
    endpoints = await serve("ledger", add, servicer)
    async with Ledger(endpoints) as client:
        answer = await client.get_checkpoint(ledger.LOG_RECEIPTS)
    assert answer.checkpoint == "there"
    assert servicer.failures == []


async def test_who_cannot_wait_is_not_told_that_nothing_was_changed(serve: Serve) -> None:
    add = ledger_grpc.add_LedgerServiceServicer_to_server
    endpoints = await serve("ledger", add, _Ledger(*OUTAGES * 50))
    async with Ledger(endpoints, patience=0.3) as client:
        with pytest.raises(Unavailable, match="not known whether anything was changed"):
            await client.get_checkpoint(ledger.LOG_RECEIPTS)


async def test_a_defect_is_still_one_and_is_not_tried_again(serve: Serve) -> None:
    servicer = _Ledger(ValueError("a defect"), ValueError("never met"))
    add = ledger_grpc.add_LedgerServiceServicer_to_server
    endpoints = await serve("ledger", add, servicer)
    async with Ledger(endpoints) as client:
        with pytest.raises(Error, match="INTERNAL") as failed:
            await client.get_checkpoint(ledger.LOG_RECEIPTS)
    assert not isinstance(failed.value, Unavailable)
    assert len(servicer.failures) == 1


async def test_a_watch_goes_on_where_it_was(serve: Serve) -> None:
    servicer = _Notices()
    add = notification_grpc.add_NotificationServiceServicer_to_server
    endpoints = await serve("notification", add, servicer)
    seen: list[int] = []
    async with Company(endpoints, CaseKey.generate()) as client:
        async for notice in client.watch_notices():
            seen.append(notice.number)
            if len(seen) == 4:
                break
    assert seen == [1, 2, 3, 4]
    assert servicer.asked[:4] == [0, 1, 2, 3]
