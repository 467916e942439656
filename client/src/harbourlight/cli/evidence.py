"""Files of evidence: `evidence add`, `evidence list`, `evidence get`.

With --handle it is an officer who calls, else the company that holds the case file.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf import json_format
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from harbourlight import evidence
from harbourlight.cli import tables
from harbourlight.cli.command import (
    DEFAULT_CASE,
    CaseOption,
    HeldOptions,
    SessionOptions,
    command,
)
from harbourlight.cli.facts import read_json
from harbourlight.cli.message import HandleOption
from harbourlight.cli.output import print_table, show
from harbourlight.cli.sealing import confirm
from harbourlight.errors import BadFile
from harbourlight.evidence import Described
from harbourlight.exhibits import look_at_file
from harbourlight.reporting.v1 import evidence_pb2 as pb
from harbourlight.sealed.v1 import sealed_pb2 as sealed

app = typer.Typer(help="Files that belong to a report.", no_args_is_help=True)


@contextmanager
def _bar(what: str) -> Iterator[evidence.Progress]:
    """A line that says how far it is, where somebody looks on."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=None)

        def told(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield told


@command(app, "add")
def add(
    session: SessionOptions,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="At most 1 GiB.")],
    case: CaseOption = DEFAULT_CASE,
    description: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A text on what it shows.")
    ] = None,
    media_type: Annotated[str, typer.Option(help="Such as application/pdf; else guessed.")] = "",
    identity: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Who reports: warns if the file tells of it."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Send it whatever the warnings say.")] = False,
) -> None:
    """Encrypt a file here and send it to the desk; say it again after a cut to go on."""
    text = _text(description)
    if identity:
        warnings = look_at_file(file, read_json(identity, sealed.Identity))
        confirm(warnings, yes, "Send it so?")
    with session.company(case) as company, _bar(file.name) as told:
        added = company.add_evidence(file, description=text, media_type=media_type, progress=told)
    show(
        added,
        lambda it: f"File {it.description.content.number} of the case has arrived whole.",
        as_json=session.json,
    )


def _text(path: Path | None) -> str:
    try:
        return path.read_text(encoding="utf-8") if path else ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"cannot read {path}: {error}") from None


@command(app, "list")
def list_evidence(
    session: SessionOptions,
    held: HeldOptions,
    handle: HandleOption = None,
    case: CaseOption = DEFAULT_CASE,
) -> None:
    """The files of a case, oldest first."""
    if handle:
        with session.authority(held) as authority:
            found = authority.list_evidence(handle)
    else:
        with session.company(case) as company:
            found = company.list_evidence()
    if session.json:
        typer.echo(json.dumps([_data(one) for one in found], indent=1, ensure_ascii=False))
    elif found:
        headings = ("number", "name", "kind", "bytes", "arrived", "description")
        print_table(tables.columns(headings, map(_row, found)))
    else:
        typer.echo("The case has no files.")


def _row(one: Described) -> tuple[str, ...]:
    share = 100 * one.evidence.received // one.evidence.size
    said, arrived = one.description, "yes" if one.is_complete else f"{share} %"
    if said is None:
        return (str(one.number), f"NOT SHOWN: {one.problem}", "", "", arrived, "")
    rest = " ".join(said.description.split())
    return (str(one.number), said.file_name, said.media_type, str(said.size), arrived, rest)


def _data(one: Described) -> dict[str, Any]:
    found: dict[str, Any] = {
        "number": one.number,
        "state": pb.EvidenceState.Name(one.evidence.state),
        "received": one.evidence.received,
        "sealed_size": one.evidence.size,
    }
    if one.description is None:
        return {**found, "problem": one.problem}
    said = json_format.MessageToDict(one.description, preserving_proto_field_name=True)
    return {**found, **said, "sha256": one.description.sha256.hex()}


@command(app, "get")
def get(
    session: SessionOptions,
    held: HeldOptions,
    number: Annotated[int, typer.Argument(min=1, help="As `evidence list` shows it.")],
    into: Annotated[Path, typer.Argument(metavar="FILE", help="A file that is not there yet.")],
    handle: HandleOption = None,
    case: CaseOption = DEFAULT_CASE,
) -> None:
    """Fetch a file and decrypt it here; it is there only if all of it is genuine."""
    with _bar(into.name) as told:
        if handle:
            with session.authority(held) as authority:
                authority.get_evidence(handle, number, into, progress=told)
        else:
            with session.company(case) as company:
                company.get_evidence(number, into, progress=told)
    if not session.json:
        typer.echo(f"{into} holds file {number} of the case.")
