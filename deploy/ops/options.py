"""What every command of operators has: its options, and where they lead."""

import argparse
from collections.abc import Awaitable, Callable
from pathlib import Path

from deploy import topology
from deploy.ops.site import Site, operator

Options = argparse.Namespace
Command = Callable[[Site, Options], Awaitable[int]]
Commands = argparse._SubParsersAction  # argparse has no public name for it
FAULTS = 10
"""Exit code where the installation has a fault that was looked for."""

EXITS = (
    "Exit codes: 0 done, 2 usage or a file on this machine, 4 not found, 5 not possible in this "
    "state, 7 a server does not answer, 10 something is wrong with the installation, 1 anything "
    "else. The installation is the one of `make up`, or the stack whose folder --data names, or "
    "the servers of HARBOURLIGHT_ADMIN_DATABASE_URL, HARBOURLIGHT_KAFKA and its _USERNAME and "
    "_PASSWORD, _CA, _CERTIFICATE and _KEY (an administrator's)."
)


def add(
    commands: "Commands[argparse.ArgumentParser]",
    name: str,
    run: Command,
    about: str,
) -> argparse.ArgumentParser:
    """A command with the options that every command has."""
    command = commands.add_parser(name, help=about, description=about, epilog=EXITS)
    command.set_defaults(run=run)
    command.add_argument("--data", type=Path, help="data folder of an embedded stack")
    command.add_argument("--endpoints", type=Path, help="file that says where the services are")
    command.add_argument("--json", action="store_true", help="print JSON")
    return command


def add_reason(command: argparse.ArgumentParser) -> None:
    """What a command that changes something must be told."""
    command.add_argument("--reason", required=True, type=_filled, help="why; it is recorded")
    command.add_argument(
        "--operator", default=operator(), type=_filled, help="who; else this machine's user"
    )


def _filled(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text.strip()


def add_service(command: argparse.ArgumentParser) -> None:
    """For a command that may be about one service alone."""
    command.add_argument(
        "--service", default="", choices=topology.DATABASES, help="this service's alone"
    )
