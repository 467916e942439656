import base64
import json
import os
import stat
from pathlib import Path

import pytest

from harbourlight import CaseFile, errors
from harbourlight.phrase import Phrase
from harbourlight.privatefile import write_private

ORIGIN = "harbourlight.test"
PHRASE = Phrase(bytes(range(16)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "case.json"


def test_what_is_created_is_loaded(path: Path) -> None:
    created = CaseFile.create(path, ORIGIN)
    loaded = CaseFile.load(path, ORIGIN)
    assert loaded.handle == created.handle
    assert loaded.key.phrase == created.key.phrase
    assert CaseFile.create(path.with_name("another"), ORIGIN).handle != created.handle


def test_the_words_alone_make_the_same_file(path: Path) -> None:
    CaseFile.create(path, ORIGIN, PHRASE)
    words = json.loads(path.read_text())["words"]
    again = path.with_name("again.json")
    CaseFile.create(again, ORIGIN, Phrase.parse(words))
    assert again.read_bytes() == path.read_bytes()


def test_version_1_is_still_read(path: Path) -> None:
    content = {
        "format": "harbourlight.case",
        "version": 1,
        "handle": "HL-AS3NN9TMCD3MR0M55",
        "origin": ORIGIN,
        "private_key": base64.urlsafe_b64encode(bytes(range(32))).decode(),
    }
    write_private(path, json.dumps(content))
    case = CaseFile.load(path, ORIGIN)
    assert case.handle == content["handle"]
    assert case.key.phrase is None
    write_private(path, json.dumps(content | {"private_key": "AAAA"}), replace=True)
    with pytest.raises(errors.BadFile, match="not a case file"):
        CaseFile.load(path, ORIGIN)


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


@pytest.mark.parametrize("key", ["format", "version", "handle", "origin", "words"])
def test_an_incomplete_file_is_refused(path: Path, key: str) -> None:
    CaseFile.create(path, ORIGIN)
    content = json.loads(path.read_text())
    del content[key]
    path.write_text(json.dumps(content))
    with pytest.raises(errors.BadFile, match=key):
        CaseFile.load(path, ORIGIN)


def test_a_damaged_word_is_not_shown(path: Path) -> None:
    CaseFile.create(path, ORIGIN, PHRASE)
    path.write_text(path.read_text().replace(f" {PHRASE.words[1]} ", " secretly "))
    with pytest.raises(errors.BadFile) as caught:
        CaseFile.load(path, ORIGIN)
    assert not {"secretly", *PHRASE.words} & set(str(caught.value).split())


def test_another_installations_case_is_refused(path: Path) -> None:
    CaseFile.create(path, "elsewhere.test")
    with pytest.raises(errors.BadFile, match=r"elsewhere\.test.*harbourlight\.test"):
        CaseFile.load(path, ORIGIN)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"handle": "HL-00000000000000000"}, "handle is not the key's"),
        ({"words": ""}, "words are not a phrase"),
        ({"words": " ".join(PHRASE.words[:-1])}, "words are not a phrase"),
        ({"words": 7}, "not a case file"),
        ({"words": None}, "not a case file"),
        ({"format": "other"}, "not a case file"),
        ({"version": 3}, "newer client"),
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
    case = CaseFile.create(path, ORIGIN, PHRASE)
    text = f"{case!r} {case} {case.key!r} {case.key.phrase!r} {case.key.phrase}"
    assert not any(word in text for word in PHRASE.words)
    assert PHRASE.entropy.hex() not in text
    assert repr(PHRASE.entropy) not in text
