"""`keys show`: what the directory says, as far as this client believes it."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from harbourlight import routing
from harbourlight.auditor import Ledger
from harbourlight.cli.command import Session, SessionOptions
from harbourlight.cli.output import print_table
from harbourlight.errors import Untrusted
from harbourlight.keys import memory as memories
from harbourlight.keys.directory import Directory, Key
from harbourlight.keys.entries import Kind, format_time
from harbourlight.keys.memory import KeyChanged, Memory
from harbourlight.keys.recipients import read_directory

SeenOption = Annotated[
    Path, typer.Option(help="File in which this client remembers what it saw of the directory.")
]


def show(
    session: SessionOptions,
    seen: SeenOption = memories.DEFAULT,
    everything: Annotated[
        bool, typer.Option("--all", help="Keys that ended, and entries that are not believed, too.")
    ] = False,
) -> None:
    """Whose keys are whose. Refuses a directory that is forged, held back or forked."""
    endpoints = session.endpoints()
    memory = Memory.load(seen, endpoints.origin)
    directory = asyncio.run(_read(session, memory))
    now = datetime.now(UTC)
    changed = [
        one for one in (_changed(directory, memory, key, now) for key in directory.keys) if one
    ]
    memory.save()
    for change in changed:
        typer.echo(f"note: {change}", err=True)
    keys = [key for key in directory.keys if everything or not directory.problem(key, now)]
    if session.json:
        typer.echo(json.dumps(_data(directory, keys, changed, now, everything), indent=1))
        return
    print_table(_table(directory, keys, now))
    typer.echo(_routing(directory))
    for index, reason in directory.ignored if everything else ():
        typer.echo(f"not believed: entry {index}: {reason}")


async def _read(session: Session, memory: Memory) -> Directory:
    endpoints = session.endpoints()
    trust = endpoints.trusted()
    async with Ledger(endpoints, patience=session.patience) as ledger:
        return await read_directory(ledger, trust, memory)


def _changed(directory: Directory, memory: Memory, key: Key, now: datetime) -> KeyChanged | None:
    """Remembers the key that is current in its place, and says where it was another."""
    entry = key.entry
    if entry.kind is Kind.OFFICER or directory.problem(key, now):
        return None
    current = directory.current(entry.kind, entry.name, entry.jurisdiction, now)
    return memory.used(directory, key) if current is key else None


def _routing(directory: Directory) -> str:
    table = routing.current()
    try:
        directory.check_routing(table)
    except Untrusted as error:
        return f"routing table: {error}"
    return f"routing table {table.version} is the signed one in force"


def _table(directory: Directory, keys: list[Key], now: datetime) -> Table:
    table = Table("kind", "name", "for", "of", "number", "key", "until", "counts", box=None)
    for key in keys:
        entry = key.entry
        table.add_row(
            entry.kind,
            entry.name,
            entry.jurisdiction,
            entry.organisation,
            str(entry.number),
            key.key_id,
            f"{entry.not_after:%Y-%m-%d}",
            directory.problem(key, now) or "yes",
        )
    return table


def _data(
    directory: Directory,
    keys: list[Key],
    changed: list[KeyChanged],
    now: datetime,
    everything: bool,
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "size": directory.checkpoint.size,
        "keys": [
            {
                "key_id": key.key_id,
                "kind": key.entry.kind,
                "name": key.entry.name,
                "jurisdiction": key.entry.jurisdiction,
                "organisation": key.entry.organisation,
                "number": key.entry.number,
                "not_before": format_time(key.entry.not_before),
                "not_after": format_time(key.entry.not_after),
                "problem": directory.problem(key, now),
            }
            for key in keys
        ],
        "routing": directory.routing.version if directory.routing else None,
        "changed": [change._asdict() for change in changed],
    }
    if everything:
        data["not_believed"] = [{"index": at, "reason": why} for at, why in directory.ignored]
    return data
