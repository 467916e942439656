"""What the client does when an installation asks for a proof of work."""

import os

import grpc
import pytest
from google.rpc import error_details_pb2

from harbourlight import CaseKey, Company, errors, work
from harbourlight.reporting.v1 import reporting_pb2 as pb

from .conftest import FACTS, OPTIONS, Failure, Run, Server


def asked(bits: int) -> Failure:
    """A refusal that asks for this much."""
    challenge = work.encode(bytes([1, bits]) + os.urandom(40))
    info = error_details_pb2.ErrorInfo(
        reason=work.REASON, domain="harbourlight", metadata={"challenge": challenge}
    )
    return Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "many come forward", (info,))


def solved(call: object) -> int:
    """The bits that a call brought along."""
    return work.level(*work.read_solution(call.metadata[work.WORK]))  # type: ignore[attr-defined]


async def test_it_solves_what_is_asked_and_sends_the_same_request(
    server: Server, key: CaseKey
) -> None:
    server.answer("SubmitReport", asked(8), pb.SubmitReportResponse())
    told: list[tuple[int, int, int]] = []
    async with Company(server.endpoints, key, on_work=lambda *far: told.append(far)) as company:
        await company.submit_report(FACTS)
    first, second = server.calls
    assert first.request == second.request
    assert work.WORK not in first.metadata
    assert solved(second) >= 8
    assert told == [(done, 8, 8) for done in range(1, 9)]


async def test_where_that_was_not_enough_it_does_more(server: Server, key: CaseKey) -> None:
    server.answer("PlaceMarker", asked(6), asked(6), asked(6), pb.PlaceMarkerResponse())
    async with Company(server.endpoints, key) as company:
        await company.place_marker(country="MY", sector="ISIC_C", exploitation_type=1)
    assert [solved(call) >= 6 + more for more, call in enumerate(server.calls[1:])] == [True] * 3


async def test_a_solution_is_sent_once(server: Server, key: CaseKey) -> None:
    away = Failure(grpc.StatusCode.UNAVAILABLE)
    server.answer("SubmitReport", asked(6), away, pb.SubmitReportResponse())
    async with Company(server.endpoints, key) as company:
        await company.submit_report(FACTS)
    assert [work.WORK in call.metadata for call in server.calls] == [False, True, False]


@pytest.mark.parametrize("challenge", ["", "nonsense", work.encode(bytes([1, 60]) + bytes(40))])
async def test_what_makes_no_sense_is_told_as_it_came(
    server: Server, key: CaseKey, challenge: str
) -> None:
    info = error_details_pb2.ErrorInfo(reason=work.REASON, metadata={"challenge": challenge})
    server.answer("SubmitReport", Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "many come", (info,)))
    async with Company(server.endpoints, key) as company:
        with pytest.raises(errors.Exhausted, match="many come"):
            await company.submit_report(FACTS)


async def test_it_works_no_longer_than_its_patience(server: Server, key: CaseKey) -> None:
    server.answer("SubmitReport", asked(24))
    async with Company(server.endpoints, key, patience=0.3) as company:
        with pytest.raises(errors.Exhausted):
            await company.submit_report(FACTS)


def test_the_command_line_says_that_it_works(server: Server, run: Run) -> None:
    server.answer("SubmitReport", asked(6), pb.SubmitReportResponse())
    done = run(f"report submit {OPTIONS} --quiet")
    assert done.exit_code == 0, done.stderr
    assert "solved a proof of work of 6 bits" in done.stderr
    assert "proof of work" not in done.stdout
