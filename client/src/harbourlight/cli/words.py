"""The 12 words of a case on the command line: shown to be written down, asked for to restore it."""

import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from harbourlight.casefile import CaseFile
from harbourlight.errors import BadFile
from harbourlight.phrase import LENGTH, Phrase, split

_PER_ROW = 4


def table(words: Sequence[str]) -> str:
    """The words, numbered and in rows, so that reading or pasting them keeps their order."""
    cells = [f"{number:>4}. {word:<8}" for number, word in enumerate(words, start=1)]
    rows = (cells[start : start + _PER_ROW] for start in range(0, len(cells), _PER_ROW))
    return "\n".join("".join(row).rstrip() for row in rows)


def announce(case: CaseFile, phrase: Phrase) -> None:
    """Says on standard error what a new case file is, and shows its words on a terminal."""
    typer.echo(
        f"{case.path} now holds the key of case {case.handle}. There is no account: whoever holds "
        "this file holds the case, so keep it safe and private.",
        err=True,
    )
    again = f"harbourlight case words --case {case.path}"
    if sys.stderr.isatty():
        typer.echo(
            "These 12 words alone restore it, and nobody can send them to you. Write them down, "
            f"in this order:\n\n{table(phrase.words)}\n\nTo see them again: {again}\n",
            err=True,
        )
    else:
        # What is not a terminal may be a log.
        typer.echo(
            f"Its 12 words alone restore it. To write them down, see them with: {again}", err=True
        )


def confirm(path: Path) -> None:
    """Asks before words are shown on a terminal. Raises typer.Abort for a no."""
    if sys.stdout.isatty():
        typer.confirm(
            f"Whoever sees the words of {path} can take the case over. Show them here?",
            abort=True,
            err=True,
        )


def ask() -> Phrase:
    """The phrase that a person types, over as many lines as they like, or that is piped in.

    Raises BadFile where it is none.
    """
    try:
        return Phrase.parse(_typed() if sys.stdin.isatty() else sys.stdin.read())
    except ValueError as error:
        raise BadFile(f"these are not the words of a case: {error}") from None


def _typed() -> str:
    text = ""
    typer.echo("Type the 12 words of your case, in their order.", err=True)
    while (given := len(split(text))) < LENGTH:
        typer.echo(f"Words {given + 1} to {LENGTH}: ", nl=False, err=True)
        line = sys.stdin.readline()
        if not line:
            break
        text += line
    return text
