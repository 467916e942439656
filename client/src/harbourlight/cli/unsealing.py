"""The commands by which an identity is unsealed: `unsealing`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group as Rows
from rich.console import RenderableType

from harbourlight.cli import custody_tables as tables
from harbourlight.cli.command import (
    Code,
    EtagOption,
    HeldOptions,
    RequestIdOption,
    SessionOptions,
    command,
    enum_option,
)
from harbourlight.cli.output import show
from harbourlight.cli.sealing import read_text
from harbourlight.cli.triage import ReferralArgument, parse_handle
from harbourlight.errors import CannotOpen, Untrusted
from harbourlight.triage.v1 import unsealing_pb2 as pb

app = typer.Typer(
    help="Ask for an identity as an officer; as a custodian, release its half or keep it.",
    no_args_is_help=True,
)

UnsealingArgument = Annotated[
    str, typer.Argument(metavar="UNSEALING", help="Its id, as `unsealing list` shows it.")
]
OneTimeOption = Annotated[
    Path,
    typer.Option(
        "--one-time", help="File of the one-time key; it stays here until the identity is read."
    ),
]
CustodianOption = Annotated[
    bool, typer.Option("--custodian", help="As a custodian; else as an officer.")
]
_ONE_TIME, _STDIN = Path("one-time.json"), Path("-")


def _text(given: Path) -> str:
    """A text from a file, or from standard input for "-". Raises BadFile.

    Never from an argument, which everybody on the machine can see.
    """
    return read_text(None if given == _STDIN else given)


@command(app, "request")
def request(
    session: SessionOptions,
    keys: HeldOptions,
    referral: ReferralArgument,
    basis: Annotated[
        Code, enum_option(pb.LegalBasis.DESCRIPTOR, "--basis", about="What it is founded on")
    ],
    reason: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Why, for custodians alone to read; - is what you type."),
    ],
    one_time: OneTimeOption = _ONE_TIME,
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """Ask the case's custodians who reports. The company is told, and of each step that follows."""
    text = _text(reason)
    with session.authority(keys) as authority:
        answer = authority.request_unsealing(
            referral, basis, text, one_time, etag=etag, request_id=request_id
        )
    show(answer, lambda it: tables.unsealing(it.unsealing), as_json=session.json)
    typer.echo(f"The one-time key is in {one_time}: without it, nothing can be opened.", err=True)


@command(app, "list")
def list_unsealings(
    session: SessionOptions,
    custodian: CustodianOption = False,
    handle: Annotated[
        str | None,
        typer.Option("--handle", parser=parse_handle, metavar="HANDLE", help="This case alone."),
    ] = None,
    page_size: Annotated[int, typer.Option(min=0, help="0 means 50; at most 200.")] = 0,
    page_token: Annotated[str, typer.Option(help="From the page before.")] = "",
) -> None:
    """What your desks asked for; as a custodian, what waits for you."""
    answer: pb.ListUnsealingsResponse | pb.ListMyUnsealingsResponse
    if custodian:
        with session.custodian() as party:
            answer = party.list_unsealings(page_size=page_size, page_token=page_token)
    else:
        with session.authority() as authority:
            answer = authority.list_my_unsealings(
                handle=handle or "", page_size=page_size, page_token=page_token
            )
    show(answer, tables.unsealings, as_json=session.json)


@command(app, "show")
def show_unsealing(
    session: SessionOptions,
    keys: HeldOptions,
    unsealing: UnsealingArgument,
    custodian: CustodianOption = False,
    one_time: OneTimeOption = _ONE_TIME,
) -> None:
    """One request; as a custodian, checked against directory and ledger, with the reason.

    As an officer, with what the custodian said where it refused, if the one-time key is here.
    """
    notes: list[str] = []
    if custodian:
        with session.custodian(keys) as party:
            record = party.get_unsealing(unsealing).record
            try:
                checked = party.check_unsealing(unsealing)
                notes = [f"HOLDS: {checked.text}", f"Reason: {party.read_reason(checked)}"]
            except (Untrusted, CannotOpen) as error:
                notes = [f"DOES NOT HOLD: {error}"]
    else:
        with session.authority(keys) as authority:
            record = authority.get_unsealing(unsealing).record
            if record.HasField("remark") and one_time.exists():
                notes = [f"Said: {authority.read_remark(unsealing, one_time)}"]

    def table(found: pb.UnsealingRecord) -> RenderableType:
        return Rows(tables.unsealing(found.unsealing), *notes)

    show(record, table, as_json=session.json)
    if session.json:
        for note in notes:
            typer.echo(note, err=True)


@command(app, "grant")
def grant(
    session: SessionOptions,
    keys: HeldOptions,
    unsealing: UnsealingArgument,
    unwitnessed: Annotated[
        bool, typer.Option("--unwitnessed", help="Take the ledger's word: no witness is run.")
    ] = False,
    request_id: RequestIdOption = None,
) -> None:
    """Release your half. The request is checked against directory and ledger first, always."""
    with session.custodian(keys) as party:
        answer = party.grant_unsealing(unsealing, unwitnessed=unwitnessed, request_id=request_id)
    show(answer, lambda it: tables.unsealing(it.unsealing), as_json=session.json)


@command(app, "refuse")
def refuse(
    session: SessionOptions,
    keys: HeldOptions,
    unsealing: UnsealingArgument,
    reason: Annotated[Code, enum_option(pb.UnsealingRefusal.DESCRIPTOR, "--reason", about="Why")],
    remark: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="More, for the officer alone; - is what you type."),
    ] = None,
    request_id: RequestIdOption = None,
) -> None:
    """Keep your half, and say why. It stands for both custodians."""
    with session.custodian(keys) as party:
        answer = party.refuse_unsealing(
            unsealing, reason, _text(remark) if remark else "", request_id=request_id
        )
    show(answer, lambda it: tables.unsealing(it.unsealing), as_json=session.json)


@command(app, "open")
def open_identity(
    session: SessionOptions,
    keys: HeldOptions,
    unsealing: UnsealingArgument,
    one_time: OneTimeOption = _ONE_TIME,
) -> None:
    """Who reports, opened on this machine with your desk's key and the released half."""
    with session.authority(keys) as authority:
        identity = authority.open_identity(unsealing, one_time)
    show(identity, tables.identity, as_json=session.json)
