"""The commands of who holds receipts, and of who is shown one: `receipt`."""

import json
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from harbourlight import errors, sync
from harbourlight.casefile import CaseFile
from harbourlight.cli import tables
from harbourlight.cli.command import (
    DEFAULT_CASE,
    CaseOption,
    Group,
    Session,
    SessionOptions,
    command,
)
from harbourlight.cli.output import print_table
from harbourlight.cli.trusting import read, receipts_policy
from harbourlight.collecting import Held, Standing, look
from harbourlight.lodging import Lodged
from harbourlight.proofs import challenges, notes
from harbourlight.proofs.challenges import Answer
from harbourlight.proofs.notes import BadNote
from harbourlight.proofs.policy import LogPolicy
from harbourlight.proofs.receipts import BadReceipt, verify
from harbourlight.receiptfolder import ReceiptFolder

app = typer.Typer(help="Prove that you came forward, and when.", no_args_is_help=True)


Policy = Callable[[Session], LogPolicy]


def _believed(
    trust: Annotated[
        Path | None,
        typer.Option(help="trust.json of the installation; else what the endpoints name."),
    ] = None,
    vkey: Annotated[
        str, typer.Option(help="Instead of --trust: the log's verifier key, or a file with it.")
    ] = "",
    witness: Annotated[
        list[str] | None,
        typer.Option(help="Beside --vkey: a witness's verifier key, or a file; repeatable."),
    ] = None,
    quorum: Annotated[
        int, typer.Option(min=1, help="Beside --vkey: how many witnesses must have seen it.")
    ] = 1,
) -> Policy:
    named = receipts_policy(trust, vkey, witness or [], quorum)
    return lambda session: named or session.endpoints().receipt_policy()


PolicyOptions = Annotated[Policy, Group(_believed)]


@command(app, "list")
def list_receipts(
    session: SessionOptions, believed: PolicyOptions, case: CaseOption = DEFAULT_CASE
) -> None:
    """Your receipts and what there is to show for each. Asks nobody."""
    folder, policy = ReceiptFolder.of(case), believed(session)
    now = datetime.now(UTC)
    _show([look(folder, one, policy, now) for one in folder.all()], session)


@command(app, "collect")
def collect(
    session: SessionOptions, believed: PolicyOptions, case: CaseOption = DEFAULT_CASE
) -> None:
    """Fetch the proofs of your receipts from the ledger, and check each.

    Brings back receipts that are not on this machine, too: the case file is enough.
    """
    policy = believed(session)
    with session.company(case) as company:
        receipts = company.restore_receipts()
    folder = ReceiptFolder.of(case)
    # Also those that the service does not know any more.
    known = {one.text.event_id for one in receipts}
    receipts += [one for one in folder.all() if one.text.event_id not in known]
    endpoints = session.endpoints()
    trust = endpoints.trusted() if endpoints.trust else None
    with sync.Ledger(endpoints, patience=session.patience) as ledger:
        held = ledger.collect(folder, receipts, policy, trust=trust)
    _show(held, session)
    if broken := [one for one in held if one.standing == Standing.BROKEN]:
        raise errors.Untrusted(
            f"{len(broken)} of these were promised and are not in the ledger in time. The promises "
            "are signed: show the files that end in .broken to whoever relies on this installation"
        )


@command(app, "challenge")
def challenge(session: SessionOptions) -> None:
    """Make up a challenge for someone who shows you a receipt."""
    drawn = notes.encode(secrets.token_bytes(32))
    typer.echo(json.dumps({"challenge": drawn}) if session.json else drawn)


@command(app, "answer")
def answer(
    session: SessionOptions,
    receipt: Annotated[str, typer.Argument(help="Id of its event, as `receipt list` has it.")],
    challenge: Annotated[str, typer.Argument(help="What you were asked to sign.")],
    case: CaseOption = DEFAULT_CASE,
) -> None:
    """Show that a receipt is yours, to whoever gave you a challenge.

    Opens its salt: whoever sees the answer learns that this case lodged what the receipt is of.
    """
    key = CaseFile.load(case, session.endpoints().origin).key
    folder = ReceiptFolder.of(case)
    found = [one for one in folder.all() if one.text.event_id == receipt]
    if not found:
        raise errors.BadFile(f"{folder.path} has no receipt {receipt}: see `receipt list`")
    (lodged,) = found
    try:
        made = challenges.answer(
            lodged.text, lodged.opening, notes.decode(challenge, "the challenge"), key.sign
        )
    except (BadNote, BadReceipt) as error:
        raise errors.BadFile(str(error)) from None
    typer.echo(json.dumps({"answer": str(made)}) if session.json else str(made), nl=session.json)


@command(app, "check")
def check(
    session: SessionOptions,
    believed: PolicyOptions,
    receipt: Annotated[Path, typer.Argument(help="Receipt that you were shown.")],
    challenge: Annotated[str, typer.Argument(help="Challenge that you gave.")],
    answer: Annotated[Path, typer.Argument(help="File with the answer.")],
    request: Annotated[
        Path | None,
        typer.Option(help="File with what is said to have been lodged, byte by byte."),
    ] = None,
) -> None:
    """Check that a receipt is its holder's, and perhaps of what they show. Asks nobody."""
    policy = believed(session)
    try:
        verified = verify(read(receipt), policy)
        given = Answer.parse(read(answer).decode("ascii", "replace"))
        own = challenges.verify_answer(
            verified.text, notes.decode(challenge, "the challenge"), given
        )
    except (BadNote, BadReceipt) as error:
        raise errors.Untrusted(str(error)) from None
    if request and not given.opening.is_of(read(request)):
        raise errors.Untrusted(f"{request} is not what was lodged: its hash is another")
    holder = "the holder of the case" if own else "an officer, whose key the directory has"
    found = {
        "verdict": verified.verdict,
        "case": verified.text.handle,
        "event_type": verified.text.event_type,
        "held_by": holder,
        "public_key": notes.encode(given.opening.public_key),
        "request": "as shown" if request else "not shown",
    }
    _print(found, session)


def _print(found: dict[str, Any], session: Session) -> None:
    if session.json:
        typer.echo(json.dumps(found, indent=1))
    else:
        rows = [(name.replace("_", " ").capitalize(), value) for name, value in found.items()]
        print_table(tables.details(rows))


def _show(held: Sequence[Held], session: Session) -> None:
    if session.json:
        typer.echo(json.dumps([_row(one) for one in held], indent=1))
        return
    rows = [
        (
            f"{one.lodged.text.time:%Y-%m-%d %H:%M:%S UTC}",
            one.lodged.text.event_type.rpartition(".")[2],
            one.standing,
            _says(one),
            one.lodged.text.event_id,
        )
        for one in held
    ]
    print_table(tables.columns(("Time", "Of", "Standing", "", "Receipt"), rows))


def _says(held: Held) -> str:
    if held.verified:
        return held.verified.verdict
    by = held.lodged.include_by
    if held.standing == Standing.BROKEN:
        return f"promised by {by:%H:%M:%S}, evidence in {held.path}"
    return f"in the ledger by {by:%H:%M:%S}" if by else "no promise was given"


def _row(held: Held) -> dict[str, Any]:
    lodged: Lodged = held.lodged
    return {
        "event_id": lodged.text.event_id,
        "event_type": lodged.text.event_type,
        "handle": lodged.text.handle,
        "time": lodged.text.time.isoformat(),
        "include_by": lodged.include_by.isoformat() if lodged.include_by else None,
        "standing": held.standing,
        "says": _says(held),
        "path": str(held.path) if held.path else None,
    }
