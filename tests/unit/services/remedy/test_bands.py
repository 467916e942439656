from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight.options.v1 import options_pb2 as options
from harbourlight.remedy.v1 import events_pb2
from services.remedy.domain import events
from services.remedy.domain.bands import headcount_band, money_band
from services.remedy.domain.remedy import Item
from shared import translate
from shared.redaction import redact

from .build import amounts, headcounts, planned

exact_amounts = amounts.filter(bool)


@pytest.mark.parametrize(
    ("people", "band"),
    [
        (0, "0"),
        (1, "1-4"),
        (4, "1-4"),
        (5, "5-19"),
        (19, "5-19"),
        (20, "20-99"),
        (99, "20-99"),
        (100, "100-499"),
        (499, "100-499"),
        (500, "500-1999"),
        (1999, "500-1999"),
        (2000, "2000+"),
        (10_000_000, "2000+"),
    ],
)
def test_bands_of_people(people: int, band: str) -> None:
    assert headcount_band(people) == band


@pytest.mark.parametrize(
    ("amount", "band"),
    [
        ("0", "under 1000"),
        ("999.9999", "under 1000"),
        ("1000", "1000-9999"),
        ("734000.00", "100000-999999"),
        ("999999.99", "100000-999999"),
        ("1000000", "1000000-9999999"),
    ],
)
def test_bands_of_money(amount: str, band: str) -> None:
    assert money_band(amount) == band


def _limits(band: str) -> tuple[int, int | None]:
    if band.startswith("under "):
        return 0, int(band.removeprefix("under ")) - 1
    if band.endswith("+"):
        return int(band[:-1]), None
    first, _, last = band.partition("-")
    return int(first), int(last or first)


@given(headcounts)
def test_the_band_contains_the_people(people: int) -> None:
    first, last = _limits(headcount_band(people))
    assert first <= people
    assert last is None or people <= last


@given(exact_amounts)
def test_the_band_contains_the_amount(amount: str) -> None:
    first, last = _limits(money_band(amount))
    assert last is not None
    assert first <= Decimal(amount) < last + 1


def _as_ngos_see_it(item: Item) -> events_pb2.RemedyPlanProposed:
    event = events.RemedyPlanProposed.of(planned(), (item,))
    message = translate.to_message(event, events_pb2.RemedyPlanProposed)
    return redact(message, options.AUDIENCE_NGO)


def _item(people: int, amount: str) -> Item:
    return Item(
        "BACK_WAGES",
        "DEBT_BONDAGE",
        "2026-09-30",
        beneficiaries=people,
        amount=amount,
        currency_code="MYR" if amount else "",
        item_id="f0f0f0f0-0000-4000-8000-000000000000",
    )


@given(headcounts, amounts)
def test_an_ngo_sees_bands_and_neither_number_nor_case(people: int, amount: str) -> None:
    seen = _as_ngos_see_it(_item(people, amount))
    (told,) = seen.items
    assert told.beneficiaries.exact == 0
    assert told.beneficiaries.band == headcount_band(people)
    assert told.amount.amount == ""
    assert told.amount.band == (money_band(amount) if amount else "")
    assert (seen.handle, told.item_id, told.due_date) == ("", "", "")


_HEADCOUNTS = [(0, 0), (1, 4), (5, 19), (20, 99), (100, 499), (500, 1999), (2000, 10**7)]
_AMOUNTS = [(0, 999), *((10**power, 10 ** (power + 1) - 1) for power in range(3, 18))]


def pairs_within(bands: list[tuple[int, int]]) -> st.SearchStrategy[tuple[int, int]]:
    """Two numbers of one band."""
    return st.sampled_from(bands).flatmap(
        lambda band: st.tuples(st.integers(*band), st.integers(*band))
    )


@given(pairs_within(_HEADCOUNTS), pairs_within(_AMOUNTS), st.integers(0, 9999))
def test_numbers_of_one_band_look_the_same_to_an_ngo(
    people: tuple[int, int], amounts: tuple[int, int], more: int
) -> None:
    one = str(amounts[0])
    other = format(Decimal(amounts[1]) + Decimal(more) / 10_000, "f")
    assert _as_ngos_see_it(_item(people[0], one)) == _as_ngos_see_it(_item(people[1], other))
