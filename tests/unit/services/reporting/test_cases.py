"""What a company can do with a case, and what follows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from harbourlight import codes
from services.reporting.domain import events, report
from services.reporting.domain.model import Case, CaseState, Facts
from shared.errors import Kind, Refusal

from .build import HANDLE, NOW, TABLE, a_report, facts, filed, marked

MONTH = timedelta(days=30)


def test_a_marker_fixes_the_time_and_runs_for_thirty_days() -> None:
    decision = report.place_marker(
        None,
        handle=HANDLE,
        country="MY",
        sector="ISIC_C",
        exploitation_type="SERVITUDE",
        now=NOW,
    )
    assert decision.state == Case(
        HANDLE,
        CaseState.MARKED,
        marked_at=NOW,
        perfect_by=NOW + MONTH,
        protection_state="MARKED",
    )
    assert decision.events == (
        events.MarkerPlaced(HANDLE, "MY", "ISIC_C", "SERVITUDE", NOW + MONTH),
    )


def test_a_report_is_filed_with_the_desk_of_the_table() -> None:
    told = a_report(indicators=("DEBT_BONDAGE", "DECEPTION"))
    decision = report.submit_report(None, handle=HANDLE, facts=told, table=TABLE, now=NOW)
    assert decision.state == Case(
        HANDLE,
        CaseState.FILED,
        facts=told,
        ilo_indicators=("DECEPTION", "DEBT_BONDAGE"),
        filed_at=NOW,
        desk="LABOUR_INSPECTORATE",
        handling_desk="LABOUR_INSPECTORATE",
        epoch=1,
        routing_version=TABLE.version,
        protection_state="MARKED",
    )
    assert decision.events == (
        events.ReportFiled(
            HANDLE,
            told,
            ("DECEPTION", "DEBT_BONDAGE"),
            "LABOUR_INSPECTORATE",
            TABLE.version,
            came_forward_at=NOW,
        ),
    )


@pytest.mark.parametrize(
    ("child", "kind", "desk"),
    [
        ("NO", "FORCED_LABOUR", "LABOUR_INSPECTORATE"),
        ("YES", "FORCED_LABOUR", "CHILD_PROTECTION"),
        ("NOT_SURE", "FORCED_LABOUR", "CHILD_PROTECTION"),
        ("NO", "CHILD_LABOUR", "CHILD_PROTECTION"),
        ("YES", "ORGAN_REMOVAL", "HEALTH_INSPECTORATE"),
        ("NO", "SEXUAL_EXPLOITATION", "POLICE"),
    ],
)
def test_not_sure_counts_as_a_child_for_the_desk(child: str, kind: str, desk: str) -> None:
    assert filed(child_involved=child, exploitation_type=kind).desk == desk


def test_a_perfected_marker_keeps_its_time_of_coming_forward() -> None:
    later = NOW + MONTH - timedelta(microseconds=1)
    decision = report.perfect_marker(marked(), facts=a_report(), table=TABLE, now=later)
    assert decision.state == replace(filed(), marked_at=NOW, filed_at=later)
    (event,) = decision.events
    assert event.came_forward_at == NOW


@pytest.mark.parametrize("late", [timedelta(), timedelta(days=1)])
def test_a_marker_that_is_due_cannot_be_perfected_although_no_timer_has_run(
    late: timedelta,
) -> None:
    with pytest.raises(Refusal, match="the marker is LAPSED") as refused:
        report.perfect_marker(marked(), facts=a_report(), table=TABLE, now=NOW + MONTH + late)
    assert refused.value.kind == Kind.WRONG_STATE


def test_a_marker_lapses_when_its_time_is_up_and_no_sooner() -> None:
    assert report.lapse(marked(), now=NOW + MONTH - timedelta(microseconds=1)) is None
    decision = report.lapse(marked(), now=NOW + MONTH)
    assert decision is not None
    assert decision.state == Case(
        HANDLE, CaseState.LAPSED, marked_at=NOW, protection_state="LAPSED"
    )
    assert decision.events == (events.MarkerLapsed(HANDLE),)


@pytest.mark.parametrize("case", [None, filed(), replace(filed(), state=CaseState.WITHDRAWN)])
def test_nothing_but_a_marker_lapses(case: Case | None) -> None:
    assert report.lapse(case, now=NOW + 100 * MONTH) is None


def test_an_amendment_replaces_the_facts_and_leaves_the_desk() -> None:
    other = a_report(child_involved="YES", indicators=("DECEPTION",))
    decision = report.amend_report(filed(), facts=other)
    assert decision.state == replace(
        filed(), facts=other, ilo_indicators=("DECEPTION",), amendments=1
    )
    assert decision.state.desk == "LABOUR_INSPECTORATE"
    assert decision.events == (events.ReportAmended(HANDLE, other, ("DECEPTION",), 1),)


def test_amending_to_the_same_facts_changes_nothing() -> None:
    decision = report.amend_report(filed(), facts=a_report())
    assert (decision.state, decision.events) == (filed(), ())


@pytest.mark.parametrize("case", [marked(), filed()])
def test_a_marker_or_a_report_can_be_withdrawn(case: Case) -> None:
    decision = report.withdraw(case, reason="DUPLICATE", now=NOW)
    review_at = NOW + timedelta(days=365) if case.filed_at else None
    assert decision.state == replace(
        case, state=CaseState.WITHDRAWN, perfect_by=None, review_at=review_at
    )
    assert decision.events == (events.ReportWithdrawn(HANDLE, "DUPLICATE"),)


@pytest.mark.parametrize("ended", ["REJECTED", "COMPLETED", "FAILED", "CANCELLED"])
def test_a_case_whose_referral_ended_is_closed_to_its_company(ended: str) -> None:
    case = report.note_referral(filed(), state=ended, now=NOW).state
    with pytest.raises(Refusal, match=f"the referral of the case is {ended}"):
        report.amend_report(case, facts=a_report(child_involved="YES"))
    with pytest.raises(Refusal, match=f"the referral of the case is {ended}"):
        report.withdraw(case, reason="OTHER", now=NOW)


@given(facts)
def test_ilo_indicators_follow_from_the_codes_once_each_in_the_ilos_order(told: Facts) -> None:
    found = report.ilo_indicators(told.indicators)
    ilo = list(codes.ilo_indicators())
    assert [ilo.index(code) for code in found] == sorted({ilo.index(code) for code in found})
    assert {codes.ilo_of(code) for code in told.indicators} & set(ilo) == set(found)


def test_every_operational_indicator_stands_for_one_of_the_ilos_or_none() -> None:
    named = {one.ilo for one in codes.operational_indicators().values()}
    assert named <= {*codes.ilo_indicators(), ""}


COMMANDS: dict[str, Callable[[Case | None], object]] = {
    "place": lambda case: report.place_marker(
        case, handle=HANDLE, country="MY", sector="ISIC_C", exploitation_type="OTHER", now=NOW
    ),
    "submit": lambda case: report.submit_report(
        case, handle=HANDLE, facts=a_report(), table=TABLE, now=NOW
    ),
    "perfect": lambda case: report.perfect_marker(case, facts=a_report(), table=TABLE, now=NOW),
    "amend": lambda case: report.amend_report(case, facts=a_report(money_trail=True)),
    "withdraw": lambda case: report.withdraw(case, reason="OTHER", now=NOW),
}
STATES: dict[str, tuple[Case | None, set[str]]] = {
    "none": (None, {"place", "submit"}),
    "marked": (marked(), {"perfect", "withdraw"}),
    "filed": (filed(), {"amend", "withdraw"}),
    "withdrawn": (report.withdraw(filed(), reason="OTHER", now=NOW).state, set()),
    "marker withdrawn": (report.withdraw(marked(), reason="OTHER", now=NOW).state, set()),
    "erased": (Case(HANDLE, CaseState.ERASED, handling_desk="POLICE"), set()),
    "lapsed": (replace(marked(), state=CaseState.LAPSED, perfect_by=None), set()),
}


@pytest.mark.parametrize(("case", "allowed"), STATES.values(), ids=STATES.keys())
def test_each_state_allows_its_commands_and_no_other(case: Case | None, allowed: set[str]) -> None:
    accepted = set()
    for name, command in COMMANDS.items():
        try:
            command(case)
        except Refusal as refusal:
            told = refusal.kind
        else:
            accepted.add(name)
            continue
        assert told == (Kind.NOT_FOUND if case is None else Kind.WRONG_STATE)
    assert accepted == allowed
