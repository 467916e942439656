import pytest

from services.triage.domain import record, referral
from services.triage.domain.events import Headcount
from shared.errors import Kind, Refusal

from .build import T0, accepted, in_progress, names, requested


def test_a_desk_releases_a_fact_once_it_has_taken_the_case_up() -> None:
    done = record.release(in_progress(), facility_id="CN2021250D1DTN7", people_affected=40)
    assert names(done) == ["FactsReleased"]
    assert done.events[0].people_affected == Headcount(40)
    assert (done.state.facility_id, done.state.people_affected) == ("CN2021250D1DTN7", 40)
    more = record.release(done.state, facility_id="", people_affected=45)
    assert (more.events[0].facility_id, more.state.facility_id) == ("", "CN2021250D1DTN7")
    assert not record.release(more.state, facility_id="", people_affected=45).events
    ended = referral.complete(in_progress(), outcome="NOT_CONFIRMED", now=T0).state
    assert names(record.release(ended, facility_id="", people_affected=3)) == ["FactsReleased"]
    with pytest.raises(Refusal, match="cannot release a fact"):
        record.release(requested(), facility_id="", people_affected=3)


def test_nothing_is_no_fact() -> None:
    with pytest.raises(Refusal) as error:
        record.release(accepted(), facility_id="", people_affected=0)
    assert error.value.kind == Kind.INVALID


def test_an_officer_is_recused_once() -> None:
    done = record.recuse(requested(), officer="hash")
    assert names(done) == ["OfficerRecused"]
    assert done.state.recused == ("hash",)
    assert not record.recuse(done.state, officer="hash").events
