"""What may happen to a remedy: commands, and what other services' events mean for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

from services.remedy.domain import events
from services.remedy.domain.remedy import Item, ItemState, Remedy, RemedyState
from shared.decisions import Decision
from shared.errors import Kind, Refusal, Violation, invalid, not_found, wrong_state

VERIFIERS = ("AUTHORITY", "NGO", "WORKERS")
"""Who may confirm or contest. The company that owes the remedy never may."""


class Step(NamedTuple):
    """One way for an item from state to state; there is no other."""

    name: str
    sources: tuple[ItemState, ...]
    target: ItemState


AGREE = Step("agree to it", (ItemState.PLANNED,), ItemState.AGREED)
START = Step("start it", (ItemState.AGREED, ItemState.DISPUTED), ItemState.IN_PROGRESS)
DELIVER = Step("deliver it", (ItemState.IN_PROGRESS,), ItemState.DELIVERED)
VERIFY = Step("verify it", (ItemState.DELIVERED,), ItemState.VERIFIED)
DISPUTE = Step("dispute it", (ItemState.DELIVERED, ItemState.VERIFIED), ItemState.DISPUTED)
CANCEL = Step(
    "cancel it",
    (
        ItemState.PLANNED,
        ItemState.AGREED,
        ItemState.IN_PROGRESS,
        ItemState.DISPUTED,
        ItemState.DELIVERED,
    ),
    ItemState.CANCELLED,
)
STEPS = (AGREE, START, DELIVER, VERIFY, DISPUTE, CANCEL)


def _existing(remedy: Remedy | None) -> Remedy:
    if remedy is None:
        raise not_found("remedy")
    return remedy


def _under_way(remedy: Remedy | None, wanted: str) -> Remedy:
    """Opened, and its referral has not ended."""
    found = _existing(remedy)
    if found.ended:
        raise wrong_state("the referral of the case", "ended", wanted, ())
    if not found.opened:
        waiting = ("wait until a desk accepts the case",)
        raise wrong_state("the remedy", "not opened yet", wanted, waiting)
    return found


def _step(remedy: Remedy, item_id: str, step: Step, **changes: str) -> tuple[Remedy, Item]:
    """The remedy after the step, and the item that took it."""
    item = remedy.item(item_id)
    if item.state not in step.sources:
        allowed = [other.name for other in STEPS if item.state in other.sources]
        raise wrong_state("the item", item.state, step.name, allowed)
    moved = replace(item, state=step.target, **changes)  # type: ignore[arg-type]
    items = tuple(moved if one.item_id == item_id else one for one in remedy.items)
    return replace(remedy, items=items), moved


def _happened(before: Remedy, after: Remedy, *first: Any) -> Decision[Remedy]:
    """What happened, and that the remedy closed or reopened by it."""
    was_closed, is_closed = (one.state == RemedyState.CLOSED for one in (before, after))
    if was_closed == is_closed:
        return Decision(after, first)
    then = events.RemedyClosed if is_closed else events.RemedyReopened
    return Decision(after, (*first, then.of(after)))


def _independent(kind: str) -> None:
    if kind not in VERIFIERS:
        raise Refusal(
            Kind.DENIED,
            f"{kind or 'this caller'} can neither verify nor dispute an item: that is for the "
            "desk, an organisation that it named, or the workers, never for the one who owes it",
        )


def propose_plan(remedy: Remedy | None, *, items: Sequence[Item], today: date) -> Decision[Remedy]:
    """New items in place of those still planned; what the desk agreed to stays.

    Raises Refusal (INVALID) for an indicator that was not found or a date that has passed.
    """
    owing = _under_way(remedy, "propose a plan")
    if faults := [*_faults(owing, items, today)]:
        raise invalid(faults)
    kept = tuple(item for item in owing.items if item.state != ItemState.PLANNED)
    proposed = replace(owing, items=(*kept, *items))
    return _happened(owing, proposed, events.RemedyPlanProposed.of(proposed, tuple(items)))


def _faults(remedy: Remedy, items: Sequence[Item], today: date) -> list[Violation]:
    faults = []
    for place, item in enumerate(items):
        if item.indicator not in remedy.indicators:
            found = ", ".join(remedy.indicators)
            text = f"{item.indicator} is not among the indicators found: name one of {found}"
            faults.append(Violation(f"items[{place}].indicator", text))
        if item.due_date < today.isoformat():
            text = f"{item.due_date} has passed: name a day not before {today}, today in UTC"
            faults.append(Violation(f"items[{place}].due_date", text))
    return faults


def agree_plan(remedy: Remedy | None, *, verifiers: Sequence[str], today: date) -> Decision[Remedy]:
    """Every planned item is agreed, and these organisations join those that may verify."""
    agreed = before = _under_way(remedy, "agree to a plan")
    planned = [item.item_id for item in before.items if item.state == ItemState.PLANNED]
    if not planned:
        waiting = ("wait until the company proposes items",)
        raise wrong_state("the remedy", before.state, "agree to a plan", waiting)
    for item_id in planned:
        agreed, _ = _step(agreed, item_id, AGREE, agreed_on=today.isoformat())
    agreed = replace(agreed, verifiers=tuple(dict.fromkeys((*before.verifiers, *verifiers))))
    items = tuple(item for item in agreed.items if item.item_id in planned)
    return _happened(before, agreed, events.RemedyPlanAgreed.of(agreed, items))


def record_progress(remedy: Remedy | None, *, item_id: str, state: str) -> Decision[Remedy]:
    """The company says that an item is under way, or done."""
    owing = _under_way(remedy, "record progress")
    start = state == ItemState.IN_PROGRESS
    moved, item = _step(owing, item_id, START if start else DELIVER)
    kind = events.RemedyItemStarted if start else events.RemedyItemDelivered
    return _happened(owing, moved, kind(*_whose(moved), events.facts(item)))


def verify_item(
    remedy: Remedy | None, *, item_id: str, method: str, verifier: str
) -> Decision[Remedy]:
    """Someone other than the company confirms a delivered item."""
    _independent(verifier)
    before = _existing(remedy)
    changes = {"method": method, "verifier": verifier, "dispute_reason": ""}
    moved, item = _step(before, item_id, VERIFY, **changes)
    event = events.RemedyItemVerified(*_whose(moved), events.facts(item), method, verifier)
    return _happened(before, moved, event)


def dispute_item(
    remedy: Remedy | None, *, item_id: str, reason: str, disputant: str
) -> Decision[Remedy]:
    """Someone other than the company contests a delivered or verified item."""
    _independent(disputant)
    before = _existing(remedy)
    changes = {"method": "", "verifier": "", "dispute_reason": reason}
    moved, item = _step(before, item_id, DISPUTE, **changes)
    event = events.RemedyItemDisputed(*_whose(moved), events.facts(item), reason, disputant)
    return _happened(before, moved, event)


def cancel_item(remedy: Remedy | None, *, item_id: str, reason: str) -> Decision[Remedy]:
    """The desk takes an item out of the plan."""
    before = _existing(remedy)
    moved, item = _step(before, item_id, CANCEL, cancellation_reason=reason)
    event = events.RemedyItemCancelled(*_whose(moved), events.facts(item), reason)
    return _happened(before, moved, event)


def _whose(remedy: Remedy) -> tuple[str, str, str]:
    return remedy.handle, remedy.country, remedy.sector


@dataclass(frozen=True)
class Facts:
    """Where the harm was done."""

    country: str
    sector: str


@dataclass(frozen=True)
class Report:
    """What a report, or its amendment, says of remedy."""

    facts: Facts
    ilo_indicators: tuple[str, ...]
    desk: str = ""


def file_report(handle: str, report: Report) -> Decision[Remedy]:
    """What will be owed once a desk takes the case up."""
    where = report.facts
    return Decision(Remedy(handle, where.country, where.sector, report.desk, report.ilo_indicators))


def amend_report(remedy: Remedy, report: Report) -> Decision[Remedy]:
    """Other facts, and other indicators found.

    Once opened, an indicator is added and never taken away: otherwise the company that owes
    remedy for it could close the remedy by itself.
    """
    found = report.ilo_indicators
    if remedy.opened:
        found = tuple(dict.fromkeys((*remedy.indicators, *found)))
    where = report.facts
    amended = replace(remedy, country=where.country, sector=where.sector, indicators=found)
    return _happened(remedy, amended)


def accept_referral(remedy: Remedy, *, referral_id: str, desk: str) -> Decision[Remedy]:
    """A desk takes the case up: remedy is owed. Another one later takes it over as it is."""
    taken = replace(remedy, referral_id=referral_id, desk=desk, ended=False)
    if remedy.opened:
        return Decision(taken)
    return _happened(remedy, taken, events.RemedyOpened.of(taken))


def end_referral(remedy: Remedy, *, referral_id: str) -> Decision[Remedy]:
    """The company can do no more. What was done stays on record, and may still be verified.

    A referral to another desk that came to nothing leaves the case where it is.
    """
    if remedy.opened and referral_id != remedy.referral_id:
        return Decision(remedy)
    return Decision(replace(remedy, ended=True))
