"""The commands on events that were put aside."""

import argparse
import dataclasses
import json

from rich.console import Group

from deploy.ops import letters, parked
from deploy.ops.options import Commands, Options, add, add_reason, add_service
from deploy.ops.output import ago, details, show, table
from deploy.ops.site import Site


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Adds them."""
    listing = add(commands, "list", _list, "what is parked, and dead letters without an event")
    add_service(listing)
    listing.add_argument("--all", action="store_true", help="also what waits behind, and settled")
    for name, run, about in (
        ("show", _show, "what may be told of one: coded facts, nothing sealed"),
        ("replay", _replay, "have it tried again now"),
        ("discard", _discard, "skip it for good, and let what waits behind it go on"),
    ):
        command = add(commands, name, run, about)
        command.add_argument("id", help="as `dlq list` shows it")
        if name != "show":
            add_reason(command)


async def _list(where: Site, options: Options) -> int:
    async with where.connect() as connection:
        rows = await parked.listed(connection, options.service)
        notes = await letters.listed(where, connection, options.service)
    if not options.all:
        heads = {
            key: min(one.sequence for one in rows if one.key[:3] == key)
            for key in {one.key[:3] for one in rows}
        }
        rows = [one for one in rows if one.sequence == heads[one.key[:3]]]
        notes = [one for one in notes if not one.settled]
    tables = Group(
        table(
            ("parked event", "why", "tries", "for", "behind", "type", "what was wrong"),
            [
                (
                    *(one.id, one.reason, one.attempts, ago(parked.age(one)), one.behind),
                    *(one.type.rpartition(".")[2], one.error or _waits(one)),
                )
                for one in rows
            ],
            "Nothing is parked.",
        ),
        "",
        table(
            ("dead letter", "group", "case", "number", "what was wrong", "settled"),
            [
                (one.id, one.group, one.subject, one.sequence or "", one.error, one.settled)
                for one in notes
            ],
            "No dead letter waits for a decision.",
        ),
    )
    show({"parked": rows, "letters": notes}, tables, as_json=options.json)
    return 0


def _waits(one: parked.Parked) -> str:
    return f"waits for {one.mark + 1}" if one.reason == "gap" else ""


def _is_letter(name: str) -> bool:
    return name.count("/") == 1


async def _show(where: Site, options: Options) -> int:
    async with where.connect() as connection:
        if _is_letter(options.id):
            found = await letters.shown(where, connection, options.id)
        else:
            found = await parked.shown(connection, options.id)
    head = dataclasses.asdict(found.get("parked") or found["letter"])
    people = Group(
        details(head.items()),
        "",
        "headers",
        details(found["headers"].items()),
        "",
        "coded facts",
        details((name, json.dumps(value)) for name, value in found["event"].items()),
        *(
            f"{action['at']:%Y-%m-%d %H:%M} {action['operator']}: {action['action']}, "
            f"because {action['reason']}"
            for action in found.get("actions", ())
        ),
    )
    show(found, people, as_json=options.json)
    return 0


async def _replay(where: Site, options: Options) -> int:
    module = letters if _is_letter(options.id) else parked
    one = await module.replay(where, options.id, options.operator, options.reason)
    show({"replayed": one}, f"{one.id} is tried again now.", as_json=options.json)
    return 0


async def _discard(where: Site, options: Options) -> int:
    module = letters if _is_letter(options.id) else parked
    one = await module.discard(where, options.id, options.operator, options.reason)
    show({"discarded": one}, f"{one.id} is skipped for good.", as_json=options.json)
    return 0
