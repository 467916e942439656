"""The commands that prove what is there, keep a copy of it, and go back to that."""

import argparse
from pathlib import Path

from rich.console import Group

from deploy.ops import backup, checker, restore
from deploy.ops.checker.run import grouped
from deploy.ops.options import FAULTS, Commands, Options, add, add_reason
from deploy.ops.output import details, show, table
from deploy.ops.site import Site


def register(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Adds them."""
    making = add(commands, "backup", _backup, "copy every service's database, at one moment")
    making.add_argument("folder", type=Path, help="a new folder for it")
    going_back = add(
        commands, "restore", _restore, "go back to a backup and make the topics again from it"
    )
    going_back.add_argument("folder", type=Path, help="the backup's folder")
    add_reason(going_back)
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


async def _backup(where: Site, options: Options) -> int:
    manifest = await backup.backup(where, options.folder)
    people = f"{options.folder} has everything that was committed before {manifest.began}."
    show(manifest, people, as_json=options.json)
    return 0


async def _restore(where: Site, options: Options) -> int:
    done = await restore.restore(where, options.folder, options.operator, options.reason)
    log = "as it is now" if done.kept_log else "taken back, too"
    people = Group(
        f"Everything is as it was at {done.to}; the receipt log is {log}.",
        f"What was there until now is in the database {done.before}: drop it once it is not "
        "needed any more.",
        table(
            ("service", "kept", "sent again"),
            [(one.service, one.kept, one.sent_again) for one in done.refilled],
            "",
        ),
        "Start the services, then run `harbourlight-ops verify`.",
    )
    show(done, people, as_json=options.json)
    return 0
