import json
import stat
from pathlib import Path

import pytest

from harbourlight.errors import BadFile
from harbourlight.keys import files
from harbourlight.keys.entries import Kind
from harbourlight.keys.files import KeyRing, RootFile, load_key, load_root

from .world import World, desk_key, key

WORLD = World()
EVERY = [
    WORLD.desk,
    WORLD.officer,
    WORLD.custodian,
    WORLD.alternate,
    key(Kind.SERVICE, "reporting", "operator"),
]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passphrase is stretched less than in earnest."""
    monkeypatch.setattr(files, "_N", 16)


@pytest.mark.parametrize("passphrase", ["", "correct horse"])
@pytest.mark.parametrize("file", EVERY, ids=lambda one: one.entry.kind)
def test_a_key_is_kept(tmp_path: Path, file: files.KeyFile, passphrase: str) -> None:
    path = tmp_path / "key.json"
    file.save(path, passphrase)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path, lambda _: passphrase) == file
    text = path.read_text()
    assert ("scrypt" in text) == bool(passphrase)
    assert file.signing.hex() not in repr(file)


@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_a_root_is_kept(tmp_path: Path, passphrase: str) -> None:
    root, path = RootFile.generate("ministry"), tmp_path / "root.json"
    root.save(path, passphrase)
    assert load_root(path, lambda _: passphrase) == root
    with pytest.raises(BadFile, match="is a root"):
        load_key(path, lambda _: passphrase)
    with pytest.raises(BadFile, match="never replaced"):
        root.save(path)


def test_a_key_is_no_root(tmp_path: Path) -> None:
    WORLD.desk.save(tmp_path / "desk.json")
    with pytest.raises(BadFile, match="key of a desk, and not a root"):
        load_root(tmp_path / "desk.json")


def test_another_passphrase_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    WORLD.desk.save(path, "correct horse")
    with pytest.raises(BadFile, match="passphrase is not that of"):
        load_key(path, lambda _: "battery staple")
    with pytest.raises(BadFile, match="none was given"):
        load_key(path)


def test_a_protected_key_cannot_be_given_another_entry(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    WORLD.desk.save(path, "correct horse")
    data = json.loads(path.read_text())
    data["entry"] = data["entry"].replace("number 1", "number 2")
    path.write_text(json.dumps(data))
    with pytest.raises(BadFile, match="changed"):
        load_key(path, lambda _: "correct horse")


def test_a_key_of_another_entry_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    WORLD.desk.save(path)
    data = json.loads(path.read_text())
    for entry in (str(desk_key().entry), str(WORLD.officer.entry), "nonsense", "", 7):
        path.write_text(json.dumps(data | {"entry": entry}))
        with pytest.raises(BadFile, match="damaged"):
            load_key(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"format": "x", "version": 1}'])
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(BadFile, match="damaged"):
        load_key(path)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    WORLD.desk.save(path)
    path.chmod(0o640)
    with pytest.raises(BadFile, match="chmod 600"):
        load_key(path)
    with pytest.raises(BadFile, match="no key file"):
        load_key(tmp_path / "gone")


def test_a_stretching_that_would_stop_the_machine_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    WORLD.desk.save(path, "x")
    data = json.loads(path.read_text())
    data["secret"]["n"] = 2**40
    path.write_text(json.dumps(data))
    with pytest.raises(BadFile, match="damaged"):
        load_key(path, lambda _: "x")


def test_old_keys_are_found_by_their_ids(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    old, new = WORLD.desk, desk_key(number=2)
    old.save(folder / "1.json")
    new.save(folder / "2.json")
    WORLD.officer.save(tmp_path / "officer.json")
    ring = KeyRing.load([folder, tmp_path / "officer.json"])
    for one in (old, new, WORLD.officer):
        assert ring.find(one.key_id) == one
    with pytest.raises(BadFile, match="since rotated"):
        ring.find("0" * 16)
    assert ring.find(old.key_id).opens() == old.sealing
    with pytest.raises(BadFile, match="it signs"):
        ring.find(WORLD.officer.key_id).opens()
