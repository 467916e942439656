"""What triage says of a case is kept beside what its company said."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.message import Message

from harbourlight.triage.v1 import events_pb2 as triage
from harbourlight.triage.v1 import triage_pb2
from harbourlight.types.v1 import types_pb2 as types
from services.reporting import handlers, store
from services.reporting.consumers import REACTIONS, SUBSCRIPTION
from services.reporting.domain.model import Case
from shared import cloudevents
from shared.cloudevents import Incoming
from shared.decisions import NotYet

from .build import HANDLE, NOW, filed


def arriving(event: Message) -> Incoming:
    headers = cloudevents.headers(
        event_id="one",
        source="/services/triage",
        event_type=event.DESCRIPTOR.full_name,
        subject=HANDLE,
        sequence=1,
        time=datetime(2026, 3, 3, tzinfo=UTC),
    )
    return cloudevents.decode("triage.events.v1", event.SerializeToString(), headers)


def after(event: Message, case: Case | None) -> Case:
    decision: Any = REACTIONS[type(event)](case, arriving(event), NOW)
    assert decision.events == ()
    state: Case = decision.state
    return state


REFERRAL = [
    (triage.ReferralRequested(handle=HANDLE), "REQUESTED"),
    (triage.ReferralAccepted(handle=HANDLE), "ACCEPTED"),
    (triage.ReferralRejected(handle=HANDLE), "REJECTED"),
    (
        triage.ReferralProgressed(handle=HANDLE, state=types.REFERRAL_STATE_IN_PROGRESS),
        "IN_PROGRESS",
    ),
    (triage.ReferralProgressed(handle=HANDLE, state=types.REFERRAL_STATE_ON_HOLD), "ON_HOLD"),
    (triage.ReferralFailed(handle=HANDLE), "FAILED"),
    (triage.ReferralCompleted(handle=HANDLE), "COMPLETED"),
    (triage.ReferralCancelled(handle=HANDLE), "CANCELLED"),
]


@pytest.mark.parametrize(("event", "state"), REFERRAL, ids=[state for _, state in REFERRAL])
def test_the_referral_state_is_the_one_that_the_event_tells(event: Message, state: str) -> None:
    before = filed()
    case = after(event, before)
    assert case.referral_state == state
    assert (case.state, case.facts) == (before.state, before.facts)


@pytest.mark.parametrize(
    "state",
    [
        types.PROTECTION_STATE_CONDITIONAL,
        types.PROTECTION_STATE_FINAL,
        types.PROTECTION_STATE_DECLINED,
        types.PROTECTION_STATE_REVOKED,
    ],
)
def test_the_protection_state_is_the_one_that_the_event_tells(state: Any) -> None:
    event = triage.ProtectionDecided(
        handle=HANDLE, state=state, reasons=[triage_pb2.PROTECTION_REASON_RETALIATION]
    )
    name = types.ProtectionState.Name(state).removeprefix("PROTECTION_STATE_")
    assert after(event, filed()).protection_state == name


def test_a_referral_state_of_a_later_contract_is_kept_as_it_came() -> None:
    progressed = triage.ReferralProgressed(handle=HANDLE, state=99)  # type: ignore[arg-type]
    assert after(progressed, filed()).referral_state == "99"


@pytest.mark.parametrize("message", REACTIONS, ids=lambda message: message.__name__)
def test_an_event_waits_for_its_case(message: type[Message]) -> None:
    with pytest.raises(NotYet):
        after(message(handle=HANDLE), None)


def test_an_officer_who_was_recused_is_kept_and_the_company_is_not_told() -> None:
    case = after(triage.OfficerRecused(handle=HANDLE, officer="one"), filed())
    case = after(triage.OfficerRecused(handle=HANDLE, officer="two"), case)
    assert after(triage.OfficerRecused(handle=HANDLE, officer="two"), case) == case
    assert store.CASES.read(store.CASES.body(case)).recused == ("one", "two")
    assert not handlers.view(case, 1).recused


def test_the_desk_that_accepts_handles_the_case_and_a_new_epoch_begins() -> None:
    before = after(triage.ReferralAccepted(handle=HANDLE, desk="LABOUR_INSPECTORATE"), filed())
    assert (before.desk_now, before.previous_desk, before.epoch) == ("LABOUR_INSPECTORATE", "", 1)
    case = after(triage.ReferralAccepted(handle=HANDLE, desk="POLICE"), before)
    assert (case.desk, case.desk_now, case.previous_desk, case.epoch) == (
        "LABOUR_INSPECTORATE",
        "POLICE",
        "LABOUR_INSPECTORATE",
        2,
    )


def test_every_event_that_moves_a_referral_is_listened_to() -> None:
    moving = {name for name in triage.DESCRIPTOR.message_types_by_name if "Referral" in name}
    # The receiving desk's acceptance comes with it, and says all that counts here.
    moving.remove("ReferralTransferred")
    others = {"ProtectionDecided", "OfficerRecused"}
    assert {message.__name__ for message in REACTIONS} == moving | others
    assert SUBSCRIPTION.topics == ("triage.events.v1",)
