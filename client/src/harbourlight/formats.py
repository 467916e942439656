"""Checks of single values that the contract names with its `format` option.

Each takes a non-empty value and returns what is wrong with it and what was expected, or None.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cache

import pycountry

from harbourlight import codes, facility, handle
from harbourlight.options.v1 import options_pb2 as options


@cache
def _countries() -> frozenset[str]:
    return frozenset(country.alpha_2 for country in pycountry.countries)


@cache
def _currencies() -> frozenset[str]:
    return frozenset(currency.alpha_3 for currency in pycountry.currencies)


def _not_listed(value: str, listed: Iterable[str], what: str) -> str:
    near = difflib.get_close_matches(value, listed, n=1)
    return f"{value!r} is not {what}" + (f"; did you mean {near[0]!r}?" if near else "")


def _country(value: str) -> str | None:
    if value in _countries():
        return None
    return _not_listed(value, _countries(), "an ISO 3166-1 alpha-2 country code, such as MY")


def _sector(value: str) -> str | None:
    if value in codes.sectors():
        return None
    return _not_listed(value, codes.sectors(), "an ISIC section, ISIC_A to ISIC_U")


def _indicator(value: str) -> str | None:
    if value in codes.ilo_indicators() or value in codes.operational_indicators():
        return None
    listed = [*codes.ilo_indicators(), *codes.operational_indicators()]
    return _not_listed(value, listed, "an ILO indicator or an operational one (DIMENSION/CODE)")


def _currency(value: str) -> str | None:
    if value in _currencies():
        return None
    return _not_listed(value, _currencies(), "an ISO 4217 currency code, such as EUR")


def _date(value: str) -> str | None:
    problem = f"{value!r} is not a calendar date written YYYY-MM-DD"
    if len(value) != len("YYYY-MM-DD"):
        return problem
    try:
        date.fromisoformat(value)
    except ValueError:
        return problem
    return None


def _past_date(value: str) -> str | None:
    if problem := _date(value):
        return problem
    today = datetime.now(UTC).date()
    if date.fromisoformat(value) > today:
        return f"{value} is in the future: today is {today} in UTC"
    return None


CHECKS: Mapping[int, Callable[[str], str | None]] = {
    options.FORMAT_HANDLE: handle.problem,
    options.FORMAT_COUNTRY: _country,
    options.FORMAT_SECTOR: _sector,
    options.FORMAT_INDICATOR: _indicator,
    options.FORMAT_DATE: _date,
    options.FORMAT_PAST_DATE: _past_date,
    options.FORMAT_CURRENCY: _currency,
    options.FORMAT_FACILITY: facility.problem,
}
"""Format of the contract -> its check."""
