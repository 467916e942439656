"""A data folder belongs to one run, keeps its secrets private and remembers its ports."""

import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded.folder import Folder, FolderInUse


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    held = Folder(tmp_path / "data")
    held.acquire()
    yield held
    held.release()


def test_a_folder_in_use_is_refused_and_the_refusal_says_by_whom(folder: Folder) -> None:
    with pytest.raises(FolderInUse, match=r"in use by process \d+: stop that first"):
        Folder(folder.path).acquire()


def test_secrets_and_ports_are_the_same_after_a_restart(folder: Folder) -> None:
    secret, port = folder.secret("reporting"), folder.port("reporting")
    assert secret != folder.secret("triage")
    folder.release()
    again = Folder(folder.path)
    again.acquire()
    assert (again.secret("reporting"), again.port("reporting")) == (secret, port)
    again.release()


def test_a_port_that_somebody_took_meanwhile_is_not_given_again(folder: Folder) -> None:
    port = folder.port("reporting")
    folder.release()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        again = Folder(folder.path)
        again.acquire()
        assert again.port("reporting") != port
        again.release()


def test_a_port_stays_its_own_while_something_of_this_run_listens_there(folder: Folder) -> None:
    port = folder.port("reporting")
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", port))
        ours.listen()
        assert folder.port("reporting") == port


def test_what_is_written_is_the_owners_alone(folder: Folder) -> None:
    folder.secret("reporting")
    written = folder.write("tokens/ngo.jwt", "token")
    for path in (written, folder.path / "state.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_clearing_leaves_the_folder_held(folder: Folder) -> None:
    folder.write("story.json", "{}")
    folder.folder("logs")
    folder.clear()
    assert {path.name for path in folder.path.iterdir()} == {"lock"}
    with pytest.raises(FolderInUse):
        Folder(folder.path).acquire()
