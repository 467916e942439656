"""The command of an NGO that follows remedy: `feed`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from harbourlight.cli import tables
from harbourlight.cli.command import Code, SessionOptions, command, enum_option
from harbourlight.cli.output import line
from harbourlight.errors import BadFile
from harbourlight.notification.v1 import notification_pb2 as notification
from harbourlight.privatefile import write_private
from harbourlight.types.v1 import types_pb2 as types

app = typer.Typer(help="Follow remedy as it happens.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


def _read(path: Path | None) -> tuple[str, int]:
    """Resume token and sequence of the last event printed."""
    if path is None or not path.exists():
        return "", 0
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return str(data["resume_token"]), int(data["sequence"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadFile(
            f"{path} is not a resume file: {error!r}; remove it to start from the beginning"
        ) from None


def _write(path: Path | None, token: str, sequence: int) -> None:
    if path is None:
        return
    try:
        text = json.dumps({"resume_token": token, "sequence": sequence}) + "\n"
        write_private(path, text, replace=True)
    except OSError as error:
        raise BadFile(f"cannot write the resume file {path}: {error.strerror}") from None


@command(app, "watch")
def watch(
    session: SessionOptions,
    country: Annotated[
        list[str] | None, typer.Option(help="In this country, ISO 3166-1 alpha-2.")
    ] = None,
    sector: Annotated[list[str] | None, typer.Option(help="In this ISIC section.")] = None,
    kind: Annotated[
        list[Code] | None,
        enum_option(types.RemedyKind.DESCRIPTOR, "--kind", about="About an item of this kind"),
    ] = None,
    state: Annotated[
        list[Code] | None,
        enum_option(
            types.RemedyItemState.DESCRIPTOR, "--state", about="That leaves an item in this state"
        ),
    ] = None,
    resume_file: Annotated[
        Path | None,
        typer.Option(
            help="Where to keep how far it came, so that the next run with the same filter goes "
            "on right there; without it, it starts at the beginning of the feed."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many events.")] = None,
) -> None:
    """Each event of the remedy feed, once and in order, until you stop it."""
    feed_filter = notification.FeedFilter(
        countries=country or (), sectors=sector or (), kinds=kind or (), states=state or ()
    )
    token, last = _read(resume_file)
    printed = 0
    with session.ngo() as ngo:
        for batch in ngo.subscribe_remedy(feed_filter, resume_token=token):
            # A run that stopped within a batch kept the token before it, so the sequence decides.
            for event in batch.events:
                if event.sequence <= last:
                    continue
                line(event, tables.feed_line, as_json=session.json)
                last, printed = event.sequence, printed + 1
                if printed == limit:
                    done = event is batch.events[-1]
                    _write(resume_file, batch.resume_token if done else token, last)
                    return
            token = batch.resume_token
            _write(resume_file, token, last)
