import json
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from typer.testing import CliRunner

from harbourlight import CaseFile
from harbourlight.cli import app
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from harbourlight.triage.v1 import triage_pb2 as triage

from .conftest import FACTS, HANDLE, ITEM, ORIGIN, Failure, Run, Server


def test_json_is_the_contracts_own(server: Server, run: Run) -> None:
    CaseFile.create(Path("case.json"), ORIGIN)
    found = reporting.Case(handle=HANDLE, state=reporting.CASE_STATE_FILED)
    server.answer("GetCase", reporting.GetCaseResponse(case=found))
    data = json.loads(run("case show --json").stdout)
    assert data["case"]["state"] == "CASE_STATE_FILED"
    assert data["case"]["amendments"] == 0


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, 3),
        (grpc.StatusCode.NOT_FOUND, 4),
        (grpc.StatusCode.FAILED_PRECONDITION, 5),
        (grpc.StatusCode.ABORTED, 5),
        (grpc.StatusCode.ALREADY_EXISTS, 5),
        (grpc.StatusCode.UNAUTHENTICATED, 6),
        (grpc.StatusCode.PERMISSION_DENIED, 6),
        (grpc.StatusCode.UNAVAILABLE, 7),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 7),
        (grpc.StatusCode.INTERNAL, 1),
    ],
)
def test_exit_codes(server: Server, run: Run, code: grpc.StatusCode, exit_code: int) -> None:
    server.answer("AcceptReferral", *[Failure(code, "this is why")] * 9)
    result = run(f"triage accept {ITEM} --patience 0.5")
    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert "this is why" in result.stderr
    assert "Traceback" not in result.stderr
    assert server.calls[-1].metadata["authorization"] == "Bearer token-of-AUTHORITY"


def test_a_refused_field_is_named_for_people_and_for_scripts(server: Server, run: Run) -> None:
    fault = {"field": "facts.country", "description": "'XX' is no country, such as MY"}
    details = (error_details_pb2.BadRequest(field_violations=[fault]),)
    refusal = Failure(grpc.StatusCode.INVALID_ARGUMENT, "wrong", details)
    server.answer("SubmitReport", refusal, refusal)
    people = run("report submit --country XX")
    assert "facts.country: 'XX' is no country, such as MY" in people.stderr
    scripts = run("report submit --country XX --json")
    assert json.loads(scripts.stderr)["error"]["violations"] == [fault]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("report submit --type FORCED_LABOR", "did you mean FORCED_LABOUR"),
        ("report withdraw", "--reason"),
        (f"triage reject {ITEM} --reason none", "OUTSIDE_JURISDICTION"),
        ("triage queue --handle HL-1", "17 characters"),
        (f"triage protect {ITEM} --decision final --condition X", "CODE=YYYY-MM-DD"),
        ("remedy propose --item kind=BACK_WAGES,colour=red", "colour=red"),
        ("remedy propose --item beneficiaries=many", "beneficiaries"),
        ("triage queue --patience soon", "number of seconds"),
        ("case show --case none.json", "there is no case file none.json"),
        ("feed watch --limit 0", "--limit"),
    ],
)
def test_wrong_usage_is_explained(
    run: Run, monkeypatch: pytest.MonkeyPatch, line: str, reason: str
) -> None:
    monkeypatch.setenv("TERMINAL_WIDTH", "1000")
    monkeypatch.setenv("COLUMNS", "1000")
    result = run(line)
    assert result.exit_code == 2
    assert reason in result.stderr


def test_it_works_in_a_pipe_without_a_terminal(server: Server, run: Run) -> None:
    page = triage.ListQueueResponse(
        referrals=[{"referral_id": ITEM, "handle": HANDLE, "facts": FACTS}]
    )
    server.answer("ListQueue", page)
    result = subprocess.run(
        [sys.executable, "-m", "harbourlight", "triage", "queue"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    heading, row = result.stdout.splitlines()
    assert heading.split()[:3] == ["PRIORITY", "STATE", "REFERRAL"]
    assert {ITEM, HANDLE, "MY", "ISIC_C", "FORCED_LABOUR"} <= set(row.split())
    assert "\x1b" not in result.stdout


def test_a_watch_is_stopped_by_ctrl_c(server: Server, run: Run) -> None:
    watch = subprocess.Popen(
        [sys.executable, "-m", "harbourlight", "feed", "watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert server.waits.wait(30)
        watch.send_signal(signal.SIGINT)
        assert watch.communicate(timeout=30) == (b"", b"")
        assert watch.returncode == 130
    finally:
        watch.kill()


def every_command() -> list[list[str]]:
    found = []
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            found.append([str(group.name), str(command.name)])
    return found


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_every_command_has_help_and_json(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "--json" in result.stdout
