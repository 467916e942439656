"""The demo holds its promises, also when a service dies in the middle of it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 150

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(2 * SECONDS)]


def _pid(data: Path, name: str) -> int | None:
    try:
        found: dict[str, Any] = json.loads((data / "endpoints.json").read_text())
    except (OSError, ValueError):
        return None
    return found["pids"].get(name)


def test_the_demo_holds_every_promise_although_reporting_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    with log.open("w") as output:
        demo = subprocess.Popen(
            [sys.executable, "-m", "examples.demo", "--data", str(tmp_path / "data")],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + SECONDS
        killed = None
        while demo.poll() is None and time.monotonic() < deadline:
            # In the middle: the fourth case has begun.
            if killed is None and " 4/12 " in log.read_text():
                killed = _pid(tmp_path / "data", "reporting")
                assert killed is not None
                os.kill(killed, signal.SIGKILL)
            time.sleep(0.05)
        if demo.poll() is None:
            demo.terminate()
            demo.wait(30)
    told = log.read_text()
    assert killed is not None, told
    assert demo.returncode == 0, told
    assert "reporting ended" in told
    story = json.loads((tmp_path / "data" / "story.json").read_text())
    assert len(story["cases"]) == 12
    assert {case["case"] for case in story["cases"]} == {
        case["id"]
        for case in json.loads((ROOT / "examples/public_cases.json").read_text())["cases"]
    }
    assert all(story["checks"].values()), story["checks"]
    _check_receipts(tmp_path / "data")
    assert (tmp_path / "data" / "path.svg").read_text().startswith("<svg")


def _check_receipts(data: Path) -> None:
    """Anybody can check what the demo left, with the installed command alone."""
    receipts = sorted((data / "receipts").glob("*.tlog-proof"))
    # A report each, and some markers and amendments.
    assert len(receipts) > 12
    keys = ["--vkey", str(data / "ledger.vkey"), "--witness", str(data / "witness.vkey")]
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "harbourlight", "receipt", "verify", str(receipts[0])),
            *("--witnessed", *keys),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert "lodged no later than" in checked.stdout
