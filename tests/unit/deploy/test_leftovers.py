"""What a killed run left behind is stopped by the next one, and nothing else is."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.embedded.folder import Folder
from deploy.embedded.leftovers import clean_up

ARGV = [sys.executable, "-c", "import time; time.sleep(300)"]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(ARGV)
    yield process
    process.kill()
    process.wait()


def _record(tmp_path: Path, process: subprocess.Popen[bytes], **changes: Any) -> Folder:
    folder = Folder(tmp_path)
    row = {
        "pid": process.pid,
        "started": psutil.Process(process.pid).create_time(),
        "argv": ARGV,
        "signal": int(signal.SIGTERM),
    }
    folder.write("processes.json", json.dumps([row | changes]))
    return folder


def test_a_process_of_the_run_before_is_stopped(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    folder = _record(tmp_path, sleeper)
    assert clean_up(folder) == 1
    assert not psutil.pid_exists(sleeper.pid)
    assert clean_up(folder) == 0


@pytest.mark.parametrize(
    "changes", [{"started": 1_000_000.0}, {"argv": [sys.executable, "-c", "another"]}]
)
def test_a_process_that_only_has_its_number_is_left_alone(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], changes: dict[str, Any]
) -> None:
    assert clean_up(_record(tmp_path, sleeper, **changes)) == 0
    assert sleeper.poll() is None


def test_one_that_does_not_listen_is_killed(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    # SIGURG is ignored by default, as a process that hangs ignores what it is told.
    assert clean_up(_record(tmp_path, sleeper, signal=int(signal.SIGURG))) == 1
    assert not psutil.pid_exists(sleeper.pid)
