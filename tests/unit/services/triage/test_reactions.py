from typing import Any

import pytest
from google.protobuf.message import Message

from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.reporting.v1 import events_pb2 as reporting
from harbourlight.types.v1 import types_pb2 as types
from services.triage import handlers
from services.triage.consumers import REACTIONS, subscription
from services.triage.domain.model import Referral
from shared import translate
from shared.cloudevents import Incoming
from shared.decisions import NotYet
from shared.erasure import KeyStore

from .build import HANDLE, T0, requested


def _incoming(event: Message, event_id: str = "0198f2b4-7a10-7c3e-9d53-4f5d6c8e9a11") -> Incoming:
    name = event.DESCRIPTOR.full_name
    return Incoming(
        "topic", HANDLE, 1, event_id, name, "/services/x", T0, None, event, None, "topic", b"", []
    )


def _react(state: Referral | None, event: Any, **more: Any) -> Any:
    return REACTIONS[type(event)](state, _incoming(event, **more), T0)


def _filed() -> reporting.ReportFiled:
    facts = types.ReportFacts(
        country="MY",
        sector="ISIC_C",
        exploitation_type=types.EXPLOITATION_TYPE_FORCED_LABOUR,
        child_involved=types.CHILD_INVOLVEMENT_NOT_SURE,
        indicators=["DEBT_BONDAGE"],
    )
    return reporting.ReportFiled(
        handle=HANDLE,
        facts=facts,
        ilo_indicators=[types.INDICATOR_DEBT_BONDAGE],
        desk="CHILD_PROTECTION",
        came_forward_at=translate.timestamp(T0),
    )


def test_it_listens_to_reports_and_remedy() -> None:
    assert subscription(KeyStore("")).topics == ("remedy.events.v1", "reporting.events.v1")


def test_a_filed_report_gives_the_same_referral_however_often_it_is_taken_in() -> None:
    first, again = _react(None, _filed()), _react(None, _filed())
    assert first == again
    assert first.state.desk == "CHILD_PROTECTION"
    assert first.state.priority == "P1"
    assert first.state.received_at == T0
    assert first.state.ilo_indicators == ("DEBT_BONDAGE",)
    other = _react(None, _filed(), event_id="another")
    assert other.state.referral_id != first.state.referral_id


def test_an_amendment_replaces_the_facts() -> None:
    event = reporting.ReportAmended(handle=HANDLE, amendments=3)
    event.facts.CopyFrom(_filed().facts)
    amended = _react(requested(), event).state
    assert (amended.amendments, amended.priority) == (3, "P1")
    assert amended.facts.child_involved == "NOT_SURE"


def test_a_withdrawn_marker_has_no_referral_to_cancel() -> None:
    event = reporting.ReportWithdrawn(handle=HANDLE)
    assert _react(None, event) is None
    assert _react(requested(), event).state.state == "CANCELLED"


def test_an_erased_case_has_no_referral_to_go_on_with() -> None:
    event = reporting.CaseErased(handle=HANDLE)
    assert _react(None, event) is None
    erased = _react(requested(), event).state
    assert (erased.state, erased.reason) == ("CANCELLED", "CASE_ERASED")
    assert _react(erased, event) is None


def test_remedy_waits_for_the_report_on_the_other_topic() -> None:
    for event in (remedy.RemedyClosed(handle=HANDLE), remedy.RemedyReopened(handle=HANDLE)):
        with pytest.raises(NotYet):
            _react(None, event)
    closed = _react(requested(), remedy.RemedyClosed(handle=HANDLE)).state
    assert closed.remedy_closed
    assert not _react(closed, remedy.RemedyReopened(handle=HANDLE)).state.remedy_closed


def test_every_event_of_the_domain_is_one_of_the_contract() -> None:
    decision = _react(None, _filed())
    sent = [handlers.EMITTER.outgoing(event, HANDLE, T0) for event in decision.events]
    names = [one.event.DESCRIPTOR.name for one in sent]
    assert names == ["ReferralRequested", "DeadlineStarted"]
    assert all(one.subject == HANDLE for one in sent)
