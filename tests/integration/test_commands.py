"""Commands over the wire: each takes effect once, and what is not valid takes none."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import uuid4

import grpc
from grpc import StatusCode

from harbourlight import CaseKey
from harbourlight.reporting.v1 import reporting_pb2 as pb
from tests.integration.calls import Metadata, facts, marker, refusal, report, send, signature
from tests.integration.installation import ORIGIN, Installation


@asynccontextmanager
async def _reporting(installation: Installation) -> AsyncIterator[grpc.aio.Channel]:
    async with installation.channel("reporting") as channel:
        yield channel


async def _rows(installation: Installation) -> dict[str, int]:
    """How many rows each table of the service has; its partitions tell for their parent."""
    tables = await installation.ask(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'reporting'"
    )
    found = {}
    for (table,) in tables:
        ((found[table],),) = await installation.ask(f"SELECT count(*) FROM reporting.{table}")
    return found


async def test_a_command_sent_many_times_at_once_is_one_command(
    installation: Installation,
) -> None:
    key = CaseKey.generate()
    request = report(key).SerializeToString()

    async def ask() -> bytes:
        metadata = signature(key, "SubmitReport", request)
        return await send(channel, "SubmitReport", request, metadata)

    service = await installation.serve("reporting")
    async with _reporting(installation) as channel:
        answers = await asyncio.gather(*(ask() for _ in range(20)))
    assert await service.stop() == 0
    again = await installation.serve("reporting")
    async with _reporting(installation) as channel:
        answers.append(await ask())
        assert set(answers) == {answers[0]}
        assert pb.SubmitReportResponse.FromString(answers[0]).case.handle == key.handle

        other = report(key, request_id=pb.SubmitReportRequest.FromString(request).request_id)
        other.facts.country = "TH"
        body = other.SerializeToString()
        metadata = signature(key, "SubmitReport", body)
        assert await refusal(channel, "SubmitReport", body, metadata) == StatusCode.ALREADY_EXISTS
    assert await again.stop() == 0
    rows = await _rows(installation)
    assert (rows["cases"], rows["answer"], rows["outbox"]) == (1, 1, 1)


async def test_a_request_id_belongs_to_its_case_and_method(installation: Installation) -> None:
    request_id = str(uuid4())
    await installation.serve("reporting")
    async with _reporting(installation) as channel:
        for _ in range(2):
            key = CaseKey.generate()
            placed = marker(key, request_id=request_id).SerializeToString()
            await send(channel, "PlaceMarker", placed, signature(key, "PlaceMarker", placed))
            perfected = pb.PerfectMarkerRequest(
                request_id=request_id, handle=key.handle, facts=facts()
            ).SerializeToString()
            metadata = signature(key, "PerfectMarker", perfected)
            answer = await send(channel, "PerfectMarker", perfected, metadata)
            case = pb.PerfectMarkerResponse.FromString(answer).case
            assert case.state == pb.CASE_STATE_FILED
    rows = await _rows(installation)
    assert (rows["cases"], rows["answer"], rows["outbox"]) == (2, 4, 4)


async def test_of_two_changes_decided_on_one_version_one_is_refused(
    installation: Installation,
) -> None:
    key = CaseKey.generate()
    await installation.serve("reporting")
    async with _reporting(installation) as channel:
        body = report(key).SerializeToString()
        answer = await send(channel, "SubmitReport", body, signature(key, "SubmitReport", body))
        etag = pb.SubmitReportResponse.FromString(answer).case.etag

        async def amend(country: str) -> StatusCode:
            request = pb.AmendReportRequest(
                request_id=str(uuid4()),
                handle=key.handle,
                etag=etag,
                facts=facts(country=country),
            ).SerializeToString()
            metadata = signature(key, "AmendReport", request)
            try:
                await send(channel, "AmendReport", request, metadata)
            except grpc.aio.AioRpcError as error:
                return error.code()
            return StatusCode.OK

        codes = await asyncio.gather(*(amend(one) for one in ("TH", "VN", "KH", "ID", "PH")))
    assert sorted(code.name for code in codes) == ["ABORTED"] * 4 + ["OK"]


class Bad(NamedTuple):
    """A call that must not be accepted."""

    method: str
    request: bytes
    code: StatusCode
    metadata: Metadata | None = None
    """None: signed as it should be."""


KEY, STRANGER = CaseKey.generate(), CaseKey.generate()
_INVALID = StatusCode.INVALID_ARGUMENT


def _invalid(**changes: object) -> Bad:
    return Bad("SubmitReport", report(KEY, **changes).SerializeToString(), _INVALID)


def _with_metadata(metadata: Metadata) -> Bad:
    request = report(KEY).SerializeToString()
    return Bad("SubmitReport", request, StatusCode.UNAUTHENTICATED, metadata)


def _changed_signature(change: str, value: str) -> Bad:
    request = report(KEY).SerializeToString()
    metadata = tuple(
        (name, value if name == change else text)
        for name, text in signature(KEY, "SubmitReport", request)
    )
    return Bad("SubmitReport", request, StatusCode.UNAUTHENTICATED, metadata)


def _signed_late() -> Bad:
    request = report(KEY).SerializeToString()
    path = "/harbourlight.reporting.v1.ReportingService/SubmitReport"
    metadata = KEY.sign_call(ORIGIN, path, request, now=time.time() - 600)
    return Bad("SubmitReport", request, StatusCode.UNAUTHENTICATED, metadata)


def _bad() -> dict[str, Bad]:
    """What was sent -> the call, signed now."""
    other_method = report(KEY).SerializeToString()
    return {
        "nothing": Bad("SubmitReport", b"", _INVALID),
        "no message": Bad("SubmitReport", b"\xff\xff\xff", _INVALID),
        "text of no encoding": Bad("SubmitReport", b"\x0a\x02\xff\xfe", _INVALID),
        "no request id": _invalid(request_id=""),
        "request id that is none": _invalid(request_id="1"),
        "mistyped handle": _invalid(handle=KEY.handle[:-1]),
        "no facts": _invalid(facts=None),
        "no country": _invalid(facts=facts(country="")),
        "country that is none": _invalid(facts=facts(country="ZZ")),
        "control character": _invalid(facts=facts(sector="ISIC_C\n")),
        "zero byte": _invalid(facts=facts(country="M\x00")),
        "type unspecified": _invalid(facts=facts(exploitation_type=0)),
        "type unknown": _invalid(facts=facts(exploitation_type=99)),
        "no indicator": _invalid(facts=facts(indicators=[])),
        "indicator twice": _invalid(facts=facts(indicators=["DEBT_BONDAGE"] * 2)),
        "indicator unknown": _invalid(facts=facts(indicators=["'; DROP TABLE cases; --"])),
        "indicators without end": _invalid(facts=facts(indicators=[f"X{n}" for n in range(5000)])),
        "another's handle": Bad(
            "SubmitReport", report(STRANGER).SerializeToString(), StatusCode.NOT_FOUND
        ),
        "case that is not there": Bad(
            "AmendReport",
            pb.AmendReportRequest(
                request_id=str(uuid4()), handle=KEY.handle, facts=facts()
            ).SerializeToString(),
            StatusCode.NOT_FOUND,
        ),
        "no credential": _with_metadata(()),
        "token that is none": _with_metadata((("authorization", "Bearer x.y.z"),)),
        "half a signature": _with_metadata((("harbourlight-signature", "AAAA"),)),
        "signed ten minutes ago": _signed_late(),
        "signature changed": _changed_signature("harbourlight-signature", "A" * 86),
        "another's key": _changed_signature(
            "harbourlight-key", dict(signature(STRANGER, "SubmitReport", b""))["harbourlight-key"]
        ),
        "time that is none": _changed_signature("harbourlight-time", "-1"),
        "signed for another method": Bad(
            "SubmitReport",
            other_method,
            StatusCode.UNAUTHENTICATED,
            signature(KEY, "PlaceMarker", other_method),
        ),
        "method that is none": Bad("EraseEverything", b"", StatusCode.UNIMPLEMENTED),
        "more than a request may be": Bad(
            "SubmitReport", b"\x00" * (2 * 1024 * 1024), StatusCode.RESOURCE_EXHAUSTED
        ),
    }


async def test_what_is_not_valid_changes_nothing(installation: Installation) -> None:
    service = await installation.serve("reporting")
    async with _reporting(installation) as channel:
        before = await _rows(installation)
        found = {}
        wanted = _bad()
        for name, bad in wanted.items():
            metadata = bad.metadata
            if metadata is None:
                metadata = signature(KEY, bad.method, bad.request)
            found[name] = await refusal(channel, bad.method, bad.request, metadata)
        assert await _rows(installation) == before
        assert found == {name: bad.code for name, bad in wanted.items()}
        # It is none the worse for it.
        good = report(KEY).SerializeToString()
        await send(channel, "SubmitReport", good, signature(KEY, "SubmitReport", good))
    assert not service.says('"level": "error"')


async def test_a_token_opens_no_company_method(installation: Installation) -> None:
    await installation.serve("reporting")
    async with _reporting(installation) as channel:
        before = await _rows(installation)
        for role in ("AUTHORITY", "NGO", "OPERATOR", "CUSTODIAN"):
            metadata = (("authorization", f"Bearer {installation.stack.token(role)}"),)
            body = report(KEY).SerializeToString()
            code = await refusal(channel, "SubmitReport", body, metadata)
            assert code == StatusCode.PERMISSION_DENIED
        assert await _rows(installation) == before
