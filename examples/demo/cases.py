"""The twelve public cases as a company would report and remedy them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harbourlight import codes
from harbourlight.enums import words
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.types.v1 import types_pb2 as types

PUBLIC_CASES = Path(__file__).parents[1] / "public_cases.json"
REMEDY_DAYS = 180

# What usually remedies an indicator, where the public source names nothing.
_USUAL = {
    "ABUSE_OF_VULNERABILITY": "APOLOGY_OR_ACKNOWLEDGEMENT",
    "DECEPTION": "COMPENSATION",
    "RESTRICTION_OF_MOVEMENT": "GUARANTEE_OF_NON_REPETITION",
    "ISOLATION": "SAFE_RETURN_OR_RESIDENCE",
    "PHYSICAL_AND_SEXUAL_VIOLENCE": "MEDICAL_OR_PSYCHOSOCIAL_CARE",
    "INTIMIDATION_AND_THREATS": "LEGAL_AID",
    "RETENTION_OF_IDENTITY_DOCUMENTS": "RETURN_OF_DOCUMENTS",
    "WITHHOLDING_OF_WAGES": "BACK_WAGES",
    "DEBT_BONDAGE": "RECRUITMENT_FEE_REPAYMENT",
    "ABUSIVE_WORKING_AND_LIVING_CONDITIONS": "HOUSING_AND_LIVING_CONDITIONS",
    "EXCESSIVE_OVERTIME": "REINSTATEMENT_OR_ALTERNATIVE_WORK",
}


@dataclass(frozen=True)
class PublicCase:
    """One case of the file."""

    id: str
    facts: types.ReportFacts
    items: tuple[remedy.ItemProposal, ...]
    title: str
    """What it is about, in a line."""


def read() -> list[PublicCase]:
    """The cases, in the file's order."""
    return [_case(row) for row in json.loads(PUBLIC_CASES.read_text(encoding="utf-8"))["cases"]]


def _case(row: dict[str, Any]) -> PublicCase:
    facts = types.ReportFacts(
        country=row["country"],
        sector=row["sector"],
        exploitation_type=types.ExploitationType.Value(
            f"EXPLOITATION_TYPE_{row['exploitation_type']}"
        ),
        child_involved=types.ChildInvolvement.Value(f"CHILD_INVOLVEMENT_{_child(row)}"),
        ongoing_danger=row.get("ongoing_danger", False),
        indicators=row["indicators"],
        money_trail=row.get("money_trail", False),
    )
    kind = words(types.ExploitationType.DESCRIPTOR, facts.exploitation_type)
    people = f", {row['people_affected']:,} people" if "people_affected" in row else ""
    sector = codes.sectors()[row["sector"]].lower()
    title = f"{kind} in {sector}, {row['country']}{people}"
    return PublicCase(row["id"], facts, tuple(_items(row)), title)


def _child(row: dict[str, Any]) -> str:
    return row.get("child_involved", "YES" if row.get("children") else "NO")


def _items(row: dict[str, Any]) -> list[remedy.ItemProposal]:
    """What the source says was done, then what usually remedies each indicator left."""
    left = list(row["indicators"])
    found = []
    for done in row.get("remedy", ()):
        fitting = [code for code in left if _USUAL[code] == done["kind"]]
        indicator = (fitting or left or row["indicators"])[0]
        if indicator in left:
            left.remove(indicator)
        found.append(_item(row, done["kind"], indicator, done))
    return found + [_item(row, _USUAL[code], code, {}) for code in left]


def _item(
    row: dict[str, Any], kind: str, indicator: str, done: dict[str, Any]
) -> remedy.ItemProposal:
    due = datetime.now(UTC).date() + timedelta(days=REMEDY_DAYS)
    return remedy.ItemProposal(
        kind=types.RemedyKind.Value(f"REMEDY_KIND_{kind}"),
        indicator=types.Indicator.Value(f"INDICATOR_{indicator}"),
        beneficiaries=row.get("people_affected", 0),
        amount=done.get("amount", ""),
        currency_code=done.get("currency", ""),
        due_date=due.isoformat(),
    )
