"""The commands of who is shown a receipt: `receipt verify` and `receipt get`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from harbourlight import sync
from harbourlight.cli import receipt as receipts
from harbourlight.cli.command import SessionOptions, command
from harbourlight.cli.receipt import PolicyOptions
from harbourlight.cli.trusting import read
from harbourlight.errors import BadFile, Untrusted
from harbourlight.privatefile import write_private
from harbourlight.proofs import notes
from harbourlight.proofs.notes import BadNote
from harbourlight.proofs.prooffile import ProofFile
from harbourlight.proofs.receipts import BadReceipt, ReceiptText, Verified, verify

app = receipts.app


@command(app, "verify")
def verify_receipt(
    session: SessionOptions,
    believed: PolicyOptions,
    receipt: Annotated[Path, typer.Argument(help="Receipt, a .tlog-proof file.")],
    text: Annotated[
        Path | None, typer.Option(help="The receipt's text, where the receipt is bare.")
    ] = None,
    witnessed: Annotated[
        bool, typer.Option("--witnessed", help="Fail where it is UNWITNESSED.")
    ] = False,
) -> None:
    """Check a receipt and say what it proves. Asks nobody, and needs no network."""
    try:
        found = verify(read(receipt), believed(session), text=read(text) if text else None)
    except BadReceipt as error:
        raise Untrusted(f"{receipt} proves nothing: {error}") from None
    _show(found, as_json=session.json)
    if witnessed and not found.is_witnessed:
        raise Untrusted(f"{receipt} is UNWITNESSED: nobody but the log itself says when")


@command(app, "get")
def get_receipt(
    session: SessionOptions,
    commitment: Annotated[
        str, typer.Argument(help="SHA-256 of the receipt's text, in base64 or hexadecimal.")
    ] = "",
    text: Annotated[
        Path | None, typer.Option(help="The receipt's text, instead; it goes into the receipt.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="File to write it to.")] = None,
    witnesses: Annotated[
        int, typer.Option(min=1, max=32, help="Best under a checkpoint that so many cosigned.")
    ] = 1,
) -> None:
    """Get the proof of a commitment from the ledger."""
    if bool(commitment) == bool(text):
        raise BadFile("name the commitment, or with --text the text that it is of")
    kept = read(text) if text else None
    wanted = _commitment(commitment) if kept is None else _of_text(kept)
    with sync.Ledger(session.endpoints(), patience=session.patience) as ledger:
        proof = ledger.get_receipt(wanted, witnesses=witnesses).proof
    if kept is not None:
        try:
            proof = str(ProofFile.parse(proof).with_extra(kept))
        except BadNote as error:
            raise Untrusted(f"the ledger answered no proof: {error}") from None
    if output is None:
        typer.echo(json.dumps({"proof": proof}) if session.json else proof, nl=session.json)
        return
    try:
        write_private(output, proof, replace=True)
    except OSError as error:
        raise BadFile(f"cannot write {output}: {error.strerror}") from error


def _commitment(written: str) -> bytes:
    try:
        found = bytes.fromhex(written) if len(written) == 64 else notes.decode(written, "it")
    except (ValueError, BadNote):
        found = b""
    if len(found) != 32:
        raise BadFile(f"{written[:80]!r} is no commitment: expected 32 bytes, base64 or hex")
    return found


def _of_text(text: bytes) -> bytes:
    try:
        return ReceiptText.parse(text).commitment
    except BadReceipt as error:
        raise BadFile(str(error)) from None


def _show(found: Verified, *, as_json: bool) -> None:
    time = f"{found.text.time:%Y-%m-%dT%H:%M:%S.%fZ}"
    if not as_json:
        seen = [f"{one.witness.name} at {one.time:%Y-%m-%dT%H:%M:%SZ}" for one in found.witnesses]
        rows = [
            ("Proven", found.verdict),
            ("Case", found.text.handle),
            ("Event", f"{found.text.event_type} {found.text.event_id}"),
            ("Its own time", f"{time}, as the platform says"),
            ("Log", f"{found.log}, entry {found.index} of {found.size}"),
            *(("Witness", one) for one in seen),
        ]
        for label, value in rows:
            typer.echo(f"{label:<14}{value}")
        return
    proven = found.proven_time
    data: dict[str, Any] = {
        "verdict": found.verdict,
        "witnessed": found.is_witnessed,
        "proven_time": f"{proven:%Y-%m-%dT%H:%M:%SZ}" if proven else None,
        "witnesses": [
            {"name": one.witness.name, "time": f"{one.time:%Y-%m-%dT%H:%M:%SZ}"}
            for one in found.witnesses
        ],
        "handle": found.text.handle,
        "event_id": found.text.event_id,
        "event_type": found.text.event_type,
        "time": time,
        "log": found.log,
        "index": found.index,
        "size": found.size,
    }
    typer.echo(json.dumps(data, indent=1))
