"""Commands about what is sealed in a case: `triage read`, `triage reseal`, `case erase`, …"""

import json
from typing import Annotated

import typer

from harbourlight.cli import case, handover
from harbourlight.cli.command import (
    Code,
    HeldOptions,
    RequestIdOption,
    SessionOptions,
    command,
    enum_option,
)
from harbourlight.cli.output import print_table, show
from harbourlight.cli.sealing import content_table, letter_data
from harbourlight.cli.triage import parse_handle
from harbourlight.reporting.v1 import content_pb2 as pb
from harbourlight.sealed.v1 import sealed_pb2 as sealed

app = handover.app

HandleArgument = Annotated[str, typer.Argument(metavar="HANDLE", parser=parse_handle)]


@command(app, "read")
def read(session: SessionOptions, held: HeldOptions, handle: HandleArgument) -> None:
    """What the company sealed to your desk, opened on this machine with your desk's key."""
    with session.authority(held) as authority:
        opened = authority.read_report(handle)
    report = opened.report
    if session.json:
        found = letter_data(report) if report else None
        typer.echo(json.dumps({"handle": handle, "report": found}, indent=1, ensure_ascii=False))
    elif report is None:
        typer.echo("The company sealed nothing in this case.")
    elif isinstance(report.body, sealed.Content):
        print_table(content_table(report.body))
    else:
        typer.echo(f"NOT SHOWN: {report.problem}")
    if not session.json:
        has = "is sealed" if opened.sealed.HasField("identity") else "was not given"
        typer.echo(f"Who reports {has}; see `message list --handle {handle}` for the dialogue.")


@command(app, "reseal")
def reseal(
    session: SessionOptions,
    held: HeldOptions,
    handle: HandleArgument,
    to: Annotated[
        str, typer.Option(metavar="DESK", help="Desk that it goes to; your own if not given.")
    ] = "",
    country: Annotated[str, typer.Option(help="Of the case, where desks have a key each.")] = "*",
    request_id: RequestIdOption = None,
) -> None:
    """Seal a case to the desk that it is offered to, or to your desk's new key."""
    with session.authority(held) as authority:
        authority.reseal_case(handle, to, country=country, request_id=request_id)
    typer.echo(f"The case is sealed to {to or 'your desk'}.")


@command(app, "confirm")
def confirm(
    session: SessionOptions,
    held: HeldOptions,
    handle: HandleArgument,
    request_id: RequestIdOption = None,
) -> None:
    """Open a case that your desk took over, and say so: the desk before no longer can."""
    with session.authority(held) as authority:
        answer = authority.confirm_reseal(handle, request_id=request_id)
    show(answer, lambda _: "Everything opens here, and is confirmed.", as_json=session.json)


@command(case.case_app, "erase")
def erase(
    session: SessionOptions,
    handle: HandleArgument,
    reason: Annotated[
        Code, enum_option(pb.ErasureReason.DESCRIPTOR, "--reason", about="Why, the same for both")
    ],
    as_custodian: Annotated[
        bool, typer.Option("--as-custodian", help="As a custodian, and not as the desk.")
    ] = False,
    request_id: RequestIdOption = None,
) -> None:
    """As desk or custodian: agree that a case is erased; the second to agree erases it.

    What was sealed cannot be opened by anybody after that, not even from backups.
    """
    with session.custodian() if as_custodian else session.authority() as party:
        answer = party.erase_case(handle, reason, request_id=request_id)
    show(
        answer,
        lambda it: "The case is erased." if it.erased else "Agreed. The other party has yet to.",
        as_json=session.json,
    )
