"""The commands of a company: `marker`, `report` and `case`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from harbourlight import errors, sync
from harbourlight.casefile import CaseFile, taken
from harbourlight.cli import tables, words
from harbourlight.cli.command import (
    DEFAULT_CASE,
    CaseOption,
    Code,
    EtagOption,
    QuietOption,
    RequestIdOption,
    Session,
    SessionOptions,
    command,
    enum_option,
)
from harbourlight.cli.facts import CountryOption, FactsOptions, SectorOption, TypeOption
from harbourlight.cli.output import line, show
from harbourlight.cli.sealing import SealedOptions
from harbourlight.notification.v1 import notification_pb2 as notification
from harbourlight.receiptfolder import ReceiptFolder
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from harbourlight.signing import CaseKey
from harbourlight.types.v1 import types_pb2 as types

marker_app = typer.Typer(
    help="Fix the time of coming forward before the report is complete.", no_args_is_help=True
)
report_app = typer.Typer(help="Report what you found.", no_args_is_help=True)
case_app = typer.Typer(help="Follow your case, and keep it.", no_args_is_help=True)


def _told(answer: Any, case: Path, session: Session) -> None:
    show(answer, lambda it: tables.case(it.case), as_json=session.json)
    if answer.HasField("receipt"):
        typer.echo(
            f"The receipt is in {ReceiptFolder.of(case).path}. Within a minute the ledger proves "
            f"it to anybody: harbourlight receipt collect --case {case}",
            err=True,
        )


@command(marker_app, "place")
def place(
    session: SessionOptions,
    country: CountryOption = None,
    sector: SectorOption = None,
    exploitation_type: TypeOption = None,
    case: CaseOption = DEFAULT_CASE,
    request_id: RequestIdOption = None,
    quiet: QuietOption = False,
) -> None:
    """Fix your time now, report in full later.

    Makes the case file where there is none, and shows the words that restore it.
    """
    with session.new_company(case, quiet=quiet) as company:
        answer = company.place_marker(
            country=country or "",
            sector=sector or "",
            exploitation_type=exploitation_type or types.EXPLOITATION_TYPE_UNSPECIFIED,
            request_id=request_id,
        )
    _told(answer, case, session)


@command(marker_app, "perfect")
def perfect(
    session: SessionOptions,
    facts: FactsOptions,
    sealed: SealedOptions,
    case: CaseOption = DEFAULT_CASE,
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """Complete a marked case with its report, before the marker lapses."""
    with session.company(case) as company:
        told = facts(types.ReportFacts())
        answer = company.perfect_marker(
            told,
            identity=sealed.identity,
            content=sealed.content,
            before=sealed.look_before(company, told),
            etag=etag,
            request_id=request_id,
        )
    _told(answer, case, session)


@command(report_app, "submit")
def submit(
    session: SessionOptions,
    facts: FactsOptions,
    sealed: SealedOptions,
    case: CaseOption = DEFAULT_CASE,
    request_id: RequestIdOption = None,
    quiet: QuietOption = False,
) -> None:
    """Lodge a report at once, without a marker.

    Makes the case file where there is none, and shows the words that restore it.
    """
    with session.new_company(case, quiet=quiet) as company:
        told = facts(types.ReportFacts())
        answer = company.submit_report(
            told,
            identity=sealed.identity,
            content=sealed.content,
            before=sealed.look_before(company, told),
            request_id=request_id,
        )
    _told(answer, case, session)


@command(report_app, "amend")
def amend(
    session: SessionOptions,
    facts: FactsOptions,
    sealed: SealedOptions,
    case: CaseOption = DEFAULT_CASE,
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """Change the facts of a filed report.

    What no option names stays as it is; --indicator replaces them all.
    """
    with session.company(case) as company:
        current = company.get_case().case
        told = facts(current.facts)
        sealed.look_before(company, told)
        answer = company.amend_report(
            told,
            identity=sealed.identity,
            content=sealed.content,
            etag=etag or current.etag,
            request_id=request_id,
        )
    _told(answer, case, session)


@command(report_app, "withdraw")
def withdraw(
    session: SessionOptions,
    reason: Annotated[
        Code, enum_option(reporting.WithdrawalReason.DESCRIPTOR, "--reason", about="Why")
    ],
    case: CaseOption = DEFAULT_CASE,
    etag: EtagOption = "",
    request_id: RequestIdOption = None,
) -> None:
    """Withdraw a marker or a report. What was done about it stays on record."""
    with session.company(case) as company:
        answer = company.withdraw_report(reason, etag=etag, request_id=request_id)
    _told(answer, case, session)


@command(case_app, "show")
def show_case(session: SessionOptions, case: CaseOption = DEFAULT_CASE) -> None:
    """Where your case stands."""
    with session.company(case) as company:
        answer = company.get_case()
    show(answer, lambda it: tables.case(it.case), as_json=session.json)


@command(case_app, "words")
def show_words(session: SessionOptions, case: CaseOption = DEFAULT_CASE) -> None:
    """The 12 words that restore your case, for you to write down."""
    key = CaseFile.load(case, session.endpoints().origin).key
    if key.phrase is None:
        raise errors.BadFile(
            f"{case} was made by a client that knew no words, so the file alone holds the case: "
            "keep a copy of it in a safe place"
        )
    words.confirm(case)
    if session.json:
        typer.echo(json.dumps({"handle": key.handle, "words": key.phrase.words}))
    else:
        typer.echo(words.table(key.phrase.words))


@command(case_app, "restore")
def restore(session: SessionOptions, case: CaseOption = DEFAULT_CASE) -> None:
    """Make the case file again, from the 12 words of your case.

    Asks for the words, or reads them from what is piped in.
    """
    endpoints = session.endpoints()
    if case.exists():
        raise taken(case)
    phrase = words.ask()
    key = CaseKey.from_phrase(phrase)
    answer = None
    try:
        with sync.Company(endpoints, key, patience=session.patience) as company:
            answer = company.get_case()
    except errors.NotFound as error:
        raise errors.NotFound(
            f"these words are valid, but {endpoints.origin} knows no case {key.handle}, so "
            f"{case} was not made: compare each word with what you wrote down, and check that this "
            "is the installation you reported to",
            code=error.code,
            reason=error.reason,
        ) from None
    except errors.Unavailable as error:
        typer.echo(
            f"{error}. Until then it is not certain that the case is known there: "
            f"harbourlight case show --case {case}",
            err=True,
        )
    CaseFile.create(case, endpoints.origin, phrase)
    typer.echo(f"{case} holds the key of case {key.handle} again.", err=True)
    if answer:
        show(answer, lambda it: tables.case(it.case), as_json=session.json)


@command(case_app, "watch")
def watch_case(session: SessionOptions, case: CaseOption = DEFAULT_CASE) -> None:
    """Where your case stands, now and after every change, until you stop it."""
    with session.company(case) as company:
        for current in company.watch_case():
            line(current, tables.case_line, as_json=session.json)


@command(case_app, "notices")
def notices(
    session: SessionOptions,
    case: CaseOption = DEFAULT_CASE,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on with each new one, until you stop it.")
    ] = False,
    after: Annotated[
        int, typer.Option(min=0, metavar="NUMBER", help="Only those after this number.")
    ] = 0,
) -> None:
    """What happened to your case."""
    with session.company(case) as company:
        found = company.watch_notices(after_number=after) if watch else _all(company)
        for notice in found:
            if notice.number > after:
                line(notice, tables.notice_line, as_json=session.json)


def _all(company: sync.Company) -> Iterator[notification.Notice]:
    token = ""
    while True:
        page = company.list_notices(page_token=token)
        yield from page.notices
        token = page.next_page_token
        if not token:
            return
