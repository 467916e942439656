"""What is sealed, on the command line: what it refuses before anything is sent."""

import json
from pathlib import Path

import pytest

from harbourlight.casefile import CaseFile
from harbourlight.reporting.v1 import content_pb2 as pb

from .conftest import HANDLE, OPTIONS, ORIGIN, Run, Server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_trust_nothing_is_sealed_and_nothing_is_sent(
    server: Server, run: Run, folder: Path
) -> None:
    (folder / "identity.json").write_text(json.dumps({"name": "Golden Palm"}))
    result = run(f"report submit {OPTIONS} --identity identity.json")
    assert result.exit_code == 2
    assert "no trust file" in result.stderr
    assert server.calls == []


@pytest.mark.parametrize(
    ("content", "told"),
    [("not JSON", "cannot read"), ('{"narative": "x"}', "narative"), ("[]", "JSON object")],
)
def test_a_file_that_is_no_content_is_named(
    run: Run, folder: Path, content: str, told: str
) -> None:
    (folder / "content.json").write_text(content)
    result = run(f"report submit {OPTIONS} --content content.json")
    assert result.exit_code == 2
    assert "content.json" in result.stderr
    assert told in result.stderr


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_message_is_not_sent(server: Server, run: Run, folder: Path, text: str) -> None:
    CaseFile.create(folder / "case.json", ORIGIN)
    (folder / "text").write_text(text)
    result = run("message send --file text")
    assert result.exit_code == 2
    assert "empty" in result.stderr
    assert server.calls == []


def test_an_answer_names_a_digest(run: Run, folder: Path) -> None:
    (folder / "text").write_text("Yes.")
    result = run("message send --file text --in-reply-to xyz")
    assert result.exit_code == 2
    assert "xyz" in result.stderr


@pytest.mark.parametrize(
    ("erased", "told"), [(False, "The other party has yet to"), (True, "is erased")]
)
def test_an_erasure_says_what_came_of_it(server: Server, run: Run, erased: bool, told: str) -> None:
    server.script["EraseCase"].append(pb.EraseCaseResponse(erased=erased))
    result = run(f"case erase {HANDLE} --reason safety-of-people")
    assert result.exit_code == 0, result.stderr
    assert told in result.stdout
    request = pb.EraseCaseRequest.FromString(server.calls[0].request)
    assert (request.handle, request.reason) == (HANDLE, pb.ERASURE_REASON_SAFETY_OF_PEOPLE)
