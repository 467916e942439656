"""Results as tables for people."""

from collections.abc import Iterable, Sequence

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group, RenderableType
from rich.table import Table

from harbourlight import codes
from harbourlight.enums import name
from harbourlight.notification.v1 import events_pb2 as notification_events
from harbourlight.notification.v1 import notification_pb2 as notification
from harbourlight.remedy.v1 import remedy_pb2 as remedy
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from harbourlight.sentences import day, listed, sentence
from harbourlight.triage.v1 import transfer_pb2 as transfer
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.triage.v1 import unsealing_pb2 as unsealing
from harbourlight.types.v1 import types_pb2 as types


def moment(stamp: Timestamp) -> str:
    """A time to the minute, in UTC; empty where there is none."""
    return stamp.ToDatetime().strftime("%Y-%m-%d %H:%M UTC") if stamp.seconds else ""


def details(rows: Iterable[tuple[str, str]]) -> Table:
    """Label and value, without those that are empty."""
    table = Table.grid(padding=(0, 2))
    for label, value in rows:
        if value:
            table.add_row(label, value)
    return table


def columns(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Rows under headings."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _sector(code: str) -> str:
    return f"{code} {codes.sectors().get(code, '')}".strip()


def _facts(facts: types.ReportFacts) -> list[tuple[str, str]]:
    marks = {
        "ongoing danger": facts.ongoing_danger,
        "money trail": facts.money_trail,
        "from a whistleblower": facts.from_whistleblower,
    }
    return [
        ("Country", facts.country),
        ("Sector", _sector(facts.sector)),
        ("Exploitation", name(types.ExploitationType.DESCRIPTOR, facts.exploitation_type)),
        ("Children", name(types.ChildInvolvement.DESCRIPTOR, facts.child_involved)),
        ("Indicators", ", ".join(facts.indicators)),
        ("Also", ", ".join(mark for mark, is_set in marks.items() if is_set)),
        ("Whistleblower on", facts.whistleblower_reported_on),
    ]


def case(found: reporting.Case) -> RenderableType:
    """A case as its company sees it."""
    return details(
        [
            ("Case", found.handle),
            ("State", name(reporting.CaseState.DESCRIPTOR, found.state)),
            ("Referral", name(types.ReferralState.DESCRIPTOR, found.referral_state)),
            ("Protection", name(types.ProtectionState.DESCRIPTOR, found.protection_state)),
            ("Desk", found.handling_desk or found.desk),
            ("Marked", moment(found.marked_at)),
            ("Complete it by", moment(found.perfect_by)),
            ("Filed", moment(found.filed_at)),
            *_facts(found.facts),
            ("ILO indicators", listed(types.Indicator, found.ilo_indicators)),
            ("Amendments", str(found.amendments or "")),
            ("Etag", found.etag),
        ]
    )


def case_line(found: reporting.Case) -> str:
    """Where a case stands, on one line."""
    return "  ".join(
        part
        for part in (
            found.handle,
            name(reporting.CaseState.DESCRIPTOR, found.state),
            name(types.ReferralState.DESCRIPTOR, found.referral_state) or "-",
            name(types.ProtectionState.DESCRIPTOR, found.protection_state) or "-",
            found.etag,
        )
    )


def notice_line(notice: notification.Notice) -> str:
    """A notice as number, time and sentence."""
    return f"{notice.number:>3}  {moment(notice.time)}  {sentence(notice.event)}"


def _priority(referral: triage.Referral) -> str:
    return name(triage.Priority.DESCRIPTOR, referral.priority)


def _referral_state(referral: triage.Referral) -> str:
    return name(types.ReferralState.DESCRIPTOR, referral.state)


def referral(found: triage.Referral) -> RenderableType:
    """A referral as its desk sees it."""
    deadlines = [
        f"{name(triage.DeadlineCode.DESCRIPTOR, one.code)} {moment(one.due_at)} "
        f"{name(triage.DeadlineState.DESCRIPTOR, one.state)}"
        for one in found.deadlines
    ]
    conditions = [
        f"{name(triage.ConditionCode.DESCRIPTOR, one.code)} by {one.due_date}"
        + (" (met)" if one.met else "")
        for one in found.conditions
    ]
    return details(
        [
            ("Referral", found.referral_id),
            ("Case", found.handle),
            ("State", _referral_state(found)),
            ("Reason", name(triage.ReferralReason.DESCRIPTOR, found.reason)),
            ("Outcome", name(triage.ReferralOutcome.DESCRIPTOR, found.outcome)),
            ("Desk", found.desk),
            ("Priority", _priority(found)),
            *_facts(found.facts),
            ("ILO indicators", listed(types.Indicator, found.ilo_indicators)),
            ("Came forward", moment(found.came_forward_at)),
            ("Received", moment(found.received_at)),
            ("Steps", listed(triage.ProgressStep, found.steps)),
            ("Asked for", listed(triage.InformationTopic, found.open_questions)),
            ("Protection", name(types.ProtectionState.DESCRIPTOR, found.protection_state)),
            ("Because of", listed(triage.ProtectionReason, found.protection_reasons)),
            ("Conditions", "\n".join(conditions)),
            ("Deadlines", "\n".join(deadlines)),
            ("Remedy", "closed" if found.remedy_closed else "open"),
            ("Facility", found.facility_id),
            ("People affected", str(found.people_affected or "")),
            ("Follows", found.based_on),
            ("Offered to", "\n".join(map(_transfer, found.transfers))),
            ("Unsealing", "\n".join(map(unsealing_line, found.unsealings))),
            ("Amendments", str(found.amendments or "")),
            ("Etag", found.etag),
        ]
    )


def _transfer(one: triage.Transfer) -> str:
    reason = name(transfer.TransferReason.DESCRIPTOR, one.reason)
    state = name(transfer.TransferState.DESCRIPTOR, one.state)
    return f"{one.desk} {state} ({reason}) as {one.referral_id}"


def unsealing_line(one: unsealing.Unsealing) -> str:
    """Where a request for an identity stands, on one line."""
    refusal = name(unsealing.UnsealingRefusal.DESCRIPTOR, one.refusal)
    parts = (
        one.unsealing_id,
        name(unsealing.UnsealingState.DESCRIPTOR, one.state),
        name(unsealing.LegalBasis.DESCRIPTOR, one.legal_basis),
        refusal,
        f"until {moment(one.ends_at)}" if not refusal else "",
    )
    return "  ".join(part for part in parts if part)


def _next_deadline(found: triage.Referral) -> str:
    running = (triage.DEADLINE_STATE_RUNNING, triage.DEADLINE_STATE_WARNED)
    due = [one for one in found.deadlines if one.state in running]
    return day(min(due, key=lambda one: one.due_at.ToNanoseconds()).due_at) if due else ""


def queue(page: triage.ListQueueResponse) -> RenderableType:
    """A page of the queue."""
    table = columns(
        ["PRIORITY", "STATE", "REFERRAL", "CASE", "COUNTRY", "SECTOR", "EXPLOITATION", "DUE"],
        (
            [
                _priority(one),
                _referral_state(one),
                one.referral_id,
                one.handle,
                one.facts.country,
                one.facts.sector,
                name(types.ExploitationType.DESCRIPTOR, one.facts.exploitation_type),
                _next_deadline(one),
            ]
            for one in page.referrals
        ),
    )
    return paged(table, bool(page.referrals), "referral", page.next_page_token)


def paged(table: Table, filled: bool, what: str, next_page_token: str) -> RenderableType:
    """A page of a list, and how to get the next."""
    if not filled:
        return f"No {what} matches."
    if not next_page_token:
        return table
    return Group(table, f"\nMore: --page-token {next_page_token}")


def referral_line(found: triage.Referral) -> str:
    """Where a referral stands, on one line."""
    return "  ".join(
        [_priority(found), _referral_state(found), found.referral_id, found.handle, found.etag]
    )


def _amount(item: remedy.RemedyItem) -> str:
    return f"{item.currency_code} {item.amount}" if item.amount else ""


def _item_note(item: remedy.RemedyItem) -> str:
    verified = (
        name(remedy.VerifierKind.DESCRIPTOR, item.verifier),
        name(remedy.VerificationMethod.DESCRIPTOR, item.method),
        name(remedy.DisputeReason.DESCRIPTOR, item.dispute_reason),
        name(remedy.CancellationReason.DESCRIPTOR, item.cancellation_reason),
    )
    return " ".join(part for part in verified if part)


_ITEM_HEADINGS = ["ITEM", "STATE", "KIND", "INDICATOR", "PEOPLE", "AMOUNT", "DUE", "NOTE"]


def _item_row(item: remedy.RemedyItem) -> list[str]:
    return [
        item.item_id,
        name(types.RemedyItemState.DESCRIPTOR, item.state),
        name(types.RemedyKind.DESCRIPTOR, item.kind),
        name(types.Indicator.DESCRIPTOR, item.indicator),
        str(item.beneficiaries or ""),
        _amount(item),
        item.due_date,
        _item_note(item),
    ]


def item(found: remedy.RemedyItem) -> RenderableType:
    """One remedy item."""
    return columns(_ITEM_HEADINGS, [_item_row(found)])


def plan(found: remedy.Remedy) -> RenderableType:
    """The remedy of a case: where it stands, its items, its sums."""
    totals = [
        f"{one.currency_code} agreed {one.agreed}, "
        f"delivered {one.delivered}, verified {one.verified}"
        for one in found.totals
    ]
    head = details(
        [
            ("Case", found.handle),
            ("Remedy", name(remedy.RemedyState.DESCRIPTOR, found.state)),
            ("Owed for", listed(types.Indicator, found.indicators)),
            ("Not yet remedied", listed(types.Indicator, found.unremedied)),
            ("Verifiers", ", ".join(found.verifiers)),
            ("Sums", "\n".join(totals)),
            ("Etag", found.etag),
        ]
    )
    if not found.items:
        return head
    return Group(head, "", columns(_ITEM_HEADINGS, map(_item_row, found.items)))


def plan_line(found: remedy.Remedy) -> str:
    """Where remedy stands, on one line."""
    states = [name(types.RemedyItemState.DESCRIPTOR, one.state) for one in found.items]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    state = name(remedy.RemedyState.DESCRIPTOR, found.state)
    return f"{found.handle}  {state}  {counts or 'no items'}  {found.etag}"


def assignments(page: remedy.ListAssignmentsResponse) -> RenderableType:
    """A page of the items to verify."""
    table = columns(
        ["COUNTRY", "SECTOR", *_ITEM_HEADINGS],
        ([one.country, one.sector, *_item_row(one.item)] for one in page.assignments),
    )
    return paged(table, bool(page.assignments), "assignment", page.next_page_token)


def feed_line(event: notification_events.RemedyFeedEvent) -> str:
    """A feed event as day, pseudonym of the case and sentence."""
    return f"{event.date}  {event.subject}  {sentence(event.event)}"
