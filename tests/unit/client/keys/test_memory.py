import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harbourlight.errors import BadFile, Untrusted
from harbourlight.keys import making
from harbourlight.keys.entries import Reason
from harbourlight.keys.memory import Memory

from .world import DESK_ROOT, LOG, NOW, ORIGIN, World, desk_key

WORLD = World()
REVOKED = World(desk=WORLD.desk, officer=WORLD.officer, log=[])
REVOKED.log = [
    *WORLD.log,
    making.revoke(WORLD.desk.key_id, Reason.LOST, DESK_ROOT, time=NOW).encode(),
]
PATHS = REVOKED.log


def followed(*logs: list[bytes]) -> Memory:
    memory = Memory(ORIGIN)
    for log in logs:
        memory.follow(WORLD.directory(log), log)
    return memory


@settings(deadline=None)
@given(st.lists(st.integers(1, len(PATHS)), min_size=1, max_size=5))
def test_a_directory_may_grow_and_never_shrink(sizes: list[int]) -> None:
    logs = [PATHS[:size] for size in sizes]
    if sizes == sorted(sizes):
        followed(*logs)
    else:
        with pytest.raises(Untrusted, match="older than"):
            followed(*logs)


def test_an_old_directory_is_refused_and_forgotten_nothing() -> None:
    memory = followed(PATHS)
    with pytest.raises(Untrusted, match="such as a revocation"):
        memory.follow(WORLD.directory(PATHS[:-1]), PATHS[:-1])
    memory.follow(WORLD.directory(PATHS), PATHS)


def test_a_fork_is_refused_at_the_same_size_and_above() -> None:
    other = World().log
    for fork in (other, [*other, *PATHS[5:]]):
        with pytest.raises(Untrusted, match="another past"):
            followed(WORLD.log, fork)


def test_it_is_kept_in_a_file_of_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    previous = os.umask(0)
    try:
        memory = Memory.load(path, ORIGIN)
        memory.follow(WORLD.directory(), WORLD.log)
        memory.used(WORLD.directory(), WORLD.directory().find(WORLD.desk.key_id))
        memory.save()
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = Memory.load(path, ORIGIN)
    assert again == memory
    with pytest.raises(Untrusted, match="older"):
        again.follow(WORLD.directory(WORLD.log[:2]), WORLD.log[:2])
    path.chmod(0o644)
    with pytest.raises(BadFile, match="chmod 600"):
        Memory.load(path, ORIGIN)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"format": "x", "version": 1}'])
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(BadFile):
        Memory.load(path, ORIGIN)


def test_the_file_of_another_installation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    Memory("elsewhere.test", path).save()
    with pytest.raises(BadFile, match=r"elsewhere\.test"):
        Memory.load(path, ORIGIN)


def test_a_checkpoint_of_another_log_is_not_taken_for_the_past(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    memory = Memory(ORIGIN, path)
    memory.follow(WORLD.directory(), WORLD.log)
    memory.save()
    data = json.loads(path.read_text())
    data["checkpoint"] = data["checkpoint"].replace(LOG.verifier.name, "other.test/directory")
    path.write_text(json.dumps(data))
    with pytest.raises(BadFile, match="not of this installation"):
        Memory.load(path, ORIGIN).follow(WORLD.directory(), WORLD.log)


def test_a_key_that_vanished_is_said() -> None:
    memory = Memory(ORIGIN, keys={"desk LABOUR_INSPECTORATE (*)": desk_key().key_id})
    directory = WORLD.directory()
    change = memory.used(directory, directory.find(WORLD.desk.key_id))
    assert change is not None
    assert "not in the directory any more" in str(change)
