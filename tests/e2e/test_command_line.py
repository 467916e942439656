"""The whole path through the installed command line, each party with its own credential."""

import asyncio
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Network

pytestmark = [pytest.mark.xdist_group("network"), pytest.mark.asyncio(loop_scope="module")]


def eventually(look: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What `look` finds as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "not seen in time"
        time.sleep(0.1)
    return found


def _report(network: Network, case: Path, *more: str) -> Any:
    return network.json(
        "report", "submit", "--country", "MY", "--sector", "ISIC_C", "--type", "FORCED_LABOUR",
        "--child", "NO", "--indicator", "DEBT_BONDAGE", "--case", str(case), *more,
    )  # fmt: skip


def _items(items: list[str]) -> list[str]:
    return [word for item in items for word in ("--item", item)]


def _play(network: Network, folder: Path) -> None:
    case = folder / "case.json"
    network.json(
        "marker", "place", "--country", "MY", "--sector", "ISIC_C", "--type", "FORCED_LABOUR",
        "--case", str(case),
    )  # fmt: skip
    assert (case.stat().st_mode & 0o777) == 0o600
    perfected = network.json(
        "marker", "perfect", "--country", "MY", "--sector", "ISIC_C", "--type", "FORCED_LABOUR",
        "--child", "NO", "--indicator", "DEBT_BONDAGE", "--indicator",
        "EXPLOITATION/LOW_OR_NO_SALARY",
        "--case", str(case),
    )  # fmt: skip
    handle = perfected["case"]["handle"]
    assert perfected["case"]["marked_at"] < perfected["case"]["filed_at"]

    def queued() -> Any:
        page = network.json("triage", "queue")
        return next((one for one in page.get("referrals", []) if one["handle"] == handle), None)

    referral = eventually(queued)["referral_id"]
    assert (
        network.json("triage", "accept", referral)["referral"]["state"] == "REFERRAL_STATE_ACCEPTED"
    )
    eventually(
        lambda: (
            network.json("case", "show", "--case", str(case))["case"]["referral_state"]
            == "REFERRAL_STATE_ACCEPTED"
        )
    )
    items = [
        "kind=RECRUITMENT_FEE_REPAYMENT,indicator=DEBT_BONDAGE,beneficiaries=230,"
        "amount=734000,currency=AUD,due=2099-01-01",
        "kind=BACK_WAGES,indicator=WITHHOLDING_OF_WAGES,beneficiaries=3,due=2099-01-01",
    ]
    eventually(lambda: network.run("remedy", "show", "--case", str(case)).returncode == 0)

    def proposed() -> Any:
        done = network.run("remedy", "propose", *_items(items), "--case", str(case), "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    plan = eventually(proposed)
    ids = [item["item_id"] for item in plan["remedy"]["items"]]
    ngo = network.stack.mint("NGO", org="workers-first")
    network.json("remedy", "agree", handle, "--verifier", "workers-first")
    for item in ids:
        network.json("remedy", "start", item, "--case", str(case))
        network.json("remedy", "deliver", item, "--case", str(case))
    # The company cannot verify what it owes, and an organisation that was not named cannot either.
    stranger = network.stack.mint("NGO", org="somebody-else")
    refused = network.run("remedy", "verify", ids[0], "--method", "SITE_VISIT", token=stranger)
    assert refused.returncode == 4, refused.stderr
    assigned = network.json("remedy", "assignments", token=ngo)
    assert handle not in json.dumps(assigned)
    for item in ids:
        network.json("remedy", "verify", item, "--method", "WORKER_INTERVIEWS", token=ngo)
    remedy = network.json("remedy", "show", "--case", str(case))["remedy"]
    assert remedy["state"] == "REMEDY_STATE_CLOSED"
    assert [total["verified"] for total in remedy["totals"]] == ["734000"]
    events = network.lines("feed", "watch", "--limit", "9", token=ngo)
    text = json.dumps(events)
    assert handle not in text
    assert not any(item in text for item in ids)
    assert "734000" not in text
    assert '"1-4"' in text


async def test_every_party_does_its_part_from_a_shell(network: Network, tmp_path: Path) -> None:
    await asyncio.to_thread(_play, network, tmp_path)


async def test_errors_name_the_field_and_the_fix(network: Network, tmp_path: Path) -> None:
    case = tmp_path / "case.json"

    def play() -> None:
        done = network.run(
            "report", "submit", "--country", "MX1", "--sector", "ISIC_C", "--type",
            "FORCED_LABOUR", "--child", "NO", "--indicator", "DEBT_BONDAGE", "--case", str(case),
        )  # fmt: skip
        assert done.returncode == 3
        assert "facts.country" in done.stderr
        assert "did you mean 'MX'" in done.stderr
        assert network.run("case", "show", "--case", str(case)).returncode == 4
        _report(network, case)
        again = network.run(
            "report", "submit", "--country", "MY", "--sector", "ISIC_C", "--type",
            "FORCED_LABOUR", "--child", "NO", "--indicator", "DEBT_BONDAGE", "--case", str(case),
        )  # fmt: skip
        assert again.returncode == 5
        assert "FILED" in again.stderr
        stale = network.run(
            "report", "withdraw", "--reason", "DUPLICATE", "--etag", "99", "--case", str(case)
        )
        assert stale.returncode == 5
        assert network.run("triage", "queue", token="no-token").returncode == 6

    await asyncio.to_thread(play)


async def test_one_trace_leads_from_the_report_to_the_notice(
    network: Network, tmp_path: Path
) -> None:
    handle = (await asyncio.to_thread(_report, network, tmp_path / "case.json"))["case"]["handle"]

    def edges() -> set[tuple[str, str]]:
        spans = [
            json.loads(line)
            for file in (network.data / "telemetry").glob("*.jsonl")
            for line in file.read_text().splitlines()
        ]
        by_id = {span["span"]: span for span in spans}
        traces = {
            span["trace"] for span in spans if span["attributes"].get("harbourlight.case") == handle
        }
        if len(traces) != 1:
            return set()
        return {
            (by_id[span["parent"]]["service"], span["service"])
            for span in spans
            if span["trace"] in traces and span["parent"] in by_id
        }

    expected = {
        ("reporting", "triage"),
        ("reporting", "remedy"),
        ("reporting", "notification-router"),
        ("notification-router", "notification"),
        ("triage", "reporting"),
        ("triage", "notification-router"),
    }
    await asyncio.to_thread(eventually, lambda: edges() >= expected)


IDENTITY = {"name": "Golden Palm Electronics Sdn Bhd", "people": [{"name": "Aisyah Rahman"}]}
CONTENT = {"site": {"name": "Plant 7"}, "narrative": "The labour agent holds the passports."}


def _write(network: Network, text: str, *arguments: str) -> None:
    done = network.run("message", "send", *arguments, input=text)
    assert done.returncode == 0, done.stderr


def _letters(network: Network, *arguments: str) -> list[str]:
    """What each message says, or why it is not shown."""
    found = json.loads(network.run("message", "list", *arguments, "--json").stdout)
    return [
        one.get("problem") or one["body"].get("text") or one["body"]["narrative"] for one in found
    ]


def _seal(network: Network, folder: Path) -> None:
    case, identity, content = (
        folder / name for name in ("case.json", "identity.json", "content.json")
    )
    identity.write_text(json.dumps(IDENTITY))
    told = {**CONTENT, "narrative": "Golden Palm buys there."}
    content.write_text(json.dumps(told))
    sealed = ["--identity", str(identity), "--content", str(content)]
    facts = ["--country", "MY", "--sector", "ISIC_C", "--type", "FORCED_LABOUR", "--child", "NO"]
    warned = network.run(
        "report", "submit", *facts, "--indicator", "DEBT_BONDAGE", "--case", str(case), *sealed,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert warned.returncode == 2
    assert "Golden" in warned.stderr
    content.write_text(json.dumps(CONTENT))
    handle = _report(network, case, *sealed)["case"]["handle"]

    opened = network.json("triage", "read", handle)["report"]
    assert opened["body"] == CONTENT
    assert opened["signed_by"] == handle
    _write(network, "How many sleep there?", "--handle", handle, "--purpose", "question")
    _write(network, "Forty.", "--case", str(case), "--purpose", "answer")

    def referral(desk: str) -> Any:
        page = network.json("triage", "queue", "--handle", handle, "--desk", desk)
        return next((one["referral_id"] for one in page.get("referrals", [])), None)

    first = eventually(lambda: referral("LABOUR_INSPECTORATE"))
    network.json("triage", "accept", first)
    network.json("triage", "transfer", first, "--desk", "POLICE", "--reason", "criminal-offence")
    assert network.run("triage", "reseal", handle, "--to", "POLICE").returncode == 0
    network.json("triage", "accept", eventually(lambda: referral("POLICE")))

    def handled() -> bool:
        found = network.json("case", "show", "--case", str(case))["case"]["handling_desk"]
        return bool(found == "POLICE")

    eventually(handled)
    _write(network, "Good that you took over.", "--case", str(case))
    network.json("triage", "confirm", handle)
    _write(network, "Not ours to decide.", "--handle", handle, "--purpose", "reason")
    said = [
        *(CONTENT["narrative"], "How many sleep there?", "Forty."),
        *("Good that you took over.", "Not ours to decide."),
    ]
    assert _letters(network, "--case", str(case)) == said
    assert _letters(network, "--handle", handle) == said

    words = network.json("case", "words", "--case", str(case))["words"]
    restored = folder / "elsewhere" / "case.json"
    restored.parent.mkdir()
    network.run("case", "restore", "--case", str(restored), input=" ".join(words))
    assert _letters(network, "--case", str(restored)) == said

    agreed = ["case", "erase", handle, "--reason", "court-order"]
    assert not network.json(*agreed)["erased"]
    assert network.json(*agreed, "--as-custodian")["erased"]
    for gone in (
        ["message", "list", "--case", str(restored)],
        ["triage", "read", handle],
        ["message", "list", "--handle", handle],
    ):
        done = network.run(*gone)
        assert (done.returncode, "ERASED" in done.stderr) == (5, True)


async def test_a_sealed_case_from_report_to_erasure(network: Network, tmp_path: Path) -> None:
    await asyncio.to_thread(_seal, network, tmp_path)
