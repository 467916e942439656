"""The commands of who witnesses the ledger: `witness`, and `witness new`."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from harbourlight.auditor import Ledger
from harbourlight.cli.command import Session, SessionOptions, command
from harbourlight.cli.trusting import read
from harbourlight.errors import BadFile, Unavailable
from harbourlight.proofs.notes import COSIGNATURE, BadNote, SignerKey, VerifierKey
from harbourlight.proofs.policy import DIRECTORY, RECEIPTS, LogPolicy
from harbourlight.proofs.witness import SeenFile
from harbourlight.witnessing import Teller, Witness, new_key, number

app = typer.Typer(
    help="See to it that the ledger shows everybody the same, and only ever grows.",
    invoke_without_command=True,
)


@command(app, "new")
def new(
    file: Annotated[Path, typer.Argument(help="File for the witness's key, which is a secret.")],
    name: Annotated[
        str, typer.Option(help="What the witness is called, best an address: ngo.example/witness.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a witness: its key, and what to publish of it."""
    vkey = str(new_key(file, name).verifier)
    typer.echo(json.dumps({"vkey": vkey}) if as_json else vkey)


@command(app, "")
def witness(
    session: SessionOptions,
    context: typer.Context,
    key: Annotated[
        Path | None, typer.Option(help="File with the witness's key, from `witness new`.")
    ] = None,
    log_key: Annotated[
        list[Path] | None,
        typer.Option(help="File with the verifier key of a log; can be given several times."),
    ] = None,
    trust: Annotated[
        Path | None, typer.Option(help="trust.json of the installation, instead of --log-key.")
    ] = None,
    seen: Annotated[
        Path | None,
        typer.Option(help="What it remembers; else beside the key, with .seen behind its name."),
    ] = None,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 10.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Tell there, over HTTP, what it saw last.")
    ] = "",
) -> None:
    """Cosign the ledger's checkpoints, as long as each continues the one before."""
    if context.invoked_subcommand:
        return
    if key is None:
        raise BadFile("name the witness's key with --key; `harbourlight witness new` makes one")
    logs = _logs(log_key or [], trust)
    signer = _signer(key)
    with SeenFile(seen or key.with_name(f"{key.name}.seen")) as file:
        worker = Witness(signer, logs, file)
        teller = _teller(listen, file)
        if teller is None:
            asyncio.run(_work(worker, session, every, once))
            return
        with teller:
            typer.echo(f"telling at port {teller.port} what it saw", err=True)
            asyncio.run(_work(worker, session, every, once))


async def _work(worker: Witness, session: Session, every: float, once: bool) -> None:
    async with Ledger(session.endpoints(), patience=session.patience) as ledger:
        while True:
            try:
                for one in await worker.look(ledger):
                    said = json.dumps({"log": one.origin, "cosigned": one.size})
                    line = f"{one.origin}: cosigned {one.size} entries"
                    typer.echo(said if session.json else line)
                    sys.stdout.flush()
            except Unavailable as error:
                if once:
                    raise
                typer.echo(f"{time.strftime('%H:%M:%S')} {error}", err=True)
            if once:
                return
            await asyncio.sleep(every)


def _logs(keys: list[Path], trust: Path | None) -> list[VerifierKey]:
    try:
        if trust:
            text = read(trust)
            logs = [LogPolicy.from_trust(text, name).log for name in (RECEIPTS, DIRECTORY)]
        else:
            logs = [VerifierKey.parse(read(path).decode("utf-8", "replace")) for path in keys]
    except BadNote as error:
        raise BadFile(f"the keys of the logs: {error}") from None
    if not logs:
        raise BadFile(
            "name the logs' verifier keys with --log-key or --trust: a witness that took them "
            "from the ledger itself would believe anything"
        )
    for log in logs:
        number(log)
    return logs


def _signer(path: Path) -> SignerKey:
    try:
        key = SignerKey.parse(read(path).decode("utf-8", "replace"))
    except BadNote as error:
        raise BadFile(f"{path} holds no witness's key: {error}") from None
    if key.verifier.algorithm != COSIGNATURE:
        raise BadFile(f"{path} holds a key that is none for cosignatures: see `witness new`")
    return key


def _teller(listen: str, file: SeenFile) -> Teller | None:
    if not listen:
        return None
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise BadFile(f"--listen takes HOST:PORT, such as 127.0.0.1:7100, and not {listen!r}")
    return Teller(host.strip("[]"), int(port), file)
