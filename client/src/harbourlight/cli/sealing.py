"""What is sealed, on the command line: from files, never from arguments that others can see."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from rich.console import RenderableType

from harbourlight import sync
from harbourlight.casework.written import Letter
from harbourlight.cli import tables
from harbourlight.cli.command import Group
from harbourlight.cli.facts import read_json
from harbourlight.enums import words
from harbourlight.errors import BadFile
from harbourlight.reporter import Before
from harbourlight.reporting.v1 import content_pb2 as pb
from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.types.v1 import types_pb2 as types


@dataclass(frozen=True)
class Sealed:
    """Who reports and what, as files say it."""

    identity: sealed.Identity | None
    content: sealed.Content | None
    yes: bool

    def look_before(self, company: sync.Company, facts: types.ReportFacts) -> Before | None:
        """Warns of what speaks against sending it, and asks. None where nothing is sealed.

        Raises BadFile where somebody should be asked and nobody is there, typer.Abort for a no.
        """
        if self.identity is None and self.content is None:
            return None
        before = company.look_before(facts, self.identity, self.content)
        confirm(before.warnings, self.yes, "Seal and send it so?")
        return before


def confirm(warnings: Sequence[object], yes: bool, question: str) -> None:
    """Shows the warnings, and asks whether to go on unless `yes` says so already.

    Raises BadFile where somebody should be asked and nobody is there, typer.Abort for a no.
    """
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    if warnings and not yes:
        if not sys.stdin.isatty():
            raise BadFile("nothing was sent: see the warnings, and say --yes to send it so")
        typer.confirm(question, abort=True, err=True)


def _sealed(
    identity: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help='Who reports, for desk and custodian together: {"name": …, "people": […]}.',
        ),
    ] = None,
    content: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What the desk reads: JSON (site, relation, period, narrative, contact, …), or a "
            "text that is the narrative.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Send it whatever the warnings say.")] = False,
) -> Sealed:
    return Sealed(
        read_json(identity, sealed.Identity) if identity else None,
        _content(content) if content else None,
        yes,
    )


SealedOptions = Annotated[Sealed, Group(_sealed)]


def _content(path: Path) -> sealed.Content:
    if path.suffix == ".json":
        return read_json(path, sealed.Content)
    return sealed.Content(narrative=read_text(path))


def read_text(path: Path | None) -> str:
    """A text from a file, else from what is piped in or typed. Raises BadFile where it is empty."""
    try:
        if path is None:
            if sys.stdin.isatty():
                typer.echo("Write, and end with Ctrl-D on a line of its own:", err=True)
            text = sys.stdin.read()
        else:
            text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"cannot read {path or 'what was typed'}: {error}") from None
    if not text.strip():
        raise BadFile("there is nothing to send: the text is empty")
    return text


def letter_data(letter: Letter) -> dict[str, Any]:
    """A letter as JSON data."""
    found: dict[str, Any] = {
        "place": letter.place,
        "sender": pb.Sender.Name(letter.sender),
        "number": letter.number,
        "purpose": pb.MessagePurpose.Name(letter.purpose),
        "time": letter.time.isoformat(),
        "desk": letter.desk,
    }
    if letter.body is None:
        return {**found, "problem": letter.problem}
    body = json_format.MessageToDict(letter.body, preserving_proto_field_name=True)
    # Of use to programs that seal alone, and longer than all the rest.
    body.pop("case_sealing_key", None)
    return {
        **found,
        "signed_by": letter.signer_key_id,
        "digest": letter.digest.hex(),
        "body": body,
    }


def say(letter: Letter, *, as_json: bool) -> None:
    """One letter, at once."""
    if as_json:
        typer.echo(json.dumps(letter_data(letter), ensure_ascii=False))
    else:
        who = words(pb.Sender.DESCRIPTOR, letter.sender)
        what = words(pb.MessagePurpose.DESCRIPTOR, letter.purpose)
        typer.echo(f"{letter.place}. {letter.time:%Y-%m-%d %H:%M} UTC, {who} ({what})")
        act = getattr(letter.body, "act", "")
        text = letter.text or ("(no narrative)" if letter.body is not None else "")
        shown = f"NOT SHOWN: {letter.problem}" if letter.problem else text
        typer.echo("".join(f"   {row}\n" for row in [act, *shown.splitlines()] if row))
    sys.stdout.flush()


def content_table(content: sealed.Content) -> RenderableType:
    """What a report says, field by field."""
    data = json_format.MessageToDict(content, preserving_proto_field_name=True)
    data.pop("case_sealing_key", None)
    return tables.details(_rows(data, ""))


def _rows(data: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(data, dict):
        return [row for key, one in data.items() for row in _rows(one, f"{path} {key}".strip())]
    if isinstance(data, list):
        return [row for one in data for row in _rows(one, path)]
    return [(path.replace("_", " "), str(data))]
