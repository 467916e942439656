"""Events as sentences in the language of business: one table from event to sentence."""

from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.timestamp_pb2 import Timestamp

from harbourlight import codes
from harbourlight.enums import name, words
from harbourlight.remedy.v1 import events_pb2 as remedy_events
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.reporting.v1 import content_pb2 as content
from harbourlight.reporting.v1 import events_pb2 as reporting_events
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from harbourlight.triage.v1 import events_pb2 as triage_events
from harbourlight.triage.v1 import transfer_pb2 as transfer
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.triage.v1 import unsealing_pb2 as unsealing
from harbourlight.types.v1 import types_pb2 as types

_DUE = {
    triage.DEADLINE_CODE_ACKNOWLEDGE: "acknowledge your report",
    triage.DEADLINE_CODE_FEEDBACK: "tell you what follows from your report",
}


def day(stamp: Timestamp) -> str:
    """A time as its day in UTC; empty where there is none."""
    return stamp.ToDatetime().strftime("%Y-%m-%d") if stamp.seconds else ""


def listed(enum: Any, numbers: Iterable[int]) -> str:
    """Values of an enum in words, such as "deception, debt bondage"."""
    return ", ".join(words(enum.DESCRIPTOR, number) for number in numbers)


def headcount(count: types.Headcount) -> str:
    """People, exact where that may be seen, else as a band; empty for none."""
    number = str(count.exact) if count.exact else count.band
    return f"{number} {'person' if number == '1' else 'people'}" if number else ""


def money(amount: types.Money) -> str:
    """Currency and amount, exact where that may be seen, else as a band; empty for none."""
    number = amount.amount or amount.band
    return f"{amount.currency_code} {number}" if number else ""


def _because(enum: Any, reason: int) -> str:
    return f": {words(enum.DESCRIPTOR, reason)}" if reason else ""


def _desk(code: str) -> str:
    words_of = code.replace("_", " ").lower() or "desk"
    return f"the {words_of} authority" if code == "CHILD_PROTECTION" else f"the {words_of}"


def _item(facts: remedy_events.RemedyItemFacts) -> str:
    what = words(types.RemedyKind.DESCRIPTOR, facts.kind)
    details = [headcount(facts.beneficiaries), money(facts.amount)]
    inside = ", ".join(detail for detail in details if detail)
    return f"{what} ({inside})" if inside else what


def _items(facts: Iterable[remedy_events.RemedyItemFacts]) -> str:
    return "; ".join(_item(one) for one in facts)


def _report_withdrawn(event: reporting_events.ReportWithdrawn) -> str:
    return f"The case was withdrawn{_because(reporting.WithdrawalReason, event.reason)}."


def _message(event: reporting_events.MessageSent) -> str:
    what = words(content.MessagePurpose.DESCRIPTOR, event.purpose)
    if event.sender == content.SENDER_COMPANY:
        return f"You wrote to the desk (your number {event.number}: {what})."
    return f"The desk wrote to you ({what}): read it with `message list`."


def _progressed(event: triage_events.ReferralProgressed) -> str:
    state = {
        types.REFERRAL_STATE_IN_PROGRESS: "Work on your case goes on",
        types.REFERRAL_STATE_ON_HOLD: "Work on your case is on hold",
    }.get(event.state, f"Your case is {words(types.ReferralState.DESCRIPTOR, event.state)}")
    step = words(triage.ProgressStep.DESCRIPTOR, event.step)
    return (
        state + _because(triage.ReferralReason, event.reason) + (f" ({step})" if step else "") + "."
    )


def _protection(event: triage_events.ProtectionDecided) -> str:
    text = f"Your protection is now {words(types.ProtectionState.DESCRIPTOR, event.state)}"
    if event.reasons:
        text += f": {listed(triage.ProtectionReason, event.reasons)}"
    due = [
        f"{words(triage.ConditionCode.DESCRIPTOR, one.code)} by {one.due_date}"
        for one in event.conditions
        if not one.met
    ]
    return text + (f"; it depends on: {', '.join(due)}." if due else ".")


def _deadline(wording: str) -> Callable[[Any], str]:
    def sentence(event: Any) -> str:
        due = _DUE.get(event.code) or words(triage.DeadlineCode.DESCRIPTOR, event.code)
        return wording.format(due=due, day=day(event.due_at))

    return sentence


def _released(event: triage_events.FactsReleased) -> str:
    people = headcount(event.people_affected)
    facts = [f"the facility {event.facility_id}" if event.facility_id else "", people]
    said = " and ".join(fact for fact in facts if fact) or "a fact of your report"
    return f"The desk put on record: {said}. It stays there, and does not name you."


def _custodian(event: Any) -> str:
    return f"The custodian {event.custodian}" if event.custodian else "A custodian"


def _unsealing_requested(event: triage_events.UnsealingRequested) -> str:
    code = name(unsealing.LegalBasis.DESCRIPTOR, event.legal_basis)
    basis = codes.legal_bases().get(code)
    reason = f"{basis.label.lower()} ({basis.source})" if basis else code
    return (
        f"{_desk(event.desk).capitalize()} asks who you are, founded on: {reason}. "
        f"A custodian has until {day(event.ends_at)} to answer; unless it agrees, nobody can."
    )


_UNSEALING_ENDS = {
    unsealing.UNSEALING_END_UNANSWERED: (
        "The request for your identity lapsed: no custodian answered it in time."
    ),
    unsealing.UNSEALING_END_HALF_DELETED: (
        "The released half of the key to your identity was deleted from the network. "
        "What the officer has read by it, it knows."
    ),
    unsealing.UNSEALING_END_CASE_ENDED: (
        "The request for your identity is void: work on your case has ended."
    ),
    unsealing.UNSEALING_END_TRANSFERRED: (
        "The request for your identity is void: another desk has your case now."
    ),
}

_SENTENCES: dict[type[Any], Callable[[Any], str]] = {
    reporting_events.MarkerPlaced: lambda e: (
        f"Your marker is placed: complete your report by {day(e.perfect_by)}."
    ),
    reporting_events.MarkerLapsed: lambda e: "Your marker lapsed: no report completed it in time.",
    reporting_events.ReportFiled: lambda e: (
        f"Your report is filed; {_desk(e.desk)} leads. "
        f"You came forward on {day(e.came_forward_at)}."
    ),
    reporting_events.ReportAmended: lambda e: (
        f"Your report was amended (amendment {e.amendments})."
    ),
    reporting_events.ReportWithdrawn: _report_withdrawn,
    reporting_events.MessageSent: _message,
    reporting_events.EvidenceAdded: lambda e: (
        f"A file of yours has arrived whole (your number {e.number})."
    ),
    reporting_events.CaseResealed: lambda e: f"Your case was sealed to {_desk(e.desk)}.",
    reporting_events.ResealConfirmed: lambda e: (
        f"{_desk(e.desk).capitalize()} opens your case; the desk before no longer does."
    ),
    reporting_events.RetentionReviewDue: lambda e: (
        "The time to keep your case is over: somebody decides now whether it is erased."
    ),
    reporting_events.ErasureAgreed: lambda e: (
        f"The {words(content.ErasureParty.DESCRIPTOR, e.party)} agreed to erase your case"
        f"{_because(content.ErasureReason, e.reason)}. The other party has yet to."
    ),
    reporting_events.CaseErased: lambda e: (
        f"Your case was erased{_because(content.ErasureReason, e.reason)}. "
        "Nobody can open any more what was sealed in it."
    ),
    triage_events.ReferralRequested: lambda e: f"Your case reached {_desk(e.desk)}.",
    triage_events.ReferralAccepted: lambda e: f"{_desk(e.desk).capitalize()} took up your case.",
    triage_events.ReferralRejected: lambda e: (
        f"The desk did not take up your case{_because(triage.ReferralReason, e.reason)}."
    ),
    triage_events.InformationRequested: lambda e: (
        f"The desk asks you for more about: {listed(triage.InformationTopic, e.topics)}. "
        "Amend your report to answer."
    ),
    triage_events.ReferralProgressed: _progressed,
    triage_events.ReferralFailed: lambda e: (
        f"Work on your case ended without an outcome{_because(triage.ReferralReason, e.reason)}."
    ),
    triage_events.ReferralCompleted: lambda e: (
        f"Work on your case is complete: {words(triage.ReferralOutcome.DESCRIPTOR, e.outcome)}."
    ),
    triage_events.ReferralCancelled: lambda e: (
        f"Work on your case was cancelled{_because(triage.ReferralReason, e.reason)}."
    ),
    triage_events.ProtectionDecided: _protection,
    triage_events.TransferRequested: lambda e: (
        f"{_desk(e.from_desk).capitalize()} offered your case to {_desk(e.desk)}"
        f"{_because(transfer.TransferReason, e.reason)}. Until that desk accepts, it stays."
    ),
    triage_events.TransferRejected: lambda e: (
        f"{_desk(e.desk).capitalize()} did not take your case over"
        f"{_because(triage.ReferralReason, e.reason)}. Your case stays where it is."
    ),
    triage_events.TransferCancelled: lambda e: (
        f"The offer of your case to {_desk(e.desk)} is void."
    ),
    triage_events.ReferralTransferred: lambda e: (
        f"{_desk(e.desk).capitalize()} took your case over from {_desk(e.from_desk)}. "
        "Deadlines run on."
    ),
    triage_events.FactsReleased: _released,
    triage_events.UnsealingRequested: _unsealing_requested,
    triage_events.UnsealingGranted: lambda e: (
        f"{_custodian(e)} released its half of the key: the officer who asked can now read who "
        f"you are. The network deletes the half on {day(e.ends_at)}."
    ),
    triage_events.UnsealingRefused: lambda e: (
        f"{_custodian(e)} refused to release its half of the key"
        f"{_because(unsealing.UnsealingRefusal, e.reason)}. Nobody can read who you are by it."
    ),
    triage_events.UnsealingExpired: lambda e: _UNSEALING_ENDS.get(
        e.cause, "A request for your identity ended."
    ),
    triage_events.DeadlineStarted: _deadline("The desk must {due} by {day}."),
    triage_events.DeadlineWarned: _deadline("The desk has until {day} to {due}."),
    triage_events.DeadlineMet: _deadline("The desk was due to {due} by {day}, and did so in time."),
    triage_events.DeadlineMissed: _deadline(
        "The desk was due to {due} by {day}, and did not; this stays on its record."
    ),
    remedy_events.RemedyOpened: lambda e: (
        f"Remedy is owed for: {listed(types.Indicator, e.indicators)}."
    ),
    remedy_events.RemedyReopened: lambda e: (
        f"Remedy is open again; it is owed for: {listed(types.Indicator, e.indicators)}."
    ),
    remedy_events.RemedyPlanProposed: lambda e: f"Remedy was proposed: {_items(e.items)}.",
    remedy_events.RemedyPlanAgreed: lambda e: f"Remedy was agreed: {_items(e.items)}.",
    remedy_events.RemedyItemStarted: lambda e: f"Remedy is under way: {_item(e.item)}.",
    remedy_events.RemedyItemDelivered: lambda e: (
        f"Remedy was delivered, and waits to be verified: {_item(e.item)}."
    ),
    remedy_events.RemedyItemVerified: lambda e: (
        f"Remedy was verified by {words(remedy.VerifierKind.DESCRIPTOR, e.verifier)} "
        f"({words(remedy.VerificationMethod.DESCRIPTOR, e.method)}): {_item(e.item)}."
    ),
    remedy_events.RemedyItemDisputed: lambda e: (
        f"Remedy was disputed by {words(remedy.VerifierKind.DESCRIPTOR, e.disputant)} "
        f"({words(remedy.DisputeReason.DESCRIPTOR, e.reason)}): {_item(e.item)}."
    ),
    remedy_events.RemedyItemCancelled: lambda e: (
        f"Remedy was cancelled ({words(remedy.CancellationReason.DESCRIPTOR, e.reason)}): "
        f"{_item(e.item)}."
    ),
    remedy_events.RemedyClosed: lambda e: (
        "Remedy is closed: every indicator found has a verified item."
    ),
}

_BY_NAME = {kind.DESCRIPTOR.full_name: (kind, render) for kind, render in _SENTENCES.items()}


def known(type_name: str) -> bool:
    """Whether this version of the contract has the event with this full name."""
    return type_name in _BY_NAME


def sentence(event: AnyMessage) -> str:
    """What happened, for people; names the event where this version does not know it."""
    type_name = event.TypeName()
    if type_name not in _BY_NAME:
        return f"{type_name} (a newer client can say more)"
    kind, render = _BY_NAME[type_name]
    return render(kind.FromString(event.value))
