"""The whole way on the command line, against a scripted platform that may lie."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from ..conftest import Run, Server
from .build import REFERRAL, WHO, WHY, Network, Platform

Say = Callable[..., Result]


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def platform(network: Network, server: Server) -> Platform:
    return Platform(network, server)


@pytest.fixture
def say(network: Network, platform: Platform, run: Run, tmp_path: Path) -> Say:
    """Runs a command, as somebody whose key files are in a folder of its own."""
    home = tmp_path / ".harbourlight"
    settings = json.loads((home / "endpoints.json").read_text())
    settings["trust"], settings["tokens"]["CUSTODIAN"] = "trust.json", "NGO"
    (home / "trust.json").write_text(network.trust_file())
    (home / "endpoints.json").write_text(json.dumps(settings))
    for name, keys in {
        "desk": [network.desk, network.officer],
        "bar": [network.custodian],
        "ombudsman": [network.alternate],
        "nobody": [],
    }.items():
        (tmp_path / name).mkdir()
        for number, one in enumerate(keys):
            one.save(tmp_path / name / f"{number}.json")

    def invoke(line: str, by: str) -> Result:
        return run(f"unsealing {line} --key {tmp_path / by} --seen {tmp_path / by}.seen")

    return invoke


def ask(say: Say) -> Result:
    Path("why.txt").write_text(WHY)
    return say(f"request {REFERRAL} --basis judicial-proceedings --reason why.txt", "desk")


def test_an_identity_is_asked_for_released_and_read(
    say: Say, platform: Platform, tmp_path: Path
) -> None:
    asked = ask(say)
    assert asked.exit_code == 0, asked.stderr
    assert "Directive (EU) 2019/1937 art. 16(2)" in asked.stdout
    one_time = tmp_path / "one-time.json"
    assert stat.S_IMODE(one_time.stat().st_mode) == 0o600
    assert platform.record
    assert WHY.encode() not in platform.record.SerializeToString()

    shown = say(f"show {REFERRAL} --custodian", "bar")
    assert shown.exit_code == 0, shown.stderr
    assert "HOLDS: asked by officer jo@example.org of LABOUR_INSPECTORATE" in shown.stdout
    assert f"Reason: {WHY}" in shown.stdout
    early = say(f"open {REFERRAL}", "desk")
    assert early.exit_code == 6
    assert "no half has been released" in early.stderr

    granted = say(f"grant {REFERRAL}", "bar")
    assert granted.exit_code == 0, granted.stderr
    opened = say(f"open {REFERRAL}", "desk")
    assert opened.exit_code == 0, opened.stderr
    assert WHO.name in opened.stdout
    assert json.loads(say(f"open {REFERRAL} --json", "desk").stdout)["name"] == WHO.name
    one_time.unlink()
    lost = say(f"open {REFERRAL}", "desk")
    assert lost.exit_code == 2
    assert "ask again if it is lost" in lost.stderr


def test_nothing_is_released_for_a_request_that_is_not_in_the_ledger(
    say: Say, platform: Platform, server: Server
) -> None:
    platform.in_ledger = False
    assert ask(say).exit_code == 0
    shown = say(f"show {REFERRAL} --custodian", "bar")
    assert "DOES NOT HOLD: the request is not proven to be in the ledger" in shown.stdout
    refused = say(f"grant {REFERRAL}", "bar")
    assert refused.exit_code == 6
    assert "the company might never learn of it" in refused.stderr
    assert not any(call.method == "GrantUnsealing" for call in server.calls)
    # There is no way around it.
    assert say(f"grant {REFERRAL} --force", "bar").exit_code == 2


def test_a_custodian_refuses_and_the_officer_reads_why(say: Say, platform: Platform) -> None:
    ask(say)
    Path("remark.txt").write_text("Ask the court first.")
    refused = say(f"refuse {REFERRAL} --reason not-necessary --remark remark.txt", "ombudsman")
    assert refused.exit_code == 0, refused.stderr
    assert "NOT_NECESSARY" in refused.stdout
    assert platform.record
    assert b"court first" not in platform.record.SerializeToString()
    assert "Said: Ask the court first." in say(f"show {REFERRAL}", "desk").stdout


def test_a_custodian_needs_its_own_key(say: Say) -> None:
    ask(say)
    for by in ("nobody", "desk"):
        result = say(f"grant {REFERRAL}", by)
        assert result.exit_code == 6
        assert "your key files hold neither" in result.stderr


def test_an_officer_needs_a_certified_key(say: Say, tmp_path: Path) -> None:
    Path("why.txt").write_text(WHY)
    result = say(f"request {REFERRAL} --basis investigation --reason why.txt", "bar")
    assert result.exit_code == 2
    assert "no key of kind officer that counts" in result.stderr
    assert not (tmp_path / "one-time.json").exists()


def test_a_one_time_key_is_never_replaced(say: Say, tmp_path: Path) -> None:
    ask(say)
    kept = (tmp_path / "one-time.json").read_text()
    again = ask(say)
    assert again.exit_code == 2
    assert "never replaced" in again.stderr
    assert (tmp_path / "one-time.json").read_text() == kept


def test_a_platform_that_goes_back_on_its_directory_is_believed_no_more(
    say: Say, network: Network
) -> None:
    ask(say)
    assert "HOLDS" in say(f"show {REFERRAL} --custodian", "bar").stdout
    network.directory_log.entries.pop(0)
    result = say(f"grant {REFERRAL}", "bar")
    assert result.exit_code == 6
    assert "older than the one" in result.stderr
