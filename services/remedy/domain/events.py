"""What happened to a remedy. Numbers travel with their bands: who may see which is the contract's.

The names are those of the contract's events.
"""

from dataclasses import dataclass
from typing import Self

from services.remedy.domain.bands import headcount_band, money_band
from services.remedy.domain.remedy import Item, Remedy


@dataclass(frozen=True)
class Headcount:
    """A number of people, and the band it lies in."""

    exact: int
    band: str


@dataclass(frozen=True)
class Money:
    """An exact amount, and the band it lies in."""

    currency_code: str
    amount: str
    band: str


@dataclass(frozen=True)
class ItemFacts:
    """What an event says of one item."""

    item_id: str
    kind: str
    indicator: str
    state: str
    beneficiaries: Headcount
    amount: Money | None
    due_date: str


def facts(item: Item) -> ItemFacts:
    """The item as events tell it."""
    people = Headcount(item.beneficiaries, headcount_band(item.beneficiaries))
    amount = None
    if item.amount:
        amount = Money(item.currency_code, item.amount, money_band(item.amount))
    return ItemFacts(
        item.item_id, item.kind, item.indicator, item.state, people, amount, item.due_date
    )


@dataclass(frozen=True)
class _OfRemedy:
    handle: str
    country: str
    sector: str
    indicators: tuple[str, ...]

    @classmethod
    def of(cls, remedy: Remedy) -> Self:
        """That it happened to this remedy."""
        return cls(remedy.handle, remedy.country, remedy.sector, remedy.indicators)


class RemedyOpened(_OfRemedy):
    """A desk took the case up."""


class RemedyReopened(_OfRemedy):
    """What was closed is not any more."""


class RemedyClosed(_OfRemedy):
    """Every indicator found has a verified item, and nothing is left open."""


@dataclass(frozen=True)
class _OfPlan:
    handle: str
    country: str
    sector: str
    items: tuple[ItemFacts, ...]

    @classmethod
    def of(cls, remedy: Remedy, items: tuple[Item, ...]) -> Self:
        """That it happened to these items."""
        told = tuple(facts(item) for item in items)
        return cls(remedy.handle, remedy.country, remedy.sector, told)


class RemedyPlanProposed(_OfPlan):
    """The company proposed these items."""


class RemedyPlanAgreed(_OfPlan):
    """The desk agreed to these items."""


@dataclass(frozen=True)
class _OfItem:
    handle: str
    country: str
    sector: str
    item: ItemFacts


class RemedyItemStarted(_OfItem):
    """Work on the item began, or began again after a dispute."""


class RemedyItemDelivered(_OfItem):
    """The company says that the item is done."""


@dataclass(frozen=True)
class RemedyItemVerified(_OfItem):
    """Someone other than the company confirmed the item."""

    method: str
    verifier: str


@dataclass(frozen=True)
class RemedyItemDisputed(_OfItem):
    """Someone other than the company contested the item."""

    reason: str
    disputant: str


@dataclass(frozen=True)
class RemedyItemCancelled(_OfItem):
    """The desk cancelled the item."""

    reason: str
