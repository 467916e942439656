import json
import os
import pty
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from typer.testing import CliRunner, Result

from harbourlight import CaseFile
from harbourlight.cli import app
from harbourlight.phrase import Phrase
from harbourlight.privatefile import write_private
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from harbourlight.signing import CaseKey

from .conftest import OPTIONS, ORIGIN, Failure, Run, Server

PHRASE = Phrase(bytes(range(16)))
WORDS = " ".join(PHRASE.words)
KEY = CaseKey.from_phrase(PHRASE)
FOUND = reporting.GetCaseResponse(case={"handle": KEY.handle})
NEW = Path("new.json")


def restore(typed: str | bytes, options: str = "") -> Result:
    return CliRunner().invoke(app, shlex.split(f"case restore --case {NEW} {options}"), typed)


class Terminal:
    """The command line at a terminal of its own, as a person has it before them."""

    def __init__(self, line: str, *, stdout: int | None = None) -> None:
        # The program's end stays open here too, or what it wrote last may be lost with it.
        self._screen, self._end = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harbourlight", *shlex.split(line)],
            stdin=self._end,
            stdout=self._end if stdout is None else stdout,
            stderr=self._end,
        )
        self._output = b""

    @property
    def shown(self) -> str:
        """What is on the screen so far."""
        # A read may end anywhere, between the two bytes of a line's end too.
        return self._output.decode(errors="replace").replace("\r\n", "\n")

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def read(self, until: str | None = None) -> str:
        """What is on the screen once `until` is, or once the command has ended."""
        deadline = time.monotonic() + 60
        while until is None or until not in self.shown:
            assert time.monotonic() < deadline, self.shown
            ended = self._process.poll() is not None
            if select.select([self._screen], [], [], 0.05)[0]:
                self._output += os.read(self._screen, 4096)
            elif ended:
                break
        return self.shown

    def end(self) -> int:
        self.read()
        return self._process.wait()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._screen)
        os.close(self._end)


@pytest.fixture
def open_terminals() -> Iterator[list[Terminal]]:
    terminals: list[Terminal] = []
    yield terminals
    for terminal in terminals:
        terminal.close()


def test_words_are_numbered_in_rows_and_read_back_as_they_are_shown(run: Run) -> None:
    CaseFile.create(Path("case.json"), ORIGIN, PHRASE)
    result = run("case words")
    assert (result.exit_code, result.stderr) == (0, "")
    rows = result.stdout.splitlines()
    assert [len(row.split()) for row in rows] == [8, 8, 8]
    assert rows[1].split()[:2] == ["5.", PHRASE.words[4]]
    assert Phrase.parse(result.stdout) == PHRASE


def test_words_as_json(run: Run) -> None:
    CaseFile.create(Path("case.json"), ORIGIN, PHRASE)
    assert json.loads(run("case words --json").stdout) == {
        "handle": KEY.handle,
        "words": list(PHRASE.words),
    }


def test_a_first_case_file_has_no_words(run: Run) -> None:
    secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    content = {"format": "harbourlight.case", "version": 1, "origin": ORIGIN, "private_key": secret}
    content["handle"] = CaseKey.from_private_bytes(bytes(range(32))).handle
    write_private(Path("case.json"), json.dumps(content))
    result = run("case words")
    assert result.exit_code == 2
    assert "keep a copy" in result.stderr
    assert secret not in result.output


def test_a_case_is_restored_from_its_words(server: Server, run: Run) -> None:
    server.answer("GetCase", FOUND)
    result = restore(WORDS.upper().replace(" ", "\n"))
    assert result.exit_code == 0, result.stderr
    assert KEY.handle in result.stdout
    assert not set(PHRASE.words) & set(result.output.split())
    case = CaseFile.load(NEW, ORIGIN)
    assert (case.handle, case.key.phrase) == (KEY.handle, PHRASE)
    assert NEW.stat().st_mode & 0o777 == 0o600
    assert server.last(reporting.GetCaseRequest).handle == KEY.handle


def test_restoring_prints_the_case_as_json(server: Server, run: Run) -> None:
    server.answer("GetCase", FOUND)
    assert json.loads(restore(WORDS, "--json").stdout)["case"]["handle"] == KEY.handle


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "there are 0 here"),
        (WORDS.replace(PHRASE.words[3], PHRASE.words[3][:3] + "qq"), "word 4, "),
        (WORDS.replace(PHRASE.words[0], "zoo"), "checksum"),
        (b"\xff", "can't decode"),
    ],
)
def test_what_is_no_phrase_is_refused_before_any_call(
    server: Server, run: Run, typed: str | bytes, reason: str
) -> None:
    result = restore(typed)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert not server.calls
    assert not NEW.exists()


def test_words_of_no_case_here_make_no_file(server: Server, run: Run) -> None:
    server.answer("GetCase", *[Failure(grpc.StatusCode.NOT_FOUND)] * 2)
    result = restore(WORDS)
    assert result.exit_code == 4
    assert f"these words are valid, but {ORIGIN} knows no case {KEY.handle}" in result.stderr
    assert json.loads(restore(WORDS, "--json").stderr)["error"]["code"] == "NOT_FOUND"
    assert not NEW.exists()


def test_a_service_that_is_away_does_not_keep_the_case_from_its_holder(
    server: Server, run: Run
) -> None:
    server.stop()
    result = restore(WORDS, "--patience 0")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "it is not certain that the case is known there" in result.stderr
    assert f"harbourlight case show --case {NEW}" in result.stderr
    assert CaseFile.load(NEW, ORIGIN).handle == KEY.handle


def test_another_refusal_makes_no_file(server: Server, run: Run) -> None:
    server.answer("GetCase", Failure(grpc.StatusCode.UNAUTHENTICATED, "set the clock"))
    result = restore(WORDS)
    assert result.exit_code == 6
    assert "set the clock" in result.stderr
    assert not NEW.exists()


def test_an_existing_file_is_left_alone_and_no_words_are_asked_for(
    server: Server, run: Run
) -> None:
    before = CaseFile.create(NEW, ORIGIN)
    result = restore("not read")
    assert result.exit_code == 2
    assert "new.json exists already" in result.stderr
    assert CaseFile.load(NEW, ORIGIN).handle == before.handle
    assert not server.calls


def test_a_terminal_shows_the_words_of_a_new_case_and_standard_output_stays_clean(
    server: Server, run: Run, open_terminals: list[Terminal]
) -> None:
    server.answer("SubmitReport", *[reporting.SubmitReportResponse(case={"desk": "POLICE"})] * 2)
    with Path("out").open("w") as out:
        shown = Terminal(f"report submit {OPTIONS} --json", stdout=out.fileno())
        open_terminals.append(shown)
        assert shown.end() == 0, shown.shown
    assert json.loads(Path("out").read_text())["case"]["desk"] == "POLICE"
    phrase = CaseFile.load(Path("case.json"), ORIGIN).key.phrase
    assert phrase is not None
    block = shown.shown.split("\n\n")[1]
    assert Phrase.parse(block) == phrase

    quiet = Terminal(f"report submit {OPTIONS} --quiet --case {NEW}")
    open_terminals.append(quiet)
    assert quiet.end() == 0, quiet.shown
    assert "holds the key" not in quiet.shown
    assert NEW.exists()


@pytest.mark.parametrize("answer", ["y", "n"])
def test_at_a_terminal_words_are_shown_after_a_yes_alone(
    run: Run, open_terminals: list[Terminal], answer: str
) -> None:
    CaseFile.create(Path("case.json"), ORIGIN, PHRASE)
    terminal = Terminal("case words")
    open_terminals.append(terminal)
    assert PHRASE.words[0] not in terminal.read(until="[y/N]")
    terminal.type(f"{answer}\n")
    assert (terminal.end() == 0) is (answer == "y")
    assert (f"1. {PHRASE.words[0]}" in terminal.shown) is (answer == "y")


def test_at_a_terminal_words_may_be_typed_over_lines(
    server: Server, run: Run, open_terminals: list[Terminal]
) -> None:
    server.answer("GetCase", FOUND)
    terminal = Terminal(f"case restore --case {NEW}")
    open_terminals.append(terminal)
    terminal.read(until="Words 1 to 12: ")
    terminal.type(" ".join(PHRASE.words[:5]) + "\n")
    terminal.read(until="Words 6 to 12: ")
    terminal.type(" ".join(PHRASE.words[5:]) + "\n")
    assert terminal.end() == 0, terminal.shown
    assert CaseFile.load(NEW, ORIGIN).handle == KEY.handle


def test_at_a_terminal_the_end_of_input_ends_the_question(
    run: Run, open_terminals: list[Terminal]
) -> None:
    terminal = Terminal(f"case restore --case {NEW}")
    open_terminals.append(terminal)
    terminal.read(until="Words 1 to 12: ")
    terminal.type("\x04")
    assert terminal.end() == 2
    assert "there are 0 here" in terminal.shown
