"""The command that runs the checker."""

import argparse
from pathlib import Path

from rich.console import Group

from deploy.ops import checker
from deploy.ops.checker.run import grouped
from deploy.ops.options import FAULTS, Commands, Options, add
from deploy.ops.output import details, show, table
from deploy.ops.site import Site


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Adds it."""
    command = add(
        commands,
        "verify",
        _verify,
        "compare databases, topics and client logs: everything accepted is there, once, in order",
    )
    command.add_argument(
        "--clients",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="what clients remember, as JSON lines (deploy/ops/checker/clients.py says which)",
    )
    command.add_argument(
        "--settle",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how long something may be on its way before it counts as missing",
    )


async def _verify(where: Site, options: Options) -> int:
    report = await checker.verify(where, options.clients, settle=options.settle)
    faults = grouped(report.faults)
    rest = len(report.faults) - len(faults)
    people = Group(
        details(report.looked_at.items()),
        "",
        *(f"note: {note}" for note in report.notes),
        "",
        table(
            ("rule", "where", "what"),
            [(one.rule, one.where, one.what) for one in faults],
            "Everything is where it should be.",
        ),
        *([f"… and {rest} more"] if rest else []),
    )
    show(report, people, as_json=options.json)
    return FAULTS if report.faults else 0
