"""Rules of files that belong to a case, without any I/O or clock."""

from dataclasses import dataclass, replace
from enum import StrEnum

from services.reporting.domain.events import EvidenceAdded
from services.reporting.domain.model import Case
from services.reporting.domain.sealed import Lodged, in_dialogue, take
from shared.decisions import Decision
from shared.errors import Kind, Refusal, Violation, invalid

MOST_BYTES = 8 * 1024**3
"""Bytes of ciphertext that a case may hold."""


class EvidenceState(StrEnum):
    """Where a file stands."""

    ARRIVING = "ARRIVING"
    COMPLETE = "COMPLETE"


@dataclass(frozen=True)
class Declared:
    """What the company says will come."""

    number: int
    """The description's; it names the file within the case."""
    hash: bytes
    """SHA-256 of the whole declaration: a file is gone on with under the same one alone."""
    size: int
    """Bytes of ciphertext."""
    sha256: bytes
    """Of the ciphertext."""


@dataclass(frozen=True)
class Evidence:
    """A file of a case."""

    declared: Declared
    place: int
    """Of its description among the case's messages."""
    state: EvidenceState = EvidenceState.ARRIVING
    received: int = 0
    """Bytes that are kept."""


def declare(case: Case | None, declared: Declared, lodged: Lodged, *, kept_bytes: int) -> Case:
    """The case with the description of a file that is to come.

    `kept_bytes` is what the case's files take already. Raises Refusal.
    """
    if kept_bytes + declared.size > MOST_BYTES:
        raise Refusal(
            Kind.WRONG_STATE,
            f"the case's files would take {kept_bytes + declared.size} bytes, and {MOST_BYTES} is "
            "the most: hand the rest to the desk in another way",
        )
    return take(in_dialogue(case), lodged)


def go_on(found: Evidence, declared: Declared) -> None:
    """Refuses to go on with a file under another declaration than it began with."""
    if found.declared != declared:
        raise Refusal(
            Kind.REUSED_REQUEST_ID,
            f"number {declared.number} of this case is another file: send the same first message "
            "to go on with that one, or take the next number",
        )


def place_chunk(evidence: Evidence, offset: int, length: int, *, arrived: int) -> None:
    """Refuses a chunk that does not follow on the `arrived` bytes, or goes beyond the end."""
    size, faults = evidence.declared.size, []
    if length == 0:
        faults.append(Violation("chunk.data", "is empty: leave such a message out"))
    if offset != arrived:
        faults.append(
            Violation("chunk.offset", f"is {offset}, and {arrived} bytes have arrived: go on there")
        )
    elif offset + length > size:
        fault = f"goes on to byte {offset + length} of a file that was declared to have {size}"
        faults.append(Violation("chunk.data", fault))
    if faults:
        raise invalid(faults)


def complete(evidence: Evidence, handle: str, digest: bytes) -> Decision[Evidence]:
    """The file is whole, if what is kept is what was declared.

    `digest` is the SHA-256 of what is kept. Raises Refusal.
    """
    if digest != evidence.declared.sha256:
        fault = (
            f"what arrived has the SHA-256 {digest.hex()}: none of it is kept, so read the file "
            "again and send it anew"
        )
        raise invalid([Violation("sha256", fault)])
    return Decision(
        replace(evidence, state=EvidenceState.COMPLETE),
        (EvidenceAdded(handle, evidence.declared.number),),
    )
