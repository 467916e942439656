"""What every command has: its common options, its session, its errors and exit codes."""

import inspect
import json as json_module
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from google.protobuf.descriptor import EnumDescriptor

from harbourlight import enums, errors, sync
from harbourlight.casefile import CaseFile
from harbourlight.cli import words
from harbourlight.cli.held import Held, held
from harbourlight.connection import PATIENCE
from harbourlight.endpoints import Endpoints, read_token
from harbourlight.keyed import NO_KEYS
from harbourlight.keys.memory import DEFAULT, Memory
from harbourlight.phrase import Phrase
from harbourlight.receiptfolder import ReceiptFolder

_EXIT_CODES: dict[type[errors.Error], int] = {
    errors.BadFile: 2,
    errors.InvalidArgument: 3,
    errors.NotFound: 4,
    errors.WrongState: 5,
    errors.Stale: 5,
    errors.AlreadyExists: 5,
    errors.Unauthenticated: 6,
    errors.Denied: 6,
    errors.Untrusted: 6,
    errors.CannotOpen: 6,
    errors.Unavailable: 7,
    errors.Exhausted: 7,
}


class Group(NamedTuple):
    """Marks a parameter of a command, by Annotated, as the result of `build`.

    The parameters of `build` become options of the command.
    """

    build: Callable[..., Any]


@dataclass(frozen=True)
class Session:
    """What the common options of one command came to."""

    endpoints_file: Path | None
    token_file: Path | None
    patience: float
    json: bool
    proxy: str = ""

    def endpoints(self) -> Endpoints:
        """The installation that this command talks to."""
        found = Endpoints.find(self.endpoints_file)
        return replace(found, proxy=self.proxy) if self.proxy else found

    def company(self, case_file: Path) -> sync.Company:
        """The holder of an existing case."""
        endpoints = self.endpoints()
        key = CaseFile.load(case_file, endpoints.origin).key
        return sync.Company(
            endpoints,
            key,
            receipts=ReceiptFolder.of(case_file),
            memory=Memory.load(case_file.with_name(DEFAULT.name), endpoints.origin),
            patience=self.patience,
            on_work=_show_work,
        )

    def new_company(self, case_file: Path, *, quiet: bool) -> sync.Company:
        """The holder of a case that starts now; its case file is made where there is none.

        Says what the file is and which words restore it, unless `quiet`.
        """
        if not case_file.exists():
            phrase = Phrase.generate()
            case = CaseFile.create(case_file, self.endpoints().origin, phrase)
            if not quiet:
                words.announce(case, phrase)
        return self.company(case_file)

    def authority(self, held: Held | None = None) -> sync.Authority:
        """An officer, with keys where the command needs them."""
        endpoints, token = self.endpoints(), self._token("AUTHORITY")
        keys, memory = held.load(endpoints, "AUTHORITY") if held else (NO_KEYS, None)
        return sync.Authority(endpoints, token, keys=keys, memory=memory, patience=self.patience)

    def custodian(self, held: Held | None = None) -> sync.Custodian:
        """A member of a custodian, with keys where the command needs them."""
        endpoints, token = self.endpoints(), self._token("CUSTODIAN")
        keys, memory = held.load(endpoints, "CUSTODIAN") if held else (NO_KEYS, None)
        return sync.Custodian(endpoints, token, keys=keys, memory=memory, patience=self.patience)

    def operator(self) -> sync.Ledger:
        """An operator, who may publish in the directory."""
        return sync.Ledger(self.endpoints(), self._token("OPERATOR"), patience=self.patience)

    def ngo(self) -> sync.Ngo:
        """A member of an NGO."""
        return sync.Ngo(self.endpoints(), self._token("NGO"), patience=self.patience)

    def _token(self, role: str) -> str:
        if self.token_file:
            return read_token(self.token_file)
        return os.environ.get("HARBOURLIGHT_TOKEN") or self.endpoints().token(role)


def _show_work(done: int, pieces: int, bits: int) -> None:
    """One line that grows on a terminal; in a log, one when it is done."""
    if sys.stderr.isatty():
        line = f"many come forward at once, solving a proof of work: {done} of {pieces}"
        typer.echo(f"\r{line}", err=True, nl=done == pieces)
    elif done == pieces:
        typer.echo(f"solved a proof of work of {bits} bits", err=True)


def _patience(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise typer.BadParameter(f"{text!r} is not a number of seconds; inf means for ever")
    return seconds


def _session(
    endpoints: Annotated[
        Path | None,
        typer.Option(
            envvar="HARBOURLIGHT_ENDPOINTS",
            help="Where the services are; else .harbourlight/endpoints.json here or further up.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="HARBOURLIGHT_TOKEN_FILE",
            help="Token of an officer or an NGO; else $HARBOURLIGHT_TOKEN, else the endpoints'.",
        ),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            parser=_patience,
            metavar="SECONDS",
            help="How long to go on trying while a service is away; inf for ever.",
        ),
    ] = PATIENCE,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one object per line in streams.")
    ] = False,
    proxy: Annotated[
        str,
        typer.Option(
            envvar="HARBOURLIGHT_PROXY",
            metavar="URL",
            help="socks5h://host:port that everything goes through; else the endpoints' proxy.",
        ),
    ] = "",
) -> Session:
    return Session(endpoints, token_file, patience, json, proxy)


SessionOptions = Annotated[Session, Group(_session)]
HeldOptions = Annotated[Held, Group(held)]


def command(app: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Registers a function as the command `name`; see Group for its parameters.

    Without a name it is what the group itself does, before any command of it.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        groups: dict[str, tuple[Group, list[inspect.Parameter]]] = {}
        flat: list[inspect.Parameter] = []
        for parameter in inspect.signature(function, eval_str=True).parameters.values():
            for mark in getattr(parameter.annotation, "__metadata__", ()):
                if isinstance(mark, Group):
                    groups[parameter.name] = (mark, _parameters(mark.build))
                    flat += _parameters(mark.build)
                    break
            else:
                flat.append(parameter)

        def run(**values: Any) -> None:
            as_json = bool(values.get("json"))
            try:
                built = {
                    name: group.build(**{key.name: values.pop(key.name) for key in keys})
                    for name, (group, keys) in groups.items()
                }
                function(**built, **values)
            except errors.Error as error:
                typer.echo(_describe(error, as_json), err=True)
                raise typer.Exit(_EXIT_CODES.get(type(error), 1)) from None

        run.__name__, run.__doc__ = function.__name__, function.__doc__
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in flat]
        )
        (app.command(name) if name else app.callback(invoke_without_command=True))(run)
        return function

    return register


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function, eval_str=True).parameters.values())


def _describe(error: errors.Error, as_json: bool) -> str:
    if not as_json:
        return f"harbourlight: {error}"
    content = {
        "code": error.code,
        "reason": error.reason,
        "message": error.message,
        "violations": [one._asdict() for one in error.violations],
    }
    return json_module.dumps({"error": content})


Code = Any
"""Type of an enum's value: the generated stubs name classes that do not exist when this runs."""


def enum_option(enum: EnumDescriptor, *flags: str, about: str) -> Any:
    """An option whose value is one of an enum's, typed without prefix and in any case."""

    def parse(text: str | int) -> int:
        # Typer hands in the default too.
        if isinstance(text, int):
            return text
        try:
            return enums.parse(enum, text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    choices = ", ".join(enums.names(enum))
    return typer.Option(*flags, parser=parse, metavar="CODE", help=f"{about}: {choices}.")


CaseOption = Annotated[
    Path,
    typer.Option("--case", envvar="HARBOURLIGHT_CASE", help="Case file, which holds the case key."),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", help="Say nothing of a new case file, nor show its words.")
]
EtagOption = Annotated[
    str, typer.Option("--etag", help="Refuse if the current etag is another; empty takes any.")
]
RequestIdOption = Annotated[
    str | None,
    typer.Option(
        "--request-id", help="UUID under which this takes effect once; made if not given."
    ),
]
DEFAULT_CASE = Path("case.json")
"""The case file where none is named."""
