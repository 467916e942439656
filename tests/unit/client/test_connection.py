import asyncio
import time
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from harbourlight import Authority, CaseKey, Company, Endpoints, Ngo, errors, signing
from harbourlight.notification.v1 import events_pb2 as feed_events
from harbourlight.notification.v1 import notification_pb2 as notification
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.types.v1 import types_pb2 as types

from .conftest import ORIGIN, Failure, Server

AWAY = Failure(grpc.StatusCode.UNAVAILABLE)
FACTS = types.ReportFacts(country="MY", sector="ISIC_C", indicators=["DEBT_BONDAGE"])
REFERRAL = "0d8f3c1e-7b2a-4c3d-9e4f-5a6b7c8d9e0f"


def verified(server: Server) -> list[bytes]:
    """The public key behind each call that came in; raises where one is not well signed."""
    return [
        signing.verify_call(ORIGIN, call.path, call.metadata, call.request, now=time.time())
        for call in server.calls
    ]


async def test_a_company_signs_the_bytes_that_it_sends(server: Server, key: CaseKey) -> None:
    server.answer("SubmitReport", reporting.SubmitReportResponse(case={"handle": key.handle}))
    async with Company(server.endpoints, key) as company:
        answer = await company.submit_report(FACTS)
    assert answer.case.handle == key.handle
    assert verified(server) == [key.public_bytes]
    request = reporting.SubmitReportRequest.FromString(server.calls[0].request)
    assert (request.handle, request.facts) == (key.handle, FACTS)
    assert "authorization" not in server.calls[0].metadata


async def test_a_retry_is_the_same_request_signed_anew(server: Server, key: CaseKey) -> None:
    server.answer("SubmitReport", AWAY, AWAY, reporting.SubmitReportResponse())
    async with Company(server.endpoints, key) as company:
        await company.submit_report(FACTS)
    assert verified(server) == [key.public_bytes] * 3
    assert len({call.request for call in server.calls}) == 1
    assert len({call.metadata[signing.NONCE] for call in server.calls}) == 3
    assert len({call.metadata[signing.TIME] for call in server.calls}) == 3


async def test_a_given_request_id_is_used_and_others_are_fresh(
    server: Server, key: CaseKey
) -> None:
    server.answer("SubmitReport", *[reporting.SubmitReportResponse()] * 3)
    async with Company(server.endpoints, key) as company:
        await company.submit_report(FACTS, request_id=REFERRAL)
        await company.submit_report(FACTS)
        await company.submit_report(FACTS)
    ids = [reporting.SubmitReportRequest.FromString(one.request).request_id for one in server.calls]
    assert ids[0] == REFERRAL
    assert len(set(ids)) == 3


async def test_everybody_else_carries_a_token(server: Server) -> None:
    server.answer("AcceptReferral", triage.AcceptReferralResponse())
    server.answer("VerifyItem", remedy.VerifyItemResponse())
    async with Authority(server.endpoints, "abc") as authority:
        await authority.accept_referral(REFERRAL)
    async with Ngo(server.endpoints, "def") as ngo:
        await ngo.verify_item(REFERRAL, remedy.VERIFICATION_METHOD_SITE_VISIT)
    assert [one.metadata["authorization"] for one in server.calls] == ["Bearer abc", "Bearer def"]
    assert signing.SIGNATURE not in server.calls[0].metadata


async def test_patience_ends(server: Server, key: CaseKey) -> None:
    server.answer("GetCase", *[AWAY] * 50)
    started = time.monotonic()
    async with Company(server.endpoints, key, patience=0.5) as company:
        with pytest.raises(errors.Unavailable, match=r"reporting at 127\.0\.0\.1.*try again later"):
            await company.get_case()
    assert time.monotonic() - started < 2
    assert len(server.calls) > 1


async def test_nobody_there_at_all(key: CaseKey) -> None:
    nowhere = Endpoints(ORIGIN, {"reporting": "127.0.0.1:1"})
    async with Company(nowhere, key, patience=0.3) as company:
        with pytest.raises(errors.Unavailable):
            await company.get_case()


async def test_no_answer_in_time_counts_as_away(server: Server, key: CaseKey) -> None:
    async with Company(server.endpoints, key, patience=0.3) as company:
        server.script["GetCase"] = Sleeper()  # type: ignore[assignment]
        with pytest.raises(errors.Unavailable):
            await company.get_case()


class Sleeper:
    """A script that takes its time."""

    def popleft(self) -> Any:
        time.sleep(1)
        return reporting.GetCaseResponse()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, errors.InvalidArgument),
        (grpc.StatusCode.NOT_FOUND, errors.NotFound),
        (grpc.StatusCode.ALREADY_EXISTS, errors.AlreadyExists),
        (grpc.StatusCode.FAILED_PRECONDITION, errors.WrongState),
        (grpc.StatusCode.ABORTED, errors.Stale),
        (grpc.StatusCode.UNAUTHENTICATED, errors.Unauthenticated),
        (grpc.StatusCode.PERMISSION_DENIED, errors.Denied),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.Exhausted),
        (grpc.StatusCode.INTERNAL, errors.Error),
        (grpc.StatusCode.UNIMPLEMENTED, errors.Error),
    ],
)
async def test_a_refusal_is_raised_at_once_as_what_it_is(
    server: Server, key: CaseKey, code: grpc.StatusCode, kind: type[errors.Error]
) -> None:
    info = error_details_pb2.ErrorInfo(reason="BECAUSE", domain="harbourlight")
    server.answer("GetCase", Failure(code, "this is why", (info,)))
    async with Company(server.endpoints, key) as company:
        with pytest.raises(errors.Error, match="this is why") as caught:
            await company.get_case()
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.reason) == (code.name, "BECAUSE")
    assert len(server.calls) == 1


async def test_every_fault_of_a_request_is_named(server: Server, key: CaseKey) -> None:
    faults = error_details_pb2.BadRequest(
        field_violations=[
            {"field": "facts.country", "description": "'XX' is no country"},
            {"field": "facts.indicators", "description": "at least one"},
        ]
    )
    server.answer("SubmitReport", Failure(grpc.StatusCode.INVALID_ARGUMENT, "wrong", (faults,)))
    async with Company(server.endpoints, key) as company:
        with pytest.raises(errors.InvalidArgument) as caught:
            await company.submit_report(FACTS)
    assert caught.value.violations == (
        errors.Violation("facts.country", "'XX' is no country"),
        errors.Violation("facts.indicators", "at least one"),
    )
    assert str(caught.value).splitlines() == [
        "the request is not valid:",
        "  facts.country: 'XX' is no country",
        "  facts.indicators: at least one",
    ]


async def test_an_exhausted_service_is_called_again_when_it_says_so(
    server: Server, key: CaseKey
) -> None:
    retry = error_details_pb2.RetryInfo(retry_delay=Duration(nanos=300_000_000))
    busy = Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", (retry,))
    server.answer("GetCase", busy, reporting.GetCaseResponse())
    started = time.monotonic()
    async with Company(server.endpoints, key) as company:
        await company.get_case()
    assert time.monotonic() - started >= 0.3


async def test_and_not_at_all_where_that_is_beyond_patience(server: Server, key: CaseKey) -> None:
    retry = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=3600))
    server.answer("GetCase", Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", (retry,)))
    async with Company(server.endpoints, key) as company:
        with pytest.raises(errors.Exhausted) as caught:
            await company.get_case()
    assert caught.value.retry_after == 3600


def notices(*numbers: int) -> notification.WatchNoticesResponse:
    return notification.WatchNoticesResponse(notices=[{"number": one} for one in numbers])


async def test_notices_go_on_behind_the_last_one_seen(server: Server, key: CaseKey) -> None:
    server.answer("WatchNotices", [notices(4, 5), AWAY], [AWAY], [notices(6)])
    seen = []
    async with Company(server.endpoints, key) as company:
        async for notice in company.watch_notices(after_number=3):
            seen.append(notice.number)
            if notice.number == 6:
                break
    assert seen == [4, 5, 6]
    opened = [notification.WatchNoticesRequest.FromString(one.request) for one in server.calls]
    assert [one.after_number for one in opened] == [3, 5, 5]
    assert verified(server) == [key.public_bytes] * 3


async def test_the_feed_goes_on_behind_the_last_batch(server: Server) -> None:
    def batch(token: str, *ids: str) -> notification.SubscribeRemedyResponse:
        events = [feed_events.RemedyFeedEvent(event_id=one) for one in ids]
        return notification.SubscribeRemedyResponse(events=events, resume_token=token)

    server.answer("SubscribeRemedy", [batch("t1", "a", "b"), AWAY], [batch("t2", "c")])
    wanted = notification.FeedFilter(countries=["MY"])
    seen: list[str] = []
    async with Ngo(server.endpoints, "abc") as ngo:
        async for answer in ngo.subscribe_remedy(wanted, resume_token="t0"):
            seen += [event.event_id for event in answer.events]
            if answer.resume_token == "t2":
                break
    assert seen == ["a", "b", "c"]
    opened = [notification.SubscribeRemedyRequest.FromString(one.request) for one in server.calls]
    assert [one.resume_token for one in opened] == ["t0", "t1"]
    assert all(one.filter == wanted for one in opened)


async def test_a_watch_that_opens_again_skips_what_has_not_changed(
    server: Server, key: CaseKey
) -> None:
    def case(etag: str) -> reporting.WatchCaseResponse:
        return reporting.WatchCaseResponse(case={"etag": etag})

    server.answer("WatchCase", [case("1"), case("2"), AWAY], [case("2"), case("3")])
    seen = []
    async with Company(server.endpoints, key) as company:
        async for current in company.watch_case():
            seen.append(current.etag)
            if current.etag == "3":
                break
    assert seen == ["1", "2", "3"]


async def test_a_watched_queue_skips_what_has_not_changed(server: Server) -> None:
    def page(**etags: str) -> triage.WatchQueueResponse:
        return triage.WatchQueueResponse(
            referrals=[{"referral_id": id_, "etag": etag} for id_, etag in etags.items()]
        )

    server.answer("WatchQueue", [page(a="1", b="1"), AWAY], [page(a="1", b="2"), page(a="2")])
    seen = []
    async with Authority(server.endpoints, "abc") as authority:
        async for referral in authority.watch_queue():
            seen.append((referral.referral_id, referral.etag))
            if len(seen) == 4:
                break
    assert seen == [("a", "1"), ("b", "1"), ("b", "2"), ("a", "2")]


async def test_a_stream_that_the_server_ends_is_opened_again(server: Server, key: CaseKey) -> None:
    server.answer("WatchNotices", [notices(1)], [notices(2)])
    async with Company(server.endpoints, key) as company:
        watch = company.watch_notices()
        assert [(await anext(watch)).number for _ in range(2)] == [1, 2]


async def test_each_outage_of_a_watch_has_the_whole_patience(server: Server, key: CaseKey) -> None:
    server.answer("WatchNotices", *[[notices(number), AWAY] for number in range(1, 11)])
    async with Company(server.endpoints, key, patience=0.3) as company:
        watch = company.watch_notices()
        assert [(await anext(watch)).number for _ in range(10)] == list(range(1, 11))


async def test_a_watch_gives_up_when_patience_ends(server: Server, key: CaseKey) -> None:
    server.answer("WatchNotices", [notices(1)], *[[AWAY]] * 50)
    async with Company(server.endpoints, key, patience=0.4) as company:
        watch = company.watch_notices()
        await anext(watch)
        with pytest.raises(errors.Unavailable):
            await anext(watch)


async def test_a_refused_watch_raises(server: Server, key: CaseKey) -> None:
    server.answer("WatchCase", [Failure(grpc.StatusCode.NOT_FOUND, "no such case")])
    async with Company(server.endpoints, key) as company:
        with pytest.raises(errors.NotFound, match="no such case"):
            await anext(company.watch_case())


async def test_a_cancelled_watch_ends_its_call(server: Server, key: CaseKey) -> None:
    async with Company(server.endpoints, key) as company:
        waiting = asyncio.ensure_future(anext(company.watch_case()))
        assert await asyncio.to_thread(server.waits.wait, 5)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await asyncio.to_thread(server.gone.wait, 5)
