"""Remedies to test with."""

from dataclasses import replace
from datetime import date

from hypothesis import strategies as st

from services.remedy.domain import rules
from services.remedy.domain.remedy import Item, Remedy

TODAY = date(2026, 3, 2)
HANDLE = "HL-0000000000000000-0"
DEBT, WAGES, THREATS = "DEBT_BONDAGE", "WITHHOLDING_OF_WAGES", "INTIMIDATION_AND_THREATS"

amounts = st.one_of(
    st.just(""),
    st.from_regex(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,4})?", fullmatch=True),
)
headcounts = st.integers(0, 10_000_000)


def report(*indicators: str, country: str = "MY") -> rules.Report:
    """What a report says of remedy."""
    return rules.Report(rules.Facts(country, "ISIC_C"), indicators, "LABOUR_INSPECTORATE")


def opened(*indicators: str) -> Remedy:
    """A remedy that a desk has taken up."""
    filed = rules.file_report(HANDLE, report(*indicators)).state
    return rules.accept_referral(filed, referral_id="r-1", desk="LABOUR_INSPECTORATE").state


def item(item_id: str, indicator: str = DEBT, amount: str = "", currency: str = "MYR") -> Item:
    """A new item."""
    return Item(
        "BACK_WAGES",
        indicator,
        "2026-09-30",
        beneficiaries=40,
        amount=amount,
        currency_code=currency if amount else "",
        item_id=item_id,
    )


def planned(*items: Item, found: tuple[str, ...] = (DEBT,)) -> Remedy:
    """An opened remedy with these items."""
    return rules.propose_plan(opened(*found), items=items, today=TODAY).state


def agreed(*items: Item, found: tuple[str, ...] = (DEBT,)) -> Remedy:
    """An opened remedy whose items the desk agreed to."""
    plan = planned(*items, found=found)
    return rules.agree_plan(plan, verifiers=("anti-slavery-fund",), today=TODAY).state


def at(state: str, remedy: Remedy, item_id: str) -> Remedy:
    """The remedy with one item in another state, however it came there."""
    items = tuple(
        replace(one, state=state) if one.item_id == item_id else one for one in remedy.items
    )
    return replace(remedy, items=items)


def delivered(*items: Item, found: tuple[str, ...] = (DEBT,)) -> Remedy:
    """An opened remedy whose items the company delivered."""
    remedy = agreed(*items, found=found)
    for one in items:
        for state in ("IN_PROGRESS", "DELIVERED"):
            remedy = rules.record_progress(remedy, item_id=one.item_id, state=state).state
    return remedy


def verify(remedy: Remedy, item_id: str) -> Remedy:
    """The remedy with that item verified."""
    return rules.verify_item(remedy, item_id=item_id, method="SITE_VISIT", verifier="NGO").state
