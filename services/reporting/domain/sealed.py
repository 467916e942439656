"""What is sealed, as far as the platform must know: whose turn it is, under which epoch, for whom.

Company and desks each number what they write, without gaps; desks count together, so that a
transfer begins no second count. Each transfer begins an epoch, whose content key the company
seals to the new desk with the first thing that it writes there; so does a desk's new key, because
who held the old one knows the content keys so far.
"""

from dataclasses import dataclass, replace

from services.reporting.domain.events import CaseResealed, MessageSent, ResealConfirmed
from services.reporting.domain.model import Case, CaseState
from shared.decisions import Decision
from shared.errors import Kind, Refusal, Violation, invalid, not_found, wrong_state

COMPANY, DESK = "COMPANY", "DESK"


@dataclass(frozen=True)
class Lodged:
    """What a company's command brings sealed; 0 is nothing."""

    number: int = 0
    """The content's."""
    epoch: int = 0
    """That the content is under."""
    key_epoch: int = 0
    """Whose content key is there as well."""
    identity: bool = False


NOTHING = Lodged()


def take(case: Case, lodged: Lodged) -> Case:
    """The case with what the company lodged. Raises Refusal where it does not follow."""
    if not lodged.number:
        if lodged.key_epoch:
            fault = "comes with the first content of its epoch, and there is no content here"
            raise invalid([Violation("content_key", fault)])
        return case
    _follows(COMPANY, lodged.number, case.company_number)
    epoch = case.epoch_now
    if lodged.epoch != epoch:
        raise _stale(
            f"the content is under epoch {lodged.epoch}, and the case is in epoch {epoch}: read "
            "the case, and seal under that epoch"
        )
    has_key = case.key_epoch == epoch
    if has_key and lodged.key_epoch:
        raise _stale(f"the content key of epoch {epoch} is here already: leave it out")
    if not has_key and lodged.key_epoch != epoch:
        raise _stale(
            f"nothing was written under epoch {epoch} before: seal its content key to "
            f"{case.desk_now} and send it along"
        )
    return replace(case, company_number=lodged.number, key_epoch=epoch)


def company_message(case: Case | None, *, lodged: Lodged, purpose: str) -> Decision[Case]:
    """What the company writes to the desk."""
    known = in_dialogue(case)
    if not lodged.number:
        raise invalid([Violation("content", "is required: a message is a content")])
    written = take(known, lodged)
    return Decision(written, (MessageSent(written.handle, COMPANY, lodged.number, purpose),))


def desk_message(case: Case | None, *, number: int, purpose: str) -> Decision[Case]:
    """What the desk writes to the company."""
    known = in_dialogue(case)
    _follows(DESK, number, known.desk_number)
    written = replace(known, desk_number=number)
    return Decision(written, (MessageSent(known.handle, DESK, number, purpose),))


def reseal(case: Case | None, *, desk: str, keys: bool) -> Decision[Case]:
    """The case sealed for another desk, or for a new key of its own.

    `keys` says whether the content keys are among what is sealed.
    """
    known = in_dialogue(case)
    used = known.key_epoch == known.epoch_now
    if keys and used and desk == known.desk_now:
        known = replace(known, epoch=known.epoch_now + 1)
    return Decision(known, (CaseResealed(known.handle, desk),))


def confirm(case: Case | None) -> Decision[Case]:
    """The desk that took the case over opens it: the one before is done with it."""
    known = in_dialogue(case)
    if not known.previous_desk:
        raise Refusal(
            Kind.WRONG_STATE, "nothing waits to be confirmed: the case has come from no other desk"
        )
    confirmed = replace(known, previous_desk="")
    return Decision(confirmed, (ResealConfirmed(known.handle, known.desk_now),))


def hand_over(case: Case, desk: str) -> Case:
    """The case with its next desk. What the one before had agreed to, this one has not."""
    return replace(
        case,
        handling_desk=desk,
        previous_desk=case.desk_now,
        epoch=case.epoch_now + 1,
        erasure=None if case.erasure and case.erasure.party == DESK else case.erasure,
    )


def place(case: Case) -> int:
    """Place in the dialogue of what was written last."""
    return case.company_number + case.desk_number


def in_dialogue(case: Case | None) -> Case:
    """A reported case. That the referral has ended ends no dialogue: reasons follow decisions."""
    if case is None:
        raise not_found("case")
    if case.state == CaseState.ERASED or case.filed_at is None:
        raise wrong_state("the case", case.state, "write in it", ())
    return case


def _follows(sender: str, number: int, last: int) -> None:
    if number != last + 1:
        raise _stale(
            f"the next number of the {sender.lower()} in this case is {last + 1}, and this is "
            f"{number}: read what was written meanwhile, and sign again with that number"
        )


def _stale(message: str) -> Refusal:
    return Refusal(Kind.STALE, message)
