"""The short form, for every run of the tests: `make fuzz SECONDS=60` is the long one."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.embedded.bootstrap import ROOT
from tests.fuzz.mutations import mutate
from tests.fuzz.targets import SEEDS, TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_comes_from_outside_crashes_a_parser(name: str) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--here", "--seconds", "2", name]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", TARGETS)
def test_each_begins_with_good_bytes_and_not_only_with_them(name: str) -> None:
    chance = random.Random(1)
    made = {mutate(SEEDS[name], chance) for _ in range(100)}
    assert len(made - set(SEEDS[name])) > 50


_HARNESS = """
import pathlib, sys
from tests.fuzz import __main__ as harness, targets
harness.FOUND = pathlib.Path(sys.argv[1])
targets.SEEDS["bad"] = [b"seed"]
targets.TARGETS["bad"] = lambda data: {crash}
sys.exit(harness.run("bad", 1.0, 1))
"""


@pytest.mark.parametrize(
    ("crash", "says"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("bytearray(2**30)", "MemoryError"),
        ("all(True for _ in iter(int, 1))", "TooSlow"),
        ("sys.exit(0)", "SystemExit"),
    ],
)
def test_a_crash_is_found_and_its_input_kept(tmp_path: Path, crash: str, says: str) -> None:
    command = [sys.executable, "-c", _HARNESS.format(crash=crash), str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert says in done.stdout
    (kept,) = (tmp_path / "bad").iterdir()
    assert kept.read_bytes() == b"seed"
