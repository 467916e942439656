"""The dialogue between company and desk: `message send`, `message list`, `message watch`.

With --handle it is an officer who calls, else the company that holds the case file.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from harbourlight.cli.command import (
    DEFAULT_CASE,
    CaseOption,
    Code,
    HeldOptions,
    RequestIdOption,
    SessionOptions,
    command,
    enum_option,
)
from harbourlight.cli.output import show
from harbourlight.cli.sealing import letter_data, read_text, say
from harbourlight.cli.triage import parse_handle
from harbourlight.errors import BadFile
from harbourlight.reporting.v1 import content_pb2 as pb

app = typer.Typer(help="Write to the other side, and read what it wrote.", no_args_is_help=True)

HandleOption = Annotated[
    str | None,
    typer.Option(
        "--handle",
        parser=parse_handle,
        metavar="HANDLE",
        help="As an officer: the case. Without it, as the company that holds --case.",
    ),
]


@command(app, "send")
def send(
    session: SessionOptions,
    held: HeldOptions,
    handle: HandleOption = None,
    case: CaseOption = DEFAULT_CASE,
    purpose: Annotated[
        Code, enum_option(pb.MessagePurpose.DESCRIPTOR, "--purpose", about="What it is")
    ] = pb.MESSAGE_PURPOSE_OTHER,
    file: Annotated[
        Path | None, typer.Option("--file", help="The text; else it is piped in or typed.")
    ] = None,
    act: Annotated[
        str, typer.Option(help="With REASON: what it is for, such as protection.decline.")
    ] = "",
    in_reply_to: Annotated[
        str, typer.Option(metavar="DIGEST", help="What it answers, as `list --json` shows it.")
    ] = "",
    request_id: RequestIdOption = None,
) -> None:
    """Write to the other side. Nobody in between can read it."""
    try:
        digest = bytes.fromhex(in_reply_to)
    except ValueError:
        raise BadFile(f"{in_reply_to!r} is no digest: hexadecimal digits") from None
    text = read_text(file)
    if handle:
        with session.authority(held) as authority:
            answer = authority.send_message(
                handle,
                text,
                purpose=purpose,
                act=act,
                in_reply_to=digest,
                request_id=request_id,
            )
    else:
        with session.company(case) as company:
            answer = company.send_message(
                text, purpose=purpose, in_reply_to=digest, request_id=request_id
            )
    show(answer, lambda it: f"Sent, at place {it.place} of the dialogue.", as_json=session.json)


@command(app, "list")
def list_messages(
    session: SessionOptions,
    held: HeldOptions,
    handle: HandleOption = None,
    case: CaseOption = DEFAULT_CASE,
) -> None:
    """All that either side wrote, oldest first. The words of a case are enough to read it."""
    if handle:
        with session.authority(held) as authority:
            letters = authority.list_messages(handle)
    else:
        with session.company(case) as company:
            letters = company.list_messages()
    if session.json:
        typer.echo(json.dumps([letter_data(one) for one in letters], indent=1, ensure_ascii=False))
    else:
        for letter in letters:
            say(letter, as_json=False)


@command(app, "watch")
def watch_messages(
    session: SessionOptions,
    held: HeldOptions,
    handle: HandleOption = None,
    case: CaseOption = DEFAULT_CASE,
    after: Annotated[int, typer.Option(min=0, help="Place of the last one already seen.")] = 0,
) -> None:
    """What was written behind a place, then each new thing, until Ctrl-C."""
    if handle:
        with session.authority(held) as authority:
            for letter in authority.watch_messages(handle, after_place=after):
                say(letter, as_json=session.json)
    else:
        with session.company(case) as company:
            for letter in company.watch_messages(after_place=after):
                say(letter, as_json=session.json)
