"""The commands on remedy, by whoever may: `remedy`."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from harbourlight import enums, sync
from harbourlight.cli import tables
from harbourlight.cli.command import (
    DEFAULT_CASE,
    CaseOption,
    Code,
    EtagOption,
    RequestIdOption,
    Session,
    SessionOptions,
    command,
    enum_option,
)
from harbourlight.cli.facts import from_data
from harbourlight.cli.output import line, show
from harbourlight.cli.triage import parse_handle
from harbourlight.errors import BadFile
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.types.v1 import types_pb2 as types

app = typer.Typer(help="Put right what was done to people.", no_args_is_help=True)

ItemArgument = Annotated[str, typer.Argument(metavar="ITEM", help="Its id, as the plan shows it.")]
HandleArgument = Annotated[
    str, typer.Argument(parser=parse_handle, metavar="HANDLE", help="The case.")
]
HandleOption = Annotated[
    str | None,
    typer.Option(
        "--handle",
        parser=parse_handle,
        metavar="HANDLE",
        help="As an officer, the remedy of this case; without it, as the company, of your own.",
    ),
]


class VerifierRole(StrEnum):
    """Who confirms or contests."""

    NGO = "ngo"
    AUTHORITY = "authority"


RoleOption = Annotated[
    VerifierRole, typer.Option("--as", case_sensitive=False, help="Whose token to use.")
]

_KEYS = {
    "kind": "kind",
    "indicator": "indicator",
    "beneficiaries": "beneficiaries",
    "amount": "amount",
    "currency": "currency_code",
    "start": "start_date",
    "due": "due_date",
}


def _item(text: str) -> remedy.ItemProposal:
    data: dict[str, Any] = {}
    for part in text.split(","):
        key, equals, value = part.strip().partition("=")
        if not equals or key not in _KEYS:
            raise typer.BadParameter(f"{part!r} is not KEY=VALUE with a KEY of {', '.join(_KEYS)}")
        data[_KEYS[key]] = value
    try:
        return from_data(data, remedy.ItemProposal, "--item")
    except BadFile as error:
        raise typer.BadParameter(str(error)) from None


def _items(path: Path) -> list[remedy.ItemProposal]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(f"cannot read {path}: {error}") from None
    listed = data.get("items") if isinstance(data, dict) else data
    if not isinstance(listed, list):
        raise BadFile(f'{path} holds no list of items, alone or under "items"')
    return [
        from_data(one, remedy.ItemProposal, f"{path}, item {number}")
        for number, one in enumerate(listed, start=1)
    ]


@command(app, "propose")
def propose(
    session: SessionOptions,
    item: Annotated[
        list[remedy.ItemProposal] | None,
        typer.Option(
            parser=_item,
            metavar="KEY=VALUE,…",
            help="An item, again for each: kind, indicator, beneficiaries, amount and currency "
            "(both or neither), start, due. Kinds: "
            + ", ".join(enums.names(types.RemedyKind.DESCRIPTOR))
            + ".",
        ),
    ] = None,
    from_file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE.json", help="More items, as JSON.")
    ] = None,
    case: CaseOption = DEFAULT_CASE,
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """As the company, propose items: replaces those still PLANNED, leaves the others."""
    items = [*(item or ()), *(_items(from_file) if from_file else ())]
    with session.company(case) as company:
        answer = company.propose_plan(items, etag=etag, request_id=request_id)
    show(answer, lambda it: tables.plan(it.remedy), as_json=session.json)


@command(app, "agree")
def agree(
    session: SessionOptions,
    handle: HandleArgument,
    verifier: Annotated[
        list[str] | None,
        typer.Option(help="An organisation that may verify beside you, again for each."),
    ] = None,
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """As an officer, agree to every PLANNED item and say who may verify."""
    with session.authority() as authority:
        answer = authority.agree_plan(
            handle, verifiers=verifier or (), etag=etag, request_id=request_id
        )
    show(answer, lambda it: tables.plan(it.remedy), as_json=session.json)


def _record(
    session: Session,
    case: Path,
    item: str,
    state: types.RemedyItemState,
    etag: str,
    request_id: str | None,
) -> None:
    with session.company(case) as company:
        answer = company.record_progress(item, state, etag=etag, request_id=request_id)
    show(answer, lambda it: tables.plan(it.remedy), as_json=session.json)


@command(app, "start")
def start(
    session: SessionOptions,
    item: ItemArgument,
    case: CaseOption = DEFAULT_CASE,
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """As the company, say that an item is under way."""
    _record(session, case, item, types.REMEDY_ITEM_STATE_IN_PROGRESS, etag, request_id)


@command(app, "deliver")
def deliver(
    session: SessionOptions,
    item: ItemArgument,
    case: CaseOption = DEFAULT_CASE,
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """As the company, say that an item is delivered."""
    _record(session, case, item, types.REMEDY_ITEM_STATE_DELIVERED, etag, request_id)


def _verifier(session: Session, role: VerifierRole) -> sync.Ngo | sync.Authority:
    return session.ngo() if role is VerifierRole.NGO else session.authority()


@command(app, "verify")
def verify(
    session: SessionOptions,
    item: ItemArgument,
    method: Annotated[
        Code, enum_option(remedy.VerificationMethod.DESCRIPTOR, "--method", about="How you know")
    ],
    role: RoleOption = VerifierRole.NGO,
    request_id: RequestIdOption = None,
) -> None:
    """As an NGO or an officer, confirm a delivered item."""
    with _verifier(session, role) as verifier:
        answer = verifier.verify_item(item, method, request_id=request_id)
    show(answer, lambda it: tables.item(it.item), as_json=session.json)


@command(app, "dispute")
def dispute(
    session: SessionOptions,
    item: ItemArgument,
    reason: Annotated[Code, enum_option(remedy.DisputeReason.DESCRIPTOR, "--reason", about="Why")],
    role: RoleOption = VerifierRole.NGO,
    request_id: RequestIdOption = None,
) -> None:
    """As an NGO or an officer, contest a delivered or verified item."""
    with _verifier(session, role) as verifier:
        answer = verifier.dispute_item(item, reason, request_id=request_id)
    show(answer, lambda it: tables.item(it.item), as_json=session.json)


@command(app, "cancel")
def cancel(
    session: SessionOptions,
    item: ItemArgument,
    reason: Annotated[
        Code, enum_option(remedy.CancellationReason.DESCRIPTOR, "--reason", about="Why")
    ],
    request_id: RequestIdOption = None,
) -> None:
    """As an officer, cancel an item."""
    with session.authority() as authority:
        answer = authority.cancel_item(item, reason, request_id=request_id)
    show(answer, lambda it: tables.item(it.item), as_json=session.json)


@command(app, "show")
def show_remedy(
    session: SessionOptions, case: CaseOption = DEFAULT_CASE, handle: HandleOption = None
) -> None:
    """Where remedy stands."""
    if handle:
        with session.authority() as authority:
            answer = authority.get_remedy(handle)
    else:
        with session.company(case) as company:
            answer = company.get_remedy()
    show(answer, lambda it: tables.plan(it.remedy), as_json=session.json)


@command(app, "watch")
def watch(
    session: SessionOptions, case: CaseOption = DEFAULT_CASE, handle: HandleOption = None
) -> None:
    """Where remedy stands, now and after every change, until you stop it."""
    if handle:
        with session.authority() as authority:
            for current in authority.watch_remedy(handle):
                line(current, tables.plan_line, as_json=session.json)
    else:
        with session.company(case) as company:
            for current in company.watch_remedy():
                line(current, tables.plan_line, as_json=session.json)


@command(app, "assignments")
def assignments(
    session: SessionOptions,
    state: Annotated[
        list[Code] | None,
        enum_option(types.RemedyItemState.DESCRIPTOR, "--state", about="In this state"),
    ] = None,
    page_size: Annotated[int, typer.Option(min=0, help="0 leaves it to the service.")] = 0,
    page_token: Annotated[str, typer.Option(help="From the page before.")] = "",
) -> None:
    """As an NGO, the items that you were named to verify."""
    with session.ngo() as ngo:
        answer = ngo.list_assignments(
            states=state or (), page_size=page_size, page_token=page_token
        )
    show(answer, tables.assignments, as_json=session.json)
