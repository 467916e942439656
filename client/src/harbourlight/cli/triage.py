"""The commands of an officer: `triage`."""

from datetime import date
from typing import Annotated

import typer

from harbourlight import enums, handle
from harbourlight.cli import tables
from harbourlight.cli.command import (
    Code,
    EtagOption,
    Group,
    RequestIdOption,
    SessionOptions,
    command,
    enum_option,
)
from harbourlight.cli.output import line, show
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.types.v1 import types_pb2 as types

app = typer.Typer(help="Take cases up and say where they stand.", no_args_is_help=True)

ReferralArgument = Annotated[
    str, typer.Argument(metavar="REFERRAL", help="Its id, as the queue shows it.")
]
_REASON = enum_option(triage.ReferralReason.DESCRIPTOR, "--reason", about="Why")


def parse_handle(text: str) -> str:
    """A case handle as a person types it."""
    try:
        return handle.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _filter(
    state: Annotated[
        list[Code] | None,
        enum_option(types.ReferralState.DESCRIPTOR, "--state", about="In this state"),
    ] = None,
    country: Annotated[
        list[str] | None, typer.Option(help="Site in this country, ISO 3166-1 alpha-2.")
    ] = None,
    sector: Annotated[list[str] | None, typer.Option(help="ISIC section.")] = None,
    exploitation_type: Annotated[
        list[Code] | None,
        enum_option(types.ExploitationType.DESCRIPTOR, "--type", about="Kind of exploitation"),
    ] = None,
    priority: Annotated[
        list[Code] | None,
        enum_option(triage.Priority.DESCRIPTOR, "--priority", about="Of this priority"),
    ] = None,
    desk: Annotated[list[str] | None, typer.Option(help="Of this desk of yours.")] = None,
    case_handle: Annotated[
        str | None,
        typer.Option("--handle", parser=parse_handle, metavar="HANDLE", help="This case alone."),
    ] = None,
) -> triage.QueueFilter:
    return triage.QueueFilter(
        states=state or (),
        countries=country or (),
        sectors=sector or (),
        exploitation_types=exploitation_type or (),
        priorities=priority or (),
        desks=desk or (),
        handle=case_handle or "",
    )


FilterOptions = Annotated[triage.QueueFilter, Group(_filter)]


@command(app, "queue")
def queue(
    session: SessionOptions,
    queue_filter: FilterOptions,
    order: Annotated[
        Code,
        enum_option(
            triage.QueueOrder.DESCRIPTOR,
            "--order",
            about="Instead of priority first, then the oldest",
        ),
    ] = triage.QUEUE_ORDER_UNSPECIFIED,
    page_size: Annotated[int, typer.Option(min=0, help="0 means 50; at most 500.")] = 0,
    page_token: Annotated[str, typer.Option(help="From the page before.")] = "",
) -> None:
    """One page of the queue; each filter may be given again, and lets through what matches one."""
    with session.authority() as authority:
        answer = authority.list_queue(
            queue_filter, order=order, page_size=page_size, page_token=page_token
        )
    show(answer, tables.queue, as_json=session.json)


@command(app, "watch")
def watch(session: SessionOptions, queue_filter: FilterOptions) -> None:
    """The matching referrals now, then each again after every change, until you stop it."""
    with session.authority() as authority:
        for referral in authority.watch_queue(queue_filter):
            line(referral, tables.referral_line, as_json=session.json)


@command(app, "show")
def show_referral(session: SessionOptions, referral: ReferralArgument) -> None:
    """One referral in full."""
    with session.authority() as authority:
        answer = authority.get_referral(referral)
    show(answer, lambda it: tables.referral(it.referral), as_json=session.json)


@command(app, "accept")
def accept(
    session: SessionOptions,
    referral: ReferralArgument,
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """Take a case up."""
    with session.authority() as authority:
        answer = authority.accept_referral(referral, etag=etag, request_id=request_id)
    show(answer, lambda it: tables.referral(it.referral), as_json=session.json)


@command(app, "reject")
def reject(
    session: SessionOptions,
    referral: ReferralArgument,
    reason: Annotated[Code, _REASON],
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """Do not take a case up, and say why."""
    with session.authority() as authority:
        answer = authority.reject_referral(referral, reason, etag=etag, request_id=request_id)
    show(answer, lambda it: tables.referral(it.referral), as_json=session.json)


@command(app, "ask")
def ask(
    session: SessionOptions,
    referral: ReferralArgument,
    topic: Annotated[
        list[Code],
        enum_option(
            triage.InformationTopic.DESCRIPTOR, "--topic", about="What about, again for each"
        ),
    ],
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """Ask the company for what you lack."""
    with session.authority() as authority:
        answer = authority.request_information(referral, topic, etag=etag, request_id=request_id)
    show(answer, lambda it: tables.referral(it.referral), as_json=session.json)


@command(app, "progress")
def progress(
    session: SessionOptions,
    referral: ReferralArgument,
    state: Annotated[
        Code,
        enum_option(
            types.ReferralState.DESCRIPTOR,
            "--state",
            about="IN_PROGRESS (without the option), or ON_HOLD or FAILED with a reason; of",
        ),
    ] = types.REFERRAL_STATE_IN_PROGRESS,
    reason: Annotated[Code, _REASON] = triage.REFERRAL_REASON_UNSPECIFIED,
    step: Annotated[
        Code, enum_option(triage.ProgressStep.DESCRIPTOR, "--step", about="What was done")
    ] = triage.PROGRESS_STEP_UNSPECIFIED,
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """Start, resume, hold or fail work on a case, or record a step."""
    with session.authority() as authority:
        answer = authority.record_progress(
            referral, state, reason=reason, step=step, etag=etag, request_id=request_id
        )
    show(answer, lambda it: tables.referral(it.referral), as_json=session.json)


@command(app, "complete")
def complete(
    session: SessionOptions,
    referral: ReferralArgument,
    outcome: Annotated[
        Code, enum_option(triage.ReferralOutcome.DESCRIPTOR, "--outcome", about="What was found")
    ],
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """Close a case with what was found."""
    with session.authority() as authority:
        answer = authority.complete_referral(referral, outcome, etag=etag, request_id=request_id)
    show(answer, lambda it: tables.referral(it.referral), as_json=session.json)


def _condition_code(text: str) -> Code:
    return enums.parse(triage.ConditionCode.DESCRIPTOR, text)


def _condition(text: str) -> triage.Condition:
    code, _, due = text.partition("=")
    try:
        date.fromisoformat(due)
        return triage.Condition(code=_condition_code(code), due_date=due)
    except ValueError as error:
        raise typer.BadParameter(f"CODE=YYYY-MM-DD is expected: {error}") from None


@command(app, "protect")
def protect(
    session: SessionOptions,
    referral: ReferralArgument,
    decision: Annotated[
        Code,
        enum_option(
            types.ProtectionState.DESCRIPTOR,
            "--decision",
            about="CONDITIONAL, FINAL, DECLINED or REVOKED (the latter two with a reason); of",
        ),
    ],
    condition: Annotated[
        list[triage.Condition] | None,
        typer.Option(
            parser=_condition,
            metavar="CODE=DATE",
            help="A new condition and its due date, again for each: "
            + ", ".join(enums.names(triage.ConditionCode.DESCRIPTOR))
            + ".",
        ),
    ] = None,
    met: Annotated[
        list[Code] | None,
        enum_option(triage.ConditionCode.DESCRIPTOR, "--met", about="A condition that is met"),
    ] = None,
    reason: Annotated[
        list[Code] | None,
        enum_option(triage.ProtectionReason.DESCRIPTOR, "--reason", about="Why, again for each"),
    ] = None,
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """Decide on the safe harbour of a case."""
    with session.authority() as authority:
        answer = authority.decide_protection(
            referral,
            decision,
            reasons=reason or (),
            conditions=condition or (),
            conditions_met=met or (),
            etag=etag,
            request_id=request_id,
        )
    show(answer, lambda it: tables.referral(it.referral), as_json=session.json)
