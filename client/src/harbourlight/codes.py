"""Code lists that requests are checked against. The files beside this module name their sources."""

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Indicator(NamedTuple):
    """An operational indicator of trafficking (ILO and European Commission, 2009)."""

    dimension: str
    code: str
    weight_adult: str
    """S(trong), M(edium), W(eak) or - for none."""
    weight_child: str
    ilo: str
    """The one of the ILO's eleven that it stands for."""


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one of the package's CSV files; lines that start with # are remarks."""
    text = files("harbourlight").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


@cache
def sectors() -> dict[str, str]:
    """ISIC section code -> its name."""
    return {row["code"]: row["label"] for row in rows("sectors.csv")}


@cache
def ilo_indicators() -> dict[str, str]:
    """Code of each of the ILO's eleven indicators -> its name."""
    return {row["code"]: row["label"] for row in rows("ilo_indicators.csv")}


@cache
def operational_indicators() -> dict[str, Indicator]:
    """DIMENSION/CODE -> the operational indicator."""
    return {
        f"{row['dimension']}/{row['code']}": Indicator(
            row["dimension"],
            row["code"],
            row["weight_adult"],
            row["weight_child"],
            row["ilo11_indicator"],
        )
        for row in rows("operational_indicators.csv")
    }


class LegalBasis(NamedTuple):
    """What a request to unseal an identity may be founded on."""

    label: str
    source: str
    """Where it is written."""


@cache
def legal_bases() -> dict[str, LegalBasis]:
    """Code of each legal basis, as the contract's enum has them -> what it is."""
    return {row["code"]: LegalBasis(row["label"], row["source"]) for row in rows("legal_bases.csv")}


def ilo_of(indicator: str) -> str:
    """The one of the ILO's eleven that a reported code, operational or ILO, stands for.

    Raises KeyError where the code is in neither list.
    """
    if indicator in ilo_indicators():
        return indicator
    return operational_indicators()[indicator].ilo
