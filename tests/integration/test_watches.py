"""Streams bring each change, and go on where they were after a service was stopped or killed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TypeVar

import grpc
import pytest
from grpc import StatusCode

from harbourlight import CaseKey, Company, Ngo
from harbourlight.notification.v1 import events_pb2 as feed
from harbourlight.notification.v1 import notification_pb2 as notification
from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.reporting.v1 import reporting_pb2 as pb
from harbourlight.types.v1 import types_pb2 as types
from shared import outbox
from shared.database import Database
from tests.integration.calls import SERVICE, facts, signature
from tests.integration.installation import Installation
from tests.integration.waiting import PATIENCE, eventually

T = TypeVar("T")


async def _next(stream: AsyncIterator[T]) -> T:
    return await asyncio.wait_for(anext(stream), PATIENCE)


async def test_a_watched_case_brings_each_change_also_after_a_restart(
    installation: Installation,
) -> None:
    service = await installation.serve("reporting")
    key = CaseKey.generate()
    async with Company(installation.endpoints(), key, patience=PATIENCE) as company:
        await company.place_marker(
            country="MY",
            sector="ISIC_C",
            exploitation_type=types.EXPLOITATION_TYPE_FORCED_LABOUR,
        )
        cases = company.watch_case()
        assert (await _next(cases)).state == pb.CASE_STATE_MARKED
        await company.perfect_marker(facts())
        assert (await _next(cases)).state == pb.CASE_STATE_FILED

        waiting = asyncio.ensure_future(_next(cases))
        assert await service.stop() == 0
        service = await installation.serve("reporting")
        await company.amend_report(facts(country="TH"))
        assert (await waiting).amendments == 1

        waiting = asyncio.ensure_future(_next(cases))
        await service.kill()
        await installation.serve("reporting")
        await company.amend_report(facts(country="VN"))
        assert (await waiting).amendments == 2
        await cases.aclose()


async def test_a_server_that_stops_ends_its_watches_as_unavailable(
    installation: Installation,
) -> None:
    service = await installation.serve("reporting")
    key = CaseKey.generate()
    endpoints = installation.endpoints()
    async with Company(endpoints, key) as company:
        await company.submit_report(facts())
    request = pb.WatchCaseRequest(handle=key.handle).SerializeToString()
    async with installation.channel("reporting") as channel:
        watch = channel.unary_stream(f"{SERVICE}WatchCase")
        stream = watch(request, metadata=signature(key, "WatchCase", request))
        assert pb.WatchCaseResponse.FromString(await stream.read()).case.handle == key.handle
        ending = asyncio.ensure_future(stream.read())
        assert await service.stop() == 0
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await asyncio.wait_for(ending, PATIENCE)
        assert ended.value.code() == StatusCode.UNAVAILABLE
        assert "stopping" in (ended.value.details() or "")


async def test_notices_come_as_they_happen(installation: Installation) -> None:
    await installation.serve("reporting")
    await installation.serve("notification")
    await installation.run("notification-router", "services.notification.router")
    key, other = CaseKey.generate(), CaseKey.generate()
    async with (
        Company(installation.endpoints(), key) as company,
        Company(installation.endpoints(), other) as another,
    ):
        notices = company.watch_notices()
        filed = asyncio.ensure_future(_next(notices))
        await another.submit_report(facts())
        await company.submit_report(facts())
        assert (await filed).type.endswith("ReportFiled")
        for n, country in enumerate(("TH", "VN"), 2):
            await company.amend_report(facts(country=country))
            notice = await _next(notices)
            assert notice.number == n
            assert notice.type.endswith("ReportAmended")
        await notices.aclose()
        # From a number on, and nobody else's.
        later = company.watch_notices(after_number=2)
        assert (await _next(later)).number == 3
        await later.aclose()
        assert [notice.number for notice in (await company.list_notices()).notices] == [1, 2, 3]
        listed = (await another.list_notices()).notices
        assert [notice.type.rpartition(".")[2] for notice in listed] == ["ReportFiled"]


async def _open_remedies(database: Database, cases: int) -> None:
    """Writes an event that NGOs may see, of each of so many new cases."""
    now = datetime.now(UTC)
    opened = [
        remedy.RemedyOpened(
            handle=CaseKey.generate().handle,
            country="MY",
            sector="ISIC_C",
            indicators=[types.INDICATOR_DEBT_BONDAGE],
        )
        for _ in range(cases)
    ]
    events = [outbox.Outgoing(one, one.handle, now) for one in opened]
    await database.transaction(lambda connection: outbox.append(connection, events))


async def test_the_remedy_feed_comes_once_and_in_order_through_a_kill(
    installation: Installation,
) -> None:
    each, rounds = 40, 4
    service = await installation.serve("notification")
    await installation.run("notification-router", "services.notification.router")
    token = installation.stack.token("NGO")
    received: list[feed.RemedyFeedEvent] = []
    batches: list[notification.SubscribeRemedyResponse] = []

    async def follow(ngo: Ngo, until: int) -> None:
        last = batches[-1].resume_token if batches else ""
        stream = ngo.subscribe_remedy(resume_token=last)
        while len(received) < until:
            batch = await _next(stream)
            batches.append(batch)
            received.extend(batch.events)
        await stream.aclose()

    async with (
        installation.database("remedy") as database,
        installation.relay("remedy"),
        Ngo(installation.endpoints(), token, patience=PATIENCE) as ngo,
    ):
        following = asyncio.create_task(follow(ngo, 3 * each))
        await _open_remedies(database, each)
        await eventually(lambda: _has(received, each // 2))
        await service.kill()
        await _open_remedies(database, each)
        service = await installation.serve("notification")
        await _open_remedies(database, each)
        await following
        # Somebody else, elsewhere, who was told the token.
        await _open_remedies(database, each)
        async with Ngo(installation.endpoints(), token, patience=PATIENCE) as again:
            await follow(again, rounds * each)
    wanted = list(range(1, rounds * each + 1))
    assert [event.sequence for event in received] == wanted
    assert len({event.event_id for event in received}) == len(wanted)
    assert len({event.subject for event in received}) == len(wanted)
    assert all(len(batch.events) <= 64 for batch in batches)
    numbers = await installation.ask("SELECT number FROM notification.feed_log ORDER BY number")
    assert [number for (number,) in numbers] == wanted


async def _has(received: list[feed.RemedyFeedEvent], count: int) -> bool:
    return len(received) >= count
