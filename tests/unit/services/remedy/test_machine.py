"""No sequence of commands leads a remedy to where the design does not."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harbourlight.remedy.v1 import events_pb2, remedy_pb2
from services.remedy import handlers, store
from services.remedy.domain import rules
from services.remedy.domain.remedy import Item, Remedy
from shared import contract, translate
from shared.decisions import Decision
from shared.errors import Refusal

from .build import DEBT, HANDLE, THREATS, TODAY, WAGES, amounts, report

NOW = datetime(2026, 3, 2, tzinfo=UTC)
_INDICATORS = (DEBT, WAGES, THREATS)
_NAMED_BY_THE_DESIGN = {
    ("PLANNED", "AGREED"),
    ("AGREED", "IN_PROGRESS"),
    ("DISPUTED", "IN_PROGRESS"),
    ("IN_PROGRESS", "DELIVERED"),
    ("DELIVERED", "VERIFIED"),
    ("DELIVERED", "DISPUTED"),
    ("VERIFIED", "DISPUTED"),
    ("PLANNED", "CANCELLED"),
    ("AGREED", "CANCELLED"),
    ("IN_PROGRESS", "CANCELLED"),
    ("DELIVERED", "CANCELLED"),
    ("DISPUTED", "CANCELLED"),
}

found = st.lists(st.sampled_from(_INDICATORS), min_size=1, unique=True).map(tuple)
proposals = st.builds(
    lambda indicator, people, amount, currency: Item(
        "BACK_WAGES",
        indicator,
        "2026-09-30",
        beneficiaries=people,
        amount=amount,
        currency_code=currency if amount else "",
    ),
    st.sampled_from(_INDICATORS),
    st.integers(0, 3000),
    amounts,
    st.sampled_from(["MYR", "EUR"]),
)
which = st.integers(0, 9)


class Remedies(RuleBasedStateMachine):
    """Every party tries everything on one remedy, allowed or not."""

    def __init__(self) -> None:
        super().__init__()
        self.remedy = rules.file_report(HANDLE, report(DEBT)).state
        self.made = 0
        self.told: dict[str, str] = {}
        self.told_closed = False

    def try_it(self, decide: Callable[[], Decision[Remedy]], *, company: bool = False) -> None:
        before = self.remedy
        try:
            decision = decide()
        except Refusal:
            return
        self.remedy = decision.state
        self.check_steps(before, self.remedy, company)
        for event in decision.events:
            self.take_in(event)

    def check_steps(self, before: Remedy, after: Remedy, company: bool) -> None:
        was = {item.item_id: str(item.state) for item in before.items}
        now = {item.item_id: str(item.state) for item in after.items}
        for item_id in was.keys() - now.keys():
            assert was[item_id] == "PLANNED"
        for item_id in now.keys() - was.keys():
            assert now[item_id] == "PLANNED"
        for item_id in now.keys() & was.keys():
            step = (was[item_id], now[item_id])
            assert step[0] == step[1] or step in _NAMED_BY_THE_DESIGN
            if step[0] != step[1]:
                assert not (company and now[item_id] in ("AGREED", "VERIFIED", "CANCELLED"))
        closed = remedy_closed(before), remedy_closed(after)
        assert not (company and closed == (False, True))

    def take_in(self, event: Any) -> None:
        """What a party knows that has nothing but the events, as the contract carries them."""
        message: Any = handlers.EMITTER.outgoing(event, HANDLE, NOW).event
        kind = contract.event_type(message.DESCRIPTOR.full_name)
        assert kind is not None
        name = type(message).__name__
        if name in ("RemedyOpened", "RemedyReopened", "RemedyClosed"):
            self.told_closed = name == "RemedyClosed"
            assert len(message.indicators) == len(self.remedy.indicators)
        if isinstance(message, events_pb2.RemedyPlanProposed):
            planned = [key for key, state in self.told.items() if state == "PLANNED"]
            for item_id in planned:
                del self.told[item_id]
        items = getattr(message, "items", None) or [getattr(message, "item", None)]
        for facts in items:
            if facts is not None:
                self.told[facts.item_id] = translate.enum_of(facts, "state")

    def nth(self, which: int) -> str:
        items = self.remedy.items
        return items[which % len(items)].item_id if items else "none"

    @initialize(opened=st.booleans())
    def file(self, opened: bool) -> None:
        if opened:
            self.accept()

    @rule(items=st.lists(proposals, min_size=1, max_size=3))
    def propose(self, items: list[Item]) -> None:
        named = []
        for one in items:
            self.made += 1
            named.append(Item(**{**vars(one), "item_id": f"{self.made:032x}"}))
        self.try_it(lambda: rules.propose_plan(self.remedy, items=named, today=TODAY), company=True)

    @rule()
    def agree(self) -> None:
        self.try_it(lambda: rules.agree_plan(self.remedy, verifiers=("workers-aid",), today=TODAY))

    @rule(which=which, state=st.sampled_from(["IN_PROGRESS", "DELIVERED"]))
    def progress(self, which: int, state: str) -> None:
        self.try_it(
            lambda: rules.record_progress(self.remedy, item_id=self.nth(which), state=state),
            company=True,
        )

    @rule(which=which)
    def start_and_deliver(self, which: int) -> None:
        self.progress(which, "IN_PROGRESS")
        self.verify(which, "NGO")
        self.progress(which, "DELIVERED")

    @rule(which=which, kind=st.sampled_from([*rules.VERIFIERS, "COMPANY"]))
    def verify(self, which: int, kind: str) -> None:
        self.try_it(
            lambda: rules.verify_item(
                self.remedy, item_id=self.nth(which), method="SITE_VISIT", verifier=kind
            ),
            company=kind == "COMPANY",
        )

    @rule(one=proposals)
    def carry_everything_out(self, one: Item) -> None:
        self.propose([one])
        self.agree()
        for place in range(len(self.remedy.items)):
            self.start_and_deliver(place)
            self.verify(place, "NGO")

    @rule(which=which, kind=st.sampled_from([*rules.VERIFIERS, "COMPANY"]))
    def dispute(self, which: int, kind: str) -> None:
        self.try_it(
            lambda: rules.dispute_item(
                self.remedy, item_id=self.nth(which), reason="INCOMPLETE", disputant=kind
            ),
            company=kind == "COMPANY",
        )

    @rule(which=which)
    def cancel(self, which: int) -> None:
        self.try_it(
            lambda: rules.cancel_item(self.remedy, item_id=self.nth(which), reason="REPLACED")
        )

    @rule(indicators=found)
    def amend(self, indicators: tuple[str, ...]) -> None:
        self.try_it(lambda: rules.amend_report(self.remedy, report(*indicators)), company=True)

    @precondition(lambda self: not self.remedy.opened or self.remedy.ended)
    @rule()
    def accept(self) -> None:
        self.try_it(lambda: rules.accept_referral(self.remedy, referral_id="r-1", desk="POLICE"))

    @rule(referral=st.sampled_from(["r-1", "r-2"]))
    def end(self, referral: str) -> None:
        self.try_it(lambda: rules.end_referral(self.remedy, referral_id=referral))

    @invariant()
    def it_is_closed_when_every_indicator_has_a_verified_item_and_nothing_is_open(self) -> None:
        assert (self.remedy.state == "CLOSED") == remedy_closed(self.remedy)

    @invariant()
    def whoever_follows_the_events_knows_where_it_stands(self) -> None:
        assert self.told == {one.item_id: str(one.state) for one in self.remedy.items}
        assert self.told_closed == (self.remedy.state == "CLOSED")

    @invariant()
    def a_verified_item_has_a_verifier_who_is_not_the_company(self) -> None:
        for item in self.remedy.items:
            assert (item.verifier in rules.VERIFIERS) == (item.state == "VERIFIED")

    @invariant()
    def totals_are_the_sums_of_the_items_of_each_currency(self) -> None:
        counted = ("AGREED", "IN_PROGRESS", "DELIVERED", "VERIFIED", "DISPUTED")
        items = [one for one in self.remedy.items if one.amount and one.state in counted]
        totals = self.remedy.standing.totals
        assert {one.currency_code for one in totals} == {one.currency_code for one in items}
        for total in totals:
            mine = [one for one in items if one.currency_code == total.currency_code]
            assert Decimal(total.agreed) == _sum(mine, counted)
            assert Decimal(total.delivered) == _sum(mine, ("DELIVERED", "VERIFIED"))
            assert Decimal(total.verified) == _sum(mine, ("VERIFIED",))

    @invariant()
    def a_row_holds_all_of_it(self) -> None:
        assert store.REMEDIES.read(store.REMEDIES.body(self.remedy)) == self.remedy

    @invariant()
    def its_company_sees_what_follows_from_the_items(self) -> None:
        seen = handlers.view(self.remedy, 7)
        assert isinstance(seen, remedy_pb2.Remedy)
        assert translate.enum_of(seen, "state") == self.remedy.state
        assert len(seen.unremedied) == len(self.remedy.unremedied)
        assert seen.etag == "7"


def remedy_closed(remedy: Remedy) -> bool:
    """The design's own words for it."""
    states = [(one.indicator, str(one.state)) for one in remedy.items]
    return (
        remedy.opened
        and all((indicator, "VERIFIED") in states for indicator in remedy.indicators)
        and all(state in ("VERIFIED", "CANCELLED") for _, state in states)
    )


def _sum(items: list[Item], states: tuple[str, ...]) -> Decimal:
    # In ten-thousandths, the smallest the contract knows, and so in whole numbers.
    parts = [int(Decimal(one.amount).scaleb(4)) for one in items if one.state in states]
    return Decimal(sum(parts)).scaleb(-4)


TestRemedies = Remedies.TestCase
