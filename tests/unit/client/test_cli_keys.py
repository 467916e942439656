"""From a root to a published entry, each by who would do it, with files alone between them."""

import json
from pathlib import Path

import pytest

from harbourlight.keys import files
from harbourlight.keys.entries import KeyEntry, Revocation, RoutingEntry, parse
from harbourlight.keys.files import load_key, load_root
from harbourlight.ledger.v1 import ledger_pb2 as pb
from harbourlight.proofs.notes import Note, VerifierKey

from .conftest import Run, Server


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passphrase is stretched less than in earnest."""
    monkeypatch.setattr(files, "_N", 16)


def written(run: Run, line: str, file: str) -> str:
    """What a command prints, in a file too."""
    result = run(line)
    assert result.exit_code == 0, result.stderr
    Path(file).write_text(result.stdout)
    return result.stdout


@pytest.fixture
def ministry(run: Run) -> None:
    """A root, a desk's key with its note, and an officer's entry, in the current folder."""
    written(run, "keys root new root.json --organisation ministry", "root.vkey")
    written(run, "keys desk new desk.json --name POLICE --organisation ministry", "desk.entry")
    written(run, "keys certify desk.entry --root root.json", "desk.note")
    written(run, "keys officer new ana.json --name ana --organisation ministry", "ana.entry")


@pytest.mark.usefixtures("ministry")
def test_a_root_certifies_a_desk_and_a_desk_its_officer(run: Run) -> None:
    note = Note.parse(Path("desk.note").read_text())
    root = VerifierKey.parse(Path("root.vkey").read_text())
    assert load_root(Path("root.json")).signer.verifier == root
    assert [key for key, _ in note.verified([root])] == [root]
    desk = load_key(Path("desk.json"))
    assert parse(note.text) == desk.entry
    note = Note.parse(written(run, "keys certify ana.entry --desk desk.json", "ana.note"))
    assert note.verified([desk.entry.verifier])
    again = Note.parse(written(run, "keys certify ana.note --desk desk.json", "ana.note"))
    assert again == note


@pytest.mark.usefixtures("ministry")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("keys certify ana.entry --root root.json", "certified by its desk's"),
        ("keys certify desk.entry --desk desk.json", "that organisation's root"),
        ("keys certify ana.entry --desk ana.json", "certifies nobody"),
        ("keys certify ana.entry --desk root.json", "is a root"),
        ("keys certify desk.entry --root desk.json", "and not a root"),
        ("keys certify desk.entry", "name one key"),
        ("keys certify desk.entry --root root.json --desk desk.json", "name one key"),
        ("keys certify root.vkey --root root.json", "cannot be certified"),
        ("keys certify gone --root root.json", "cannot read gone"),
        ("keys root new root.json --organisation x", "never replaced"),
        ("keys root new r.json --organisation 'two words'", "no name of a key"),
        ("keys desk new d.json --name X --organisation y --jurisdiction mys", "jurisdiction"),
        ("keys revoke 123 --root root.json --reason LEFT", "no key id"),
        ("keys revoke desk.note --root root.json --reason LEFT --time today", "no time such as"),
        ("keys publish desk.entry", "cannot be published"),
    ],
)
def test_what_nobody_would_believe_is_not_made(run: Run, line: str, reason: str) -> None:
    result = run(line)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert result.stdout == ""


@pytest.mark.usefixtures("ministry")
def test_a_key_is_ended(run: Run) -> None:
    line = "keys revoke desk.note --root root.json --reason rotated --time 2026-11-24T00:00:00Z"
    found = parse(Note.parse(run(line).stdout).text)
    assert isinstance(found, Revocation)
    assert found.key_id == load_key(Path("desk.json")).key_id
    assert f"{found.time:%Y-%m-%d} {found.reason}" == "2026-11-24 ROTATED"


@pytest.mark.usefixtures("ministry")
def test_the_routing_table_is_signed(run: Run) -> None:
    assert isinstance(
        parse(Note.parse(run("keys routing --root root.json").stdout).text), RoutingEntry
    )


@pytest.mark.usefixtures("ministry")
def test_an_operator_publishes(server: Server, run: Run) -> None:
    server.answer("PublishEntry", pb.PublishEntryResponse(index=7))
    result = run("keys publish desk.note")
    assert (result.exit_code, result.stdout) == (0, "desk.note: entry 7\n"), result.stderr


def test_a_file_can_be_protected(run: Run) -> None:
    Path("phrase").write_text("correct horse\n")
    Path("wrong").write_text("battery staple\n")
    new = "keys desk new desk.json --name POLICE --organisation ministry"
    entry = written(run, f"{new} --protect --passphrase-file phrase", "desk.entry")
    assert isinstance(parse(entry), KeyEntry)
    assert "scrypt" in json.dumps(json.loads(Path("desk.json").read_text()))
    written(run, "keys officer new ana.json --name ana --organisation ministry", "ana.entry")
    line = "keys certify ana.entry --desk desk.json --passphrase-file"
    assert run(f"{line} phrase").exit_code == 0
    result = run(f"{line} wrong")
    assert result.exit_code == 2
    assert "passphrase is not that of desk.json" in result.stderr
