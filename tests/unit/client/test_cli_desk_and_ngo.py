import json
from pathlib import Path

import pytest

from harbourlight import CaseFile
from harbourlight.notification.v1 import events_pb2 as feed_events
from harbourlight.notification.v1 import notification_pb2 as notification
from harbourlight.remedy.v1 import events_pb2 as remedy_events
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.types.v1 import types_pb2 as types

from .conftest import HANDLE, ITEM, ORIGIN, Run, Server, pack


def test_the_queue_is_filtered_and_shown(server: Server, run: Run) -> None:
    page = triage.ListQueueResponse(
        referrals=[{"referral_id": ITEM, "handle": HANDLE, "priority": "PRIORITY_P1"}],
        next_page_token="abc",
    )
    server.answer("ListQueue", page)
    result = run(
        "triage queue --state requested --state on-hold --country MY --priority p1 "
        f"--order newest-first --page-size 7 --page-token x --handle {HANDLE.lower()}"
    )
    assert result.exit_code == 0, result.stderr
    assert ITEM in result.stdout
    assert "P1" in result.stdout
    assert "--page-token abc" in result.stdout
    assert server.last(triage.ListQueueRequest) == triage.ListQueueRequest(
        filter=triage.QueueFilter(
            states=[types.REFERRAL_STATE_REQUESTED, types.REFERRAL_STATE_ON_HOLD],
            countries=["MY"],
            priorities=[triage.PRIORITY_P1],
            handle=HANDLE,
        ),
        order=triage.QUEUE_ORDER_NEWEST_FIRST,
        page_size=7,
        page_token="x",
    )


def test_protection_is_decided(server: Server, run: Run) -> None:
    server.answer("DecideProtection", triage.DecideProtectionResponse())
    result = run(
        f"triage protect {ITEM} --decision conditional --etag 3 "
        "--condition keep-evidence=2027-01-31 --met stop-the-practice"
    )
    assert result.exit_code == 0, result.stderr
    request = server.last(triage.DecideProtectionRequest)
    assert request.decision == types.PROTECTION_STATE_CONDITIONAL
    assert (request.conditions[0].code, request.conditions[0].due_date) == (2, "2027-01-31")
    assert list(request.conditions_met) == [triage.CONDITION_CODE_STOP_THE_PRACTICE]
    assert request.etag == "3"


def test_progress_is_in_progress_unless_said_otherwise(server: Server, run: Run) -> None:
    server.answer(
        "RecordProgress", triage.RecordProgressResponse(), triage.RecordProgressResponse()
    )
    assert run(f"triage progress {ITEM} --step site-visited").exit_code == 0
    request = server.last(triage.RecordProgressRequest)
    assert (request.state, request.step) == (4, triage.PROGRESS_STEP_SITE_VISITED)
    run(f"triage progress {ITEM} --state on-hold --reason awaiting-company")
    request = server.last(triage.RecordProgressRequest)
    assert (request.state, request.reason) == (5, triage.REFERRAL_REASON_AWAITING_COMPANY)


def test_remedy_is_seen_by_its_company_and_by_an_officer(server: Server, run: Run) -> None:
    case = CaseFile.create(Path("case.json"), ORIGIN)
    answer = remedy.GetRemedyResponse(remedy={"items": [{"item_id": ITEM, "beneficiaries": 230}]})
    server.answer("GetRemedy", answer, answer)
    assert ITEM in run("remedy show").stdout
    assert server.last(remedy.GetRemedyRequest).handle == case.handle
    assert "230" in run(f"remedy show --handle {HANDLE}").stdout
    assert server.last(remedy.GetRemedyRequest).handle == HANDLE
    assert server.calls[-1].metadata["authorization"] == "Bearer token-of-AUTHORITY"


def test_who_verifies_chooses_the_token(
    server: Server, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer("VerifyItem", *[remedy.VerifyItemResponse()] * 4)
    command = f"remedy verify {ITEM} --method site-visit"
    Path("other").write_text("from-file")
    run(command)
    run(f"{command} --as authority")
    run(f"{command} --token-file other")
    monkeypatch.setenv("HARBOURLIGHT_TOKEN", "from-environment")
    run(command)
    assert [call.metadata["authorization"] for call in server.calls] == [
        "Bearer token-of-NGO",
        "Bearer token-of-AUTHORITY",
        "Bearer from-file",
        "Bearer from-environment",
    ]


def feed(token: str, *sequences: int) -> notification.SubscribeRemedyResponse:
    event = pack(remedy_events.RemedyClosed(country="MY"))
    events = [
        feed_events.RemedyFeedEvent(
            sequence=one, subject=f"S{one}", type=event.TypeName(), event=event
        )
        for one in sequences
    ]
    return notification.SubscribeRemedyResponse(events=events, resume_token=token)


def test_the_feed_goes_on_where_the_last_run_stopped_even_within_a_batch(
    server: Server, run: Run
) -> None:
    def follow(limit: int) -> list[str]:
        result = run(f"feed watch --json --resume-file r --limit {limit}")
        assert result.exit_code == 0, result.stderr
        return [json.loads(line)["subject"] for line in result.stdout.splitlines()]

    def resumed() -> str:
        return str(server.last(notification.SubscribeRemedyRequest).resume_token)

    server.answer("SubscribeRemedy", [feed("t1", 1, 2), feed("t2", 3, 4, 5)])
    assert follow(3) == ["S1", "S2", "S3"]
    server.answer("SubscribeRemedy", [feed("t2", 3, 4, 5)])
    assert follow(2) == ["S4", "S5"]
    assert resumed() == "t1"
    server.answer("SubscribeRemedy", [feed("t3", 6)])
    assert follow(1) == ["S6"]
    assert resumed() == "t2"


def test_a_damaged_resume_file_is_refused(run: Run) -> None:
    Path("r").write_text("{}")
    result = run("feed watch --resume-file r")
    assert result.exit_code == 2
    assert "remove it" in result.stderr
