"""What is owed to the people harmed: a plan of items, and where it stands."""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum

from shared.errors import not_found


class ItemState(StrEnum):
    """How far an item is."""

    PLANNED = "PLANNED"
    AGREED = "AGREED"
    IN_PROGRESS = "IN_PROGRESS"
    DELIVERED = "DELIVERED"
    VERIFIED = "VERIFIED"
    DISPUTED = "DISPUTED"
    CANCELLED = "CANCELLED"


class RemedyState(StrEnum):
    """Where a remedy stands. It follows from the items and is never set."""

    OPEN = "OPEN"
    PROPOSED = "PROPOSED"
    AGREED = "AGREED"
    CLOSED = "CLOSED"


_ENDED = (ItemState.VERIFIED, ItemState.CANCELLED)
_NOT_AGREED = (ItemState.PLANNED, ItemState.CANCELLED)
_DELIVERED = (ItemState.DELIVERED, ItemState.VERIFIED)


@dataclass(frozen=True)
class Item:
    """One thing to be done for people harmed. A new one is planned."""

    kind: str
    indicator: str
    due_date: str
    start_date: str = ""
    beneficiaries: int = 0
    amount: str = ""
    """Exact decimal; empty where money is not the measure."""
    currency_code: str = ""
    item_id: str = ""
    state: ItemState = ItemState.PLANNED
    agreed_on: str = ""
    method: str = ""
    verifier: str = ""
    """Kind of the verifier. It and the method are there while the item is verified."""
    dispute_reason: str = ""
    """What was wrong. It stays until the item is verified."""
    cancellation_reason: str = ""


@dataclass(frozen=True)
class CurrencyTotal:
    """Sums over the items of one currency. Amounts of two currencies are never added up."""

    currency_code: str
    agreed: str
    """What the desk agreed to, whatever became of it since, without what was cancelled."""
    delivered: str
    """What the company delivered and nobody disputes."""
    verified: str


@dataclass(frozen=True)
class Standing:
    """What follows from a remedy's items."""

    state: RemedyState
    unremedied: tuple[str, ...]
    totals: tuple[CurrencyTotal, ...]


@dataclass(frozen=True)
class Remedy:
    """The remedy of a case. It is there from the report on, and opened when a desk takes it up."""

    handle: str
    country: str
    sector: str
    desk: str
    indicators: tuple[str, ...]
    """Those found: each needs a verified item."""
    items: tuple[Item, ...] = ()
    verifiers: tuple[str, ...] = ()
    """Organisations that may verify and dispute, beside the desk."""
    referral_id: str = ""
    """The referral that a desk took up; empty: not opened yet."""
    ended: bool = False
    """That referral was rejected, cancelled or failed."""

    @property
    def opened(self) -> bool:
        """Whether a desk has taken the case up."""
        return bool(self.referral_id)

    @property
    def unremedied(self) -> tuple[str, ...]:
        """The indicators found that have no verified item."""
        verified = {item.indicator for item in self.items if item.state == ItemState.VERIFIED}
        return tuple(found for found in self.indicators if found not in verified)

    @property
    def state(self) -> RemedyState:
        """Where it stands."""
        states = {item.state for item in self.items}
        if self.opened and not self.unremedied and states.issubset(_ENDED):
            return RemedyState.CLOSED
        if ItemState.PLANNED in states:
            return RemedyState.PROPOSED
        if states <= {ItemState.CANCELLED}:
            return RemedyState.OPEN
        return RemedyState.AGREED

    @property
    def standing(self) -> Standing:
        """What follows from the items."""
        return Standing(self.state, self.unremedied, self._totals())

    def item(self, item_id: str) -> Item:
        """The item with this id. Raises Refusal (NOT_FOUND)."""
        for item in self.items:
            if item.item_id == item_id:
                return item
        raise not_found("remedy item")

    def _totals(self) -> tuple[CurrencyTotal, ...]:
        agreed = [item for item in self.items if item.amount and item.state not in _NOT_AGREED]
        return tuple(
            _total(currency, [item for item in agreed if item.currency_code == currency])
            for currency in sorted({item.currency_code for item in agreed})
        )


def _total(currency: str, agreed: list[Item]) -> CurrencyTotal:
    return CurrencyTotal(
        currency,
        _sum(agreed),
        _sum([item for item in agreed if item.state in _DELIVERED]),
        _sum([item for item in agreed if item.state == ItemState.VERIFIED]),
    )


def _sum(items: list[Item]) -> str:
    # Wide enough that no sum of contract amounts (18 digits, 4 places) is ever rounded.
    with localcontext(prec=60):
        return format(sum((Decimal(item.amount) for item in items), Decimal(0)), "f")
