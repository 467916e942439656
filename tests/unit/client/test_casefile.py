import json
import os
import stat
from pathlib import Path

import pytest

from harbourlight import CaseFile, errors
from harbourlight.casefile import write_private

ORIGIN = "harbourlight.test"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "case.json"


def test_what_is_created_is_loaded(path: Path) -> None:
    created = CaseFile.create(path, ORIGIN)
    loaded = CaseFile.load(path, ORIGIN)
    assert loaded.handle == created.handle
    assert loaded.key.private_bytes() == created.key.private_bytes()


def test_only_the_owner_can_read_it_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        CaseFile.create(path, ORIGIN)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["case.json"]


def test_an_existing_file_is_never_replaced(path: Path) -> None:
    created = CaseFile.create(path, ORIGIN)
    with pytest.raises(errors.BadFile, match="exists already"):
        CaseFile.create(path, ORIGIN)
    assert CaseFile.load(path, ORIGIN).handle == created.handle
    assert [one.name for one in path.parent.iterdir()] == ["case.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o666])
def test_a_file_that_others_reach_is_refused_with_the_remedy(path: Path, mode: int) -> None:
    CaseFile.create(path, ORIGIN)
    path.chmod(mode)
    with pytest.raises(errors.BadFile, match=f"chmod 600 {path}"):
        CaseFile.load(path, ORIGIN)


def test_another_installations_case_is_refused(path: Path) -> None:
    CaseFile.create(path, "elsewhere.test")
    with pytest.raises(errors.BadFile, match=r"elsewhere\.test.*harbourlight\.test"):
        CaseFile.load(path, ORIGIN)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"handle": "HL-00000000000000000"}, "handle is not the key's"),
        ({"private_key": "AAAA"}, "not a case file"),
        ({"private_key": 7}, "not a case file"),
        ({"format": "other"}, "not a case file"),
        ({"version": 2}, "newer client"),
    ],
)
def test_a_damaged_file_is_refused(path: Path, change: dict[str, object], reason: str) -> None:
    CaseFile.create(path, ORIGIN)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(errors.BadFile, match=reason):
        CaseFile.load(path, ORIGIN)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '"x"'])
def test_something_else_is_refused(path: Path, text: str) -> None:
    write_private(path, text)
    with pytest.raises(errors.BadFile, match="not a case file"):
        CaseFile.load(path, ORIGIN)


def test_a_missing_file_says_how_to_get_one(path: Path) -> None:
    with pytest.raises(errors.BadFile, match="report submit"):
        CaseFile.load(path, ORIGIN)


def test_the_key_is_in_no_representation(path: Path) -> None:
    case = CaseFile.create(path, ORIGIN)
    secret = json.loads(path.read_text())["private_key"]
    assert secret not in f"{case!r} {case} {case.key!r}"
    assert case.key.private_bytes().hex() not in f"{case!r} {case} {case.key!r}"
