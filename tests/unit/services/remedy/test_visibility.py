import pytest

from harbourlight.options.v1 import options_pb2 as options
from services.remedy.domain import rules
from services.remedy.handlers import sees, sees_item
from services.remedy.store import shown_state
from shared.callers import Caller

from .build import HANDLE, TODAY, agreed, item, planned

REMEDY = agreed(item("a"))


def _officer(desks: set[str], countries: set[str]) -> Caller:
    return Caller(
        options.ROLE_AUTHORITY,
        "officer",
        organisation="anti-slavery-fund",
        desks=frozenset(desks),
        jurisdictions=frozenset(countries),
    )


def _ngo(organisation: str) -> Caller:
    return Caller(options.ROLE_NGO, "ngo", organisation=organisation)


@pytest.mark.parametrize(
    ("desks", "countries", "seen"),
    [
        ({"LABOUR_INSPECTORATE"}, {"MY"}, True),
        ({"*"}, {"MY"}, True),
        ({"LABOUR_INSPECTORATE"}, {"*"}, True),
        ({"POLICE"}, {"MY"}, False),
        ({"LABOUR_INSPECTORATE"}, {"TH"}, False),
        (set(), {"*"}, False),
        ({"*"}, set(), False),
    ],
)
def test_an_officer_sees_the_remedies_of_desk_and_country(
    desks: set[str], countries: set[str], seen: bool
) -> None:
    officer = _officer(desks, countries)
    assert sees(officer, REMEDY) == sees_item(officer, REMEDY, "a") == seen


def test_a_company_sees_its_own() -> None:
    assert sees(Caller(options.ROLE_COMPANY, HANDLE, handle=HANDLE), REMEDY)
    assert not sees(Caller(options.ROLE_COMPANY, "other", handle="other"), REMEDY)


@pytest.mark.parametrize(
    "role", [options.ROLE_PUBLIC, options.ROLE_CUSTODIAN, options.ROLE_OPERATOR, options.ROLE_NGO]
)
def test_nobody_else_sees_a_remedy(role: int) -> None:
    caller = Caller(
        role,
        "somebody",
        handle=HANDLE,
        organisation="anti-slavery-fund",
        desks=frozenset("*"),
        jurisdictions=frozenset("*"),
    )
    assert not sees(caller, REMEDY)


def test_an_organisation_sees_the_items_that_it_was_named_for() -> None:
    assert sees_item(_ngo("anti-slavery-fund"), REMEDY, "a")
    assert not sees_item(_ngo("workers-aid"), REMEDY, "a")
    assert not sees_item(_ngo(""), planned(item("a")), "a")


def test_an_item_is_nothing_to_an_organisation_before_agreement() -> None:
    later = rules.propose_plan(REMEDY, items=[item("b")], today=TODAY).state
    assert not sees_item(_ngo("anti-slavery-fund"), later, "b")
    dropped = rules.cancel_item(later, item_id="b", reason="ENTERED_IN_ERROR").state
    assert not sees_item(_ngo("anti-slavery-fund"), dropped, "b")
    kept = rules.cancel_item(REMEDY, item_id="a", reason="REPLACED").state
    assert sees_item(_ngo("anti-slavery-fund"), kept, "a")


def test_the_list_of_assignments_knows_items_in_the_same_states() -> None:
    later = rules.propose_plan(REMEDY, items=[item("b")], today=TODAY).state
    dropped = rules.cancel_item(later, item_id="b", reason="ENTERED_IN_ERROR").state
    kept = rules.cancel_item(REMEDY, item_id="a", reason="REPLACED").state
    assert shown_state(REMEDY.item("a")) == "AGREED"
    assert shown_state(later.item("b")) == shown_state(dropped.item("b")) == "PLANNED"
    assert shown_state(kept.item("a")) == "CANCELLED"
