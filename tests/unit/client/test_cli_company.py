import json
from pathlib import Path

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage

from harbourlight import CaseFile
from harbourlight.notification.v1 import notification_pb2 as notification
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from harbourlight.triage.v1 import events_pb2 as triage_events
from harbourlight.types.v1 import types_pb2 as types

from .conftest import FACTS, OPTIONS, ORIGIN, Run, Server, pack


def test_the_first_report_makes_the_case_file_and_says_what_it_is(server: Server, run: Run) -> None:
    server.answer("SubmitReport", reporting.SubmitReportResponse(case={"desk": "POLICE"}))
    result = run(f"report submit {OPTIONS}")
    assert result.exit_code == 0, result.stderr
    case = CaseFile.load(Path("case.json"), ORIGIN)
    assert "whoever holds this file holds the case" in result.stderr
    assert case.handle in result.stderr
    words = json.loads(Path("case.json").read_text())["words"].split()
    # By chance one or two may be words of the message.
    assert len(set(words) & set(result.output.split())) < 4
    assert "harbourlight case words --case case.json" in result.stderr
    request = server.last(reporting.SubmitReportRequest)
    assert (request.handle, request.facts) == (case.handle, FACTS)

    server.answer("GetCase", reporting.GetCaseResponse(case={"handle": case.handle}))
    again = run("case show")
    assert again.exit_code == 0
    assert again.stderr == ""
    assert case.handle in again.stdout


def test_every_fact_has_its_option(server: Server, run: Run) -> None:
    server.answer("SubmitReport", reporting.SubmitReportResponse())
    flags = "--danger --money-trail --whistleblower --whistleblower-on 2026-01-02"
    assert run(f"report submit {OPTIONS} {flags}").exit_code == 0
    facts = server.last(reporting.SubmitReportRequest).facts
    assert (facts.ongoing_danger, facts.money_trail, facts.from_whistleblower) == (True,) * 3
    assert facts.whistleblower_reported_on == "2026-01-02"


def test_facts_come_from_a_file_and_options_override_it(server: Server, run: Run) -> None:
    content = {"country": "NP", "exploitation_type": "SERVITUDE", "indicators": ["DECEPTION"]}
    Path("facts.json").write_text(json.dumps(content))
    server.answer("SubmitReport", reporting.SubmitReportResponse())
    assert run("report submit --from facts.json --country MY").exit_code == 0
    assert server.last(reporting.SubmitReportRequest).facts == types.ReportFacts(
        country="MY",
        exploitation_type=types.EXPLOITATION_TYPE_SERVITUDE,
        indicators=["DECEPTION"],
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"exploitation_type": "X"}', "exploitation_type: 'X' is none of FORCED_LABOUR"),
        ('{"nation": "MY"}', "nation"),
        ("{", "facts.json"),
        ("[]", "facts.json"),
    ],
)
def test_a_wrong_file_is_refused_before_anything_is_made(
    run: Run, content: str, reason: str
) -> None:
    Path("facts.json").write_text(content)
    result = run("report submit --from facts.json")
    assert result.exit_code == 2
    assert reason in result.stderr
    assert not Path("case.json").exists()


def test_an_amendment_keeps_what_it_does_not_name(server: Server, run: Run) -> None:
    CaseFile.create(Path("case.json"), ORIGIN)
    filed = reporting.Case(etag="7", facts=FACTS)
    filed.facts.whistleblower_reported_on = "2026-01-02"
    filed.facts.from_whistleblower = True
    server.answer("GetCase", reporting.GetCaseResponse(case=filed))
    server.answer("AmendReport", reporting.AmendReportResponse())
    result = run("report amend --child not-sure --no-whistleblower --danger")
    assert result.exit_code == 0, result.stderr
    request = server.last(reporting.AmendReportRequest)
    wanted = types.ReportFacts()
    wanted.CopyFrom(FACTS)
    wanted.child_involved = types.CHILD_INVOLVEMENT_NOT_SURE
    wanted.ongoing_danger = True
    assert (request.facts, request.etag) == (wanted, "7")


def test_a_marker_is_placed(server: Server, run: Run) -> None:
    server.answer("PlaceMarker", reporting.PlaceMarkerResponse())
    assert (
        run(
            "marker place --country MY --sector ISIC_C --type FORCED_LABOUR --case new.json"
        ).exit_code
        == 0
    )
    request = server.last(reporting.PlaceMarkerRequest)
    assert (request.country, request.sector, request.exploitation_type) == ("MY", "ISIC_C", 1)
    assert request.handle == CaseFile.load(Path("new.json"), ORIGIN).handle


def test_notices_are_sentences_over_all_pages(server: Server, run: Run) -> None:
    CaseFile.create(Path("case.json"), ORIGIN)
    taken_up = pack(triage_events.ReferralAccepted(desk="LABOUR_INSPECTORATE"))
    newer = AnyMessage(type_url="type.googleapis.com/harbourlight.x.v1.New", value=b"\x08\x01")
    pages = [
        notification.ListNoticesResponse(
            notices=[{"number": 1, "type": taken_up.TypeName(), "event": taken_up}],
            next_page_token="2",
        ),
        notification.ListNoticesResponse(
            notices=[{"number": 2, "type": newer.TypeName(), "event": newer}]
        ),
    ]
    server.answer("ListNotices", *pages, *pages)
    lines = run("case notices").stdout.splitlines()
    assert "The labour inspectorate took up your case." in lines[0]
    assert "harbourlight.x.v1.New" in lines[1]
    first, second = map(json.loads, run("case notices --json").stdout.splitlines())
    assert first["event"]["desk"] == "LABOUR_INSPECTORATE"
    assert second["type"] == "harbourlight.x.v1.New"


def test_remedy_is_proposed_by_option_and_file(server: Server, run: Run) -> None:
    CaseFile.create(Path("case.json"), ORIGIN)
    items = [{"kind": "LEGAL_AID", "indicator": "DECEPTION", "due_date": "2027-02-01"}]
    Path("items.json").write_text(json.dumps({"items": items}))
    server.answer("ProposePlan", remedy.ProposePlanResponse())
    item = (
        "kind=back-wages,indicator=debt-bondage,beneficiaries=230,amount=734000.00,"
        "currency=AUD,start=2027-01-01,due=2027-06-30"
    )
    result = run(f"remedy propose --item {item} --from items.json")
    assert result.exit_code == 0, result.stderr
    first, second = server.last(remedy.ProposePlanRequest).items
    assert first == remedy.ItemProposal(
        kind=types.REMEDY_KIND_BACK_WAGES,
        indicator=types.INDICATOR_DEBT_BONDAGE,
        beneficiaries=230,
        amount="734000.00",
        currency_code="AUD",
        start_date="2027-01-01",
        due_date="2027-06-30",
    )
    assert second.kind == types.REMEDY_KIND_LEGAL_AID
