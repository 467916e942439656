"""The facts of a report, as options or from a JSON file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from google.protobuf import json_format
from google.protobuf.message import Message

from harbourlight import enums
from harbourlight.cli.command import Code, Group, enum_option
from harbourlight.errors import BadFile
from harbourlight.types.v1 import types_pb2 as types

M = TypeVar("M", bound=Message)

FactsChange = Callable[[types.ReportFacts], types.ReportFacts]
"""Facts as they were -> as the options say, where they say something."""

CountryOption = Annotated[
    str | None, typer.Option("--country", help="Country of the site, ISO 3166-1 alpha-2: MY.")
]
SectorOption = Annotated[
    str | None, typer.Option("--sector", help="ISIC section of the site: ISIC_C.")
]
TypeOption = Annotated[
    Code | None,
    enum_option(types.ExploitationType.DESCRIPTOR, "--type", about="Kind of exploitation"),
]


def read_json(path: Path, message: type[M]) -> M:
    """A message from a JSON file; enum values may lack their prefix. Raises BadFile."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(f"cannot read {path}: {error}") from None
    return from_data(data, message, str(path))


def from_data(data: Any, message: type[M], source: str) -> M:
    """A message from JSON data. Raises BadFile, naming source and field, where it does not fit."""
    if not isinstance(data, dict):
        raise BadFile(f"{source} is no {message.DESCRIPTOR.name}: a JSON object is expected")
    try:
        return json_format.ParseDict(enums.expand(message.DESCRIPTOR, data), message())
    except (ValueError, json_format.ParseError) as error:
        raise BadFile(f"{source} is no {message.DESCRIPTOR.name}: {error}") from None


def _facts(
    country: CountryOption = None,
    sector: SectorOption = None,
    exploitation_type: TypeOption = None,
    child: Annotated[
        Code | None,
        enum_option(
            types.ChildInvolvement.DESCRIPTOR,
            "--child",
            about="Whether a child is involved; not sure counts as yes",
        ),
    ] = None,
    indicator: Annotated[
        list[str] | None,
        typer.Option(
            help="What was seen, again for each: one of the ILO's eleven (DEBT_BONDAGE) or an "
            "operational indicator (EXPLOITATION/LOW_OR_NO_SALARY)."
        ),
    ] = None,
    danger: Annotated[
        bool | None, typer.Option("--danger/--no-danger", help="People are in danger now.")
    ] = None,
    money_trail: Annotated[
        bool | None, typer.Option("--money-trail/--no-money-trail", help="Payments can be traced.")
    ] = None,
    whistleblower: Annotated[
        bool | None,
        typer.Option("--whistleblower/--no-whistleblower", help="A whistleblower spoke first."),
    ] = None,
    whistleblower_on: Annotated[
        str | None, typer.Option(help="Day on which the whistleblower spoke, YYYY-MM-DD.")
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE.json", help="Facts as JSON; options override it."),
    ] = None,
) -> FactsChange:
    file = read_json(from_file, types.ReportFacts) if from_file else None
    if whistleblower is False and whistleblower_on is None:
        whistleblower_on = ""
    given = {
        "country": country,
        "sector": sector,
        "exploitation_type": exploitation_type,
        "child_involved": child,
        "ongoing_danger": danger,
        "money_trail": money_trail,
        "from_whistleblower": whistleblower,
        "whistleblower_reported_on": whistleblower_on,
    }

    def change(facts: types.ReportFacts) -> types.ReportFacts:
        changed = types.ReportFacts()
        changed.CopyFrom(file or facts)
        for field, value in given.items():
            if value is not None:
                setattr(changed, field, value)
        if indicator:
            changed.indicators[:] = indicator
        return changed

    return change


FactsOptions = Annotated[FactsChange, Group(_facts)]
