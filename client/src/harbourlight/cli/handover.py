"""More commands of an officer: `triage transfer`, `triage recuse`, `triage release`."""

from typing import Annotated

import typer

from harbourlight import facility
from harbourlight.cli import tables, triage
from harbourlight.cli.command import (
    Code,
    EtagOption,
    HeldOptions,
    RequestIdOption,
    SessionOptions,
    command,
    enum_option,
)
from harbourlight.cli.output import show
from harbourlight.cli.triage import ReferralArgument
from harbourlight.triage.v1 import transfer_pb2 as transfer_codes

app = triage.app


@command(app, "transfer")
def transfer(
    session: SessionOptions,
    referral: ReferralArgument,
    desk: Annotated[str, typer.Option(help="Desk that is to take the case over.")],
    reason: Annotated[
        Code, enum_option(transfer_codes.TransferReason.DESCRIPTOR, "--reason", about="Why")
    ],
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """Offer a case to another desk; you hold it until that desk accepts.

    Seal it to that desk first (`triage reseal`), or it will have nothing to read.
    """
    with session.authority() as authority:
        answer = authority.transfer_referral(
            referral, desk, reason, etag=etag, request_id=request_id
        )
    show(answer, lambda it: tables.referral(it.referral), as_json=session.json)


@command(app, "recuse")
def recuse(
    session: SessionOptions,
    referral: ReferralArgument,
    officer: Annotated[
        str, typer.Option(help="Subject of a colleague's token; yourself if not given.")
    ] = "",
    request_id: RequestIdOption = None,
) -> None:
    """Take yourself or a colleague off a case, for good."""
    with session.authority() as authority:
        answer = authority.recuse_officer(referral, officer, request_id=request_id)
    show(answer, lambda _: "Recused: the case is not found any more.", as_json=session.json)


def _facility(text: str) -> str:
    if problem := facility.problem(text):
        raise typer.BadParameter(problem)
    return text


@command(app, "release")
def release(
    session: SessionOptions,
    keys: HeldOptions,
    referral: ReferralArgument,
    facility_id: Annotated[
        str,
        typer.Option(
            "--facility", parser=_facility, metavar="ID", help="OS ID, or scheme:identifier."
        ),
    ] = "",
    people: Annotated[int, typer.Option(min=0, help="How many people are affected.")] = 0,
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """Put a fact of the sealed report on record, where it exposes nobody: it stays there.

    With your officer's key it is an entry of the ledger, too.
    """
    with session.authority(keys) as authority:
        answer = authority.release_facts(
            referral,
            facility_id=facility_id,
            people_affected=people,
            etag=etag,
            request_id=request_id,
        )
    show(answer, lambda it: tables.referral(it.referral), as_json=session.json)
