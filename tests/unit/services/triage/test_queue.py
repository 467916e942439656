import pytest

from harbourlight.triage.v1 import triage_pb2
from services.triage.domain.queue import Officer, Order, QueueFilter
from services.triage.handlers import view
from services.triage.queue import officer_of
from services.triage.store.cases import REFERRALS
from shared import translate
from shared.callers import Caller

from .build import accepted, decide, in_progress
from .test_protection import KEEP, STOP
from .test_unsealing import ask, grant

OFFICER = Officer(frozenset({"POLICE", "LABOUR_INSPECTORATE"}), frozenset({"MY"}))
ANYWHERE = Officer(None, None)


@pytest.mark.parametrize(
    ("desk", "country", "seen"),
    [("POLICE", "MY", True), ("POLICE", "TH", False), ("CHILD_PROTECTION", "MY", False)],
)
def test_an_officer_sees_its_desks_in_its_jurisdictions(
    desk: str, country: str, seen: bool
) -> None:
    assert OFFICER.sees(desk, country) is seen
    assert ANYWHERE.sees(desk, country)
    assert not Officer(frozenset(), None).sees(desk, country)


def test_a_filter_never_widens_what_an_officer_sees() -> None:
    everything = OFFICER.select(QueueFilter())
    assert everything.desks == ("LABOUR_INSPECTORATE", "POLICE")
    assert everything.countries == ("MY",)
    narrowed = OFFICER.select(QueueFilter(desks=("POLICE", "CHILD_PROTECTION"), countries=("TH",)))
    assert (narrowed.desks, narrowed.countries) == (("POLICE",), ())
    nowhere = Officer(frozenset(), frozenset()).select(QueueFilter())
    assert (nowhere.desks, nowhere.countries) == ((), ())
    assert ANYWHERE.select(QueueFilter()).desks is None
    assert ANYWHERE.select(QueueFilter(desks=("POLICE",))).desks == ("POLICE",)


def test_a_star_in_a_token_is_everywhere() -> None:
    caller = Caller(2, "officer", desks=frozenset({"*"}), jurisdictions=frozenset({"MY"}))
    assert officer_of(caller) == Officer(None, frozenset({"MY"}))
    assert officer_of(Caller(2, "officer")) == Officer(frozenset(), frozenset())


def test_every_order_of_the_contract_is_known() -> None:
    requests = [triage_pb2.ListQueueRequest(order=n) for n in triage_pb2.QueueOrder.values()]
    assert {Order(translate.enum_of(request, "order")) for request in requests} == set(Order)


def test_a_referral_survives_storage_whole() -> None:
    state = decide(accepted(), "CONDITIONAL", conditions=(STOP, KEEP), met=(KEEP.code,)).state
    for one in (state, in_progress(), grant(ask(in_progress()).state).state):
        assert REFERRALS.read(REFERRALS.body(one)) == one
        assert view(one, 7).etag == "7"
