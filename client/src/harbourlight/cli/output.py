"""Results on standard output: JSON where it is asked for, else tables and lines for people."""

import json
import sys
from collections.abc import Callable
from typing import TypeVar

import typer
from google.protobuf import json_format
from google.protobuf.message import Message
from rich.console import Console, RenderableType

from harbourlight import sentences

M = TypeVar("M", bound=Message)


def show(message: M, table: Callable[[M], RenderableType], *, as_json: bool) -> None:
    """One result: the message as JSON, or the table made of it."""
    if as_json:
        typer.echo(_json(message, indent=1))
        return
    print_table(table(message))


def print_table(table: RenderableType) -> None:
    """A table for people. No line is broken, so that what is copied from it is whole."""
    console = Console(markup=False, highlight=False, emoji=False, width=10_000)
    with console.capture() as text:
        console.print(table)
    for row in text.get().splitlines():
        typer.echo(row.rstrip())


def line(message: M, text: Callable[[M], str], *, as_json: bool) -> None:
    """One element of a stream, on one line and at once."""
    typer.echo(_json(message, indent=None) if as_json else text(message))
    sys.stdout.flush()


def _json(message: Message, *, indent: int | None) -> str:
    data = json_format.MessageToDict(
        _without_unknown_events(message),
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    return json.dumps(data, indent=indent, ensure_ascii=False)


def _without_unknown_events(message: M) -> M:
    """Without events of a newer contract, which JSON cannot carry; `type` still names them."""
    copy = type(message)()
    copy.CopyFrom(message)
    for holder in (copy, *getattr(copy, "notices", ())):
        if "event" in holder.DESCRIPTOR.fields_by_name and not sentences.known(holder.type):
            holder.ClearField("event")
    return copy
