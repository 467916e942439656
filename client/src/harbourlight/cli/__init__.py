"""The command line `harbourlight`. It decides nothing: each command is one call of the library."""

from importlib.metadata import version
from typing import Annotated

import typer

from harbourlight.cli import (
    case,
    casework,
    evidence,
    feed,
    keys,
    message,
    proof,
    remedy,
    unsealing,
    witness,
)

app = typer.Typer(
    name="harbourlight",
    help="Come forward safely, act on what was reported, follow remedy to its end.",
    epilog=(
        "Exit codes: 0 done, 2 usage or a file on this machine, 3 the request is not valid, "
        "4 not found, 5 not possible in this state or changed meanwhile, 6 not authenticated, not "
        "allowed or not trusted, 7 the service does not answer: try again later, 1 anything else."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(case.marker_app, name="marker")
app.add_typer(case.report_app, name="report")
app.add_typer(case.case_app, name="case")
app.add_typer(proof.app, name="receipt")
app.add_typer(casework.app, name="triage")
app.add_typer(unsealing.app, name="unsealing")
app.add_typer(message.app, name="message")
app.add_typer(evidence.app, name="evidence")
app.add_typer(remedy.app, name="remedy")
app.add_typer(feed.app, name="feed")
app.add_typer(witness.app, name="witness")
app.add_typer(keys.app, name="keys")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"harbourlight {version('harbourlight')}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the `harbourlight` command."""
    app()
