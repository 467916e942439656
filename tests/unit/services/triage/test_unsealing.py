from datetime import timedelta
from typing import Any

import pytest

from services.triage.domain import referral, unsealing, unsealings
from services.triage.domain.model import Referral
from shared.decisions import Decision
from shared.errors import Kind, Refusal

from .build import T0, accepted, in_progress, names, progress, requested

A, B = "bar-association", "ombudsman"
LAPSES = T0 + unsealings.ANSWER_WITHIN
SOON = T0 + timedelta(hours=1)


def ask(state: Referral, number: int = 1, now: Any = T0, **changes: Any) -> Decision[Referral]:
    given = {"custodian": A, "alternate": B, "unsealing_id": f"u{number}"} | changes
    return unsealing.request(
        state, number=number, legal_basis="JUDICIAL_PROCEEDINGS", now=now, **given
    )


def grant(state: Referral, by: str = A, now: Any = SOON) -> Decision[Referral]:
    return unsealing.grant(state, unsealing_id="u1", custodian=by, now=now)


def refuse(state: Referral, by: str = A, now: Any = SOON) -> Decision[Referral]:
    return unsealing.refuse(
        state, unsealing_id="u1", custodian=by, reason="NOT_PROPORTIONATE", now=now
    )


def test_a_desk_at_work_asks_and_either_custodian_answers() -> None:
    asked = ask(in_progress())
    assert names(asked) == ["UnsealingRequested"]
    assert asked.state.unsealings[0].ends_at == LAPSES
    for by in (A, B):
        given = grant(asked.state, by)
        assert names(given) == ["UnsealingGranted"]
        assert given.state.unsealings[0].answered_by == by
        assert given.state.unsealings[0].ends_at == SOON + unsealings.KEPT
        assert names(refuse(asked.state, by)) == ["UnsealingRefused"]


def test_what_one_custodian_refused_the_other_does_not_grant() -> None:
    refused = refuse(ask(accepted()).state).state
    with pytest.raises(Refusal, match="is REFUSED: cannot grant it") as error:
        grant(refused, B)
    assert error.value.kind == Kind.WRONG_STATE
    # The desk may ask anew, with better grounds: that is another request, seen by all.
    assert names(ask(refused, 2, SOON)) == ["UnsealingRequested"]


def test_the_financial_desk_never_unseals() -> None:
    it = in_progress()
    for desk in (unsealing.FINANCIAL_DESK,):
        with pytest.raises(Refusal, match="financial intelligence desk") as error:
            ask(Referral(**{**vars(it), "desk": desk}))
        assert error.value.kind == Kind.DENIED


def test_only_a_desk_that_works_on_the_case_asks() -> None:
    withdrawn = referral.withdraw(accepted(), now=T0)
    assert withdrawn is not None
    failed = progress(accepted(), "FAILED", "SITE_NOT_REACHABLE").state
    for state in (requested(), withdrawn.state, failed):
        with pytest.raises(Refusal, match="cannot request unsealing"):
            ask(state)


def test_one_request_is_open_at_a_time_even_while_a_half_is_kept() -> None:
    asked = ask(accepted()).state
    for state in (asked, grant(asked).state):
        with pytest.raises(Refusal, match="cannot request another"):
            ask(state, 2, SOON)


def test_a_request_carries_the_next_number_and_two_organisations() -> None:
    with pytest.raises(Refusal) as error:
        ask(accepted(), 2, alternate=A)
    assert [one.field for one in error.value.violations] == ["number", "alternate"]


def test_who_was_not_asked_finds_nothing() -> None:
    for answer in (grant, refuse):
        with pytest.raises(Refusal, match="no such unsealing"):
            answer(ask(accepted()).state, "somebody-else")
        with pytest.raises(Refusal, match="no such unsealing"):
            answer(accepted())


def test_a_request_lapses_at_its_time_whether_or_not_the_timer_has_run() -> None:
    asked = ask(accepted()).state
    before = LAPSES - timedelta(microseconds=1)
    assert names(grant(asked, now=before)) == ["UnsealingGranted"]
    with pytest.raises(Refusal, match="is EXPIRED: cannot grant it"):
        grant(asked, now=LAPSES)
    with pytest.raises(Refusal, match="wait a few seconds"):
        ask(asked, 2, LAPSES)
    lapsed = referral.pass_time(asked, now=LAPSES)
    assert lapsed is not None
    assert [e.cause for e in lapsed.events if hasattr(e, "cause")] == ["UNANSWERED"]
    assert names(ask(lapsed.state, 2, LAPSES)) == ["UnsealingRequested"]
    assert referral.next_moment(asked) == min(LAPSES, asked.deadlines[-1].warn_at)


def test_a_released_half_is_kept_for_a_while() -> None:
    given = grant(ask(accepted()).state).state
    passed = referral.pass_time(given, now=SOON + unsealings.KEPT)
    assert passed is not None
    assert passed.state.unsealings[0].state == "CLOSED"
    assert [e.cause for e in passed.events if hasattr(e, "cause")] == ["HALF_DELETED"]


def test_the_end_of_the_case_ends_what_is_open() -> None:
    asked = ask(in_progress()).state
    for state, left in ((asked, "EXPIRED"), (grant(asked).state, "CLOSED")):
        for ended in (
            referral.withdraw(state, now=SOON),
            progress(state, "FAILED", "SITE_NOT_REACHABLE", now=SOON),
            referral.complete(state, outcome="NOT_CONFIRMED", now=SOON),
        ):
            assert ended is not None
            assert ended.state.unsealings[0].state == left
            assert ended.events[-1].cause == "CASE_ENDED"
