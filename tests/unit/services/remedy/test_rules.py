from collections.abc import Callable
from datetime import date

import pytest

from services.remedy.domain import events, rules
from services.remedy.domain.remedy import CurrencyTotal, ItemState, Remedy, RemedyState
from shared.decisions import Decision
from shared.errors import Kind, Refusal

from .build import (
    DEBT,
    HANDLE,
    THREATS,
    TODAY,
    WAGES,
    agreed,
    at,
    delivered,
    item,
    opened,
    planned,
    report,
    verify,
)


def _names(decision: Decision[Remedy]) -> list[str]:
    return [type(event).__name__ for event in decision.events]


def _states(remedy: Remedy) -> dict[str, str]:
    return {one.item_id: str(one.state) for one in remedy.items}


class TestOpening:
    def test_a_report_alone_opens_nothing(self) -> None:
        decision = rules.file_report(HANDLE, report(DEBT, WAGES))
        assert decision.events == ()
        assert decision.state.indicators == (DEBT, WAGES)
        assert not decision.state.opened
        assert decision.state.state == RemedyState.OPEN
        assert rules.file_report(HANDLE, report()).state.state == RemedyState.OPEN

    def test_a_desk_that_takes_the_case_up_opens_it(self) -> None:
        filed = rules.file_report(HANDLE, report(DEBT)).state
        decision = rules.accept_referral(filed, referral_id="r-1", desk="POLICE")
        assert decision.events == (events.RemedyOpened(HANDLE, "MY", "ISIC_C", (DEBT,)),)
        assert decision.state.desk == "POLICE"

    def test_another_desk_takes_it_over_as_it_is(self) -> None:
        decision = rules.accept_referral(agreed(item("a")), referral_id="r-2", desk="POLICE")
        assert decision.events == ()
        assert decision.state.desk == "POLICE"
        assert _states(decision.state) == {"a": "AGREED"}

    def test_before_that_nothing_can_be_proposed(self) -> None:
        filed = rules.file_report(HANDLE, report(DEBT)).state
        with pytest.raises(Refusal, match=r"not opened yet.*wait until a desk accepts") as refused:
            rules.propose_plan(filed, items=[item("a")], today=TODAY)
        assert refused.value.kind == Kind.WRONG_STATE

    def test_a_case_without_report_has_no_remedy(self) -> None:
        with pytest.raises(Refusal) as refused:
            rules.propose_plan(None, items=[item("a")], today=TODAY)
        assert refused.value.kind == Kind.NOT_FOUND


class TestProposing:
    def test_it_replaces_what_is_planned_and_keeps_what_is_agreed(self) -> None:
        first = agreed(item("a"))
        second = rules.propose_plan(first, items=[item("b")], today=TODAY).state
        third = rules.propose_plan(second, items=[item("c"), item("d")], today=TODAY)
        assert _states(third.state) == {"a": "AGREED", "c": "PLANNED", "d": "PLANNED"}
        assert third.state.state == RemedyState.PROPOSED
        (event,) = third.events
        assert [one.item_id for one in event.items] == ["c", "d"]

    def test_each_fault_is_named_at_its_place(self) -> None:
        items = [item("a"), item("b", THREATS), item("c", WAGES)]
        with pytest.raises(Refusal) as refused:
            rules.propose_plan(opened(DEBT), items=items, today=date(2027, 1, 1))
        assert refused.value.kind == Kind.INVALID
        assert [fault.field for fault in refused.value.violations] == [
            "items[0].due_date",
            "items[1].indicator",
            "items[1].due_date",
            "items[2].indicator",
            "items[2].due_date",
        ]

    def test_an_item_may_be_due_today(self) -> None:
        decision = rules.propose_plan(opened(DEBT), items=[item("a")], today=date(2026, 9, 30))
        assert _names(decision) == ["RemedyPlanProposed"]

    def test_more_than_was_owed_reopens_a_closed_remedy(self) -> None:
        closed = verify(delivered(item("a")), "a")
        decision = rules.propose_plan(closed, items=[item("b")], today=TODAY)
        assert _names(decision) == ["RemedyPlanProposed", "RemedyReopened"]


class TestAgreeing:
    def test_every_planned_item_is_agreed_and_verifiers_are_added(self) -> None:
        first = agreed(item("a"))
        second = rules.propose_plan(first, items=[item("b")], today=TODAY).state
        decision = rules.agree_plan(
            second, verifiers=("workers-aid", "anti-slavery-fund"), today=TODAY
        )
        assert _states(decision.state) == {"a": "AGREED", "b": "AGREED"}
        assert decision.state.verifiers == ("anti-slavery-fund", "workers-aid")
        assert {one.agreed_on for one in decision.state.items} == {"2026-03-02"}
        (event,) = decision.events
        assert [one.item_id for one in event.items] == ["b"]

    def test_there_must_be_a_plan(self) -> None:
        with pytest.raises(Refusal, match="wait until the company proposes") as refused:
            rules.agree_plan(opened(DEBT), verifiers=(), today=TODAY)
        assert refused.value.kind == Kind.WRONG_STATE


_DOES: dict[str, Callable[[Remedy], Decision[Remedy]]] = {
    "IN_PROGRESS": lambda r: rules.record_progress(r, item_id="a", state="IN_PROGRESS"),
    "DELIVERED": lambda r: rules.record_progress(r, item_id="a", state="DELIVERED"),
    "VERIFIED": lambda r: rules.verify_item(
        r, item_id="a", method="SITE_VISIT", verifier="AUTHORITY"
    ),
    "DISPUTED": lambda r: rules.dispute_item(r, item_id="a", reason="INCOMPLETE", disputant="NGO"),
    "CANCELLED": lambda r: rules.cancel_item(r, item_id="a", reason="REPLACED"),
}
_FROM = {
    "IN_PROGRESS": {"AGREED", "DISPUTED"},
    "DELIVERED": {"IN_PROGRESS"},
    "VERIFIED": {"DELIVERED"},
    "DISPUTED": {"DELIVERED", "VERIFIED"},
    "CANCELLED": {"PLANNED", "AGREED", "IN_PROGRESS", "DISPUTED", "DELIVERED"},
}


class TestItems:
    @pytest.mark.parametrize("state", list(ItemState))
    @pytest.mark.parametrize("target", _DOES)
    def test_the_steps_of_an_item(self, state: ItemState, target: str) -> None:
        remedy = at(state, planned(item("a")), "a")
        if state in _FROM[target]:
            assert _states(_DOES[target](remedy).state) == {"a": target}
            return
        with pytest.raises(Refusal, match=f"the item is {state}: cannot .* it; allowed") as refused:
            _DOES[target](remedy)
        assert refused.value.kind == Kind.WRONG_STATE

    @pytest.mark.parametrize("kind", ["COMPANY", "OPERATOR", "PUBLIC", ""])
    def test_the_company_neither_verifies_nor_disputes(self, kind: str) -> None:
        remedy = delivered(item("a"))
        with pytest.raises(Refusal, match="never for the one who owes it") as refused:
            rules.verify_item(remedy, item_id="a", method="SITE_VISIT", verifier=kind)
        assert refused.value.kind == Kind.DENIED
        with pytest.raises(Refusal) as refused:
            rules.dispute_item(remedy, item_id="a", reason="INCOMPLETE", disputant=kind)
        assert refused.value.kind == Kind.DENIED

    @pytest.mark.parametrize("verifier", rules.VERIFIERS)
    def test_a_verified_item_says_how_and_by_whom(self, verifier: str) -> None:
        decision = rules.verify_item(
            delivered(item("a")), item_id="a", method="SITE_VISIT", verifier=verifier
        )
        (one,) = decision.state.items
        assert (one.method, one.verifier) == ("SITE_VISIT", verifier)
        assert (decision.events[0].method, decision.events[0].verifier) == ("SITE_VISIT", verifier)

    def test_a_dispute_undoes_the_verification_and_its_reason_stays_until_the_next(self) -> None:
        verified = verify(delivered(item("a")), "a")
        disputed = rules.dispute_item(
            verified, item_id="a", reason="RETALIATION", disputant="NGO"
        ).state
        (one,) = disputed.items
        assert (one.method, one.verifier, one.dispute_reason) == ("", "", "RETALIATION")
        again = rules.record_progress(disputed, item_id="a", state="IN_PROGRESS").state
        assert again.items[0].dispute_reason == "RETALIATION"
        done = rules.record_progress(again, item_id="a", state="DELIVERED").state
        assert verify(done, "a").items[0].dispute_reason == ""

    def test_an_unknown_item_is_not_found(self) -> None:
        with pytest.raises(Refusal) as refused:
            rules.record_progress(agreed(item("a")), item_id="b", state="IN_PROGRESS")
        assert refused.value.kind == Kind.NOT_FOUND


class TestClosing:
    def test_the_last_verified_item_closes(self) -> None:
        remedy = verify(delivered(item("a", DEBT), item("b", WAGES), found=(DEBT, WAGES)), "a")
        assert remedy.unremedied == (WAGES,)
        assert remedy.state == RemedyState.AGREED
        decision = rules.verify_item(
            remedy, item_id="b", method="PAYMENT_RECORDS", verifier="AUTHORITY"
        )
        assert _names(decision) == ["RemedyItemVerified", "RemedyClosed"]
        assert decision.state.state == RemedyState.CLOSED

    def test_an_item_left_open_keeps_it_open_until_it_is_cancelled(self) -> None:
        remedy = agreed(item("a"), item("b"))
        for state in ("IN_PROGRESS", "DELIVERED"):
            remedy = rules.record_progress(remedy, item_id="a", state=state).state
        remedy = verify(remedy, "a")
        assert remedy.unremedied == ()
        assert remedy.state == RemedyState.AGREED
        decision = rules.cancel_item(remedy, item_id="b", reason="NOT_POSSIBLE")
        assert _names(decision) == ["RemedyItemCancelled", "RemedyClosed"]

    def test_cancelled_items_remedy_nothing(self) -> None:
        decision = rules.cancel_item(agreed(item("a")), item_id="a", reason="REPLACED")
        assert _names(decision) == ["RemedyItemCancelled"]
        assert decision.state.state == RemedyState.OPEN

    def test_a_dispute_reopens(self) -> None:
        closed = verify(delivered(item("a")), "a")
        decision = rules.dispute_item(
            closed, item_id="a", reason="NOT_DELIVERED", disputant="AUTHORITY"
        )
        assert _names(decision) == ["RemedyItemDisputed", "RemedyReopened"]
        assert decision.state.state == RemedyState.AGREED


class TestAmending:
    def test_before_opening_the_indicators_are_replaced(self) -> None:
        filed = rules.file_report(HANDLE, report(DEBT, THREATS)).state
        decision = rules.amend_report(filed, report(WAGES, country="TH"))
        assert decision.events == ()
        assert (decision.state.country, decision.state.indicators) == ("TH", (WAGES,))

    def test_another_indicator_reopens_a_closed_remedy(self) -> None:
        closed = verify(delivered(item("a")), "a")
        decision = rules.amend_report(closed, report(DEBT, WAGES))
        assert decision.events == (events.RemedyReopened(HANDLE, "MY", "ISIC_C", (DEBT, WAGES)),)
        assert decision.state.unremedied == (WAGES,)

    def test_the_company_cannot_close_by_taking_an_indicator_back(self) -> None:
        remedy = verify(delivered(item("a"), found=(DEBT, WAGES)), "a")
        decision = rules.amend_report(remedy, report(DEBT))
        assert decision.events == ()
        assert decision.state.unremedied == (WAGES,)

    def test_where_nothing_is_owed_someone_else_says_so(self) -> None:
        remedy = verify(delivered(item("a"), found=(DEBT, WAGES)), "a")
        plan = rules.propose_plan(remedy, items=[item("b", WAGES)], today=TODAY).state
        remedy = rules.agree_plan(plan, verifiers=(), today=TODAY).state
        for state in ("IN_PROGRESS", "DELIVERED"):
            remedy = rules.record_progress(remedy, item_id="b", state=state).state
        assert verify(remedy, "b").state == RemedyState.CLOSED


class TestEnding:
    def test_company_and_desk_plan_no_more(self) -> None:
        ended = rules.end_referral(agreed(item("a")), referral_id="r-1").state
        for attempt in (
            lambda: rules.propose_plan(ended, items=[item("b")], today=TODAY),
            lambda: rules.agree_plan(ended, verifiers=(), today=TODAY),
            lambda: rules.record_progress(ended, item_id="a", state="IN_PROGRESS"),
        ):
            with pytest.raises(Refusal, match="the referral of the case is ended") as refused:
                attempt()
            assert refused.value.kind == Kind.WRONG_STATE

    def test_what_was_delivered_may_still_be_verified(self) -> None:
        ended = rules.end_referral(delivered(item("a")), referral_id="r-1").state
        assert verify(ended, "a").state == RemedyState.CLOSED

    def test_a_referral_rejected_before_it_opened_anything_ends_it(self) -> None:
        filed = rules.file_report(HANDLE, report(DEBT)).state
        assert rules.end_referral(filed, referral_id="r-1").state.ended

    def test_a_transfer_that_came_to_nothing_changes_nothing(self) -> None:
        remedy = agreed(item("a"))
        assert rules.end_referral(remedy, referral_id="r-2").state == remedy

    def test_a_desk_that_takes_it_up_later_revives_it(self) -> None:
        ended = rules.end_referral(agreed(item("a")), referral_id="r-1").state
        taken = rules.accept_referral(ended, referral_id="r-2", desk="POLICE").state
        assert rules.record_progress(taken, item_id="a", state="IN_PROGRESS").events


def test_totals_are_exact_and_keep_currencies_apart() -> None:
    remedy = delivered(
        item("a", amount="0.10"),
        item("b", amount="0.20"),
        item("c", amount="734000.00"),
        item("d", amount="5000.00"),
        item("h", amount="999999999999999999.9999"),
        item("e", amount="12", currency="EUR"),
        item("f"),
    )
    remedy = at("DISPUTED", verify(remedy, "a"), "c")
    remedy = at("CANCELLED", remedy, "d")
    remedy = rules.propose_plan(remedy, items=[item("g", amount="5")], today=TODAY).state
    assert remedy.standing.totals == (
        CurrencyTotal("EUR", "12", "12", "0"),
        CurrencyTotal("MYR", "1000000000000734000.2999", "1000000000000000000.2999", "0.10"),
    )
