"""What was written in a case, as its reader sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from harbourlight.errors import CannotOpen, Untrusted
from harbourlight.reporting.v1 import content_pb2 as pb
from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.sealing.signed import Written

M = TypeVar("M", bound=Message)

Body = sealed.Message | sealed.Reasons
"""Of what is no report and no file."""
CONTENT, MESSAGE, REASONS, EVIDENCE = "content", "message", "reasons", "evidence"
"""Kinds of what is written, as it is signed and encrypted: one that is passed off as another would
be read as a body that its sender did not write."""
_KINDS = {
    pb.MESSAGE_PURPOSE_REPORT: CONTENT,
    pb.MESSAGE_PURPOSE_REASON: REASONS,
    pb.MESSAGE_PURPOSE_EVIDENCE: EVIDENCE,
}
_BODIES: dict[int, type[Message]] = {
    pb.MESSAGE_PURPOSE_REPORT: sealed.Content,
    pb.MESSAGE_PURPOSE_REASON: sealed.Reasons,
    pb.MESSAGE_PURPOSE_EVIDENCE: sealed.EvidenceDescription,
}


def kind_of(purpose: pb.MessagePurpose) -> str:
    """The kind that something written for this purpose has."""
    return _KINDS.get(purpose, MESSAGE)


@dataclass(frozen=True)
class Letter:
    """One thing that was written: opened, and proven to be its sender's, or why it is not shown."""

    place: int
    """Place in the dialogue."""
    sender: pb.Sender
    purpose: pb.MessagePurpose
    time: datetime
    """When the platform took it in."""
    desk: str
    """That handled the case then."""
    number: int
    """The sender's own count."""
    body: sealed.Content | sealed.EvidenceDescription | Body | None = None
    """A report's content, a file's description, or a message; None where it is not shown."""
    signer_key_id: str = ""
    """Key of the directory that signed it; the handle where the company did."""
    digest: bytes = b""
    """SHA-256 of what was signed: an answer names it."""
    problem: str = ""
    """Why it is not shown; empty where it is."""

    @property
    def text(self) -> str:
        """What was written, in words; empty where it is not shown."""
        if isinstance(self.body, sealed.Content):
            return self.body.narrative
        if isinstance(self.body, sealed.EvidenceDescription):
            return f"{self.body.file_name}: {self.body.description}".rstrip(": ")
        return self.body.text if self.body is not None else ""


def kind_of_body(body: Body) -> str:
    """The kind that a message has."""
    return REASONS if isinstance(body, sealed.Reasons) else MESSAGE


def read(found: pb.Message, open_it: Callable[[], Written]) -> Letter:
    """The letter that a stored message is, if it opens and is signed by who may write it.

    `open_it` raises CannotOpen or Untrusted where it is not.
    """
    problem, body, signer, digest = "", None, "", b""
    try:
        written = open_it()
        body = parse(_BODIES.get(found.purpose, sealed.Message), written.body)
        signer, digest = written.signer_key_id, written.digest
    except (CannotOpen, Untrusted) as error:
        problem = error.message
    return Letter(
        found.place,
        found.sender,
        found.purpose,
        found.time.ToDatetime(UTC),
        found.desk,
        found.content.number,
        body,  # type: ignore[arg-type]  # one of the kinds above
        signer,
        digest,
        problem,
    )


def body_of(
    purpose: pb.MessagePurpose, text: str, *, act: str = "", in_reply_to: bytes = b""
) -> Body:
    """The body of a message for this purpose; `act` is what reasons are given for."""
    if purpose == pb.MESSAGE_PURPOSE_REASON:
        return sealed.Reasons(act=act, text=text)
    return sealed.Message(text=text, in_reply_to=in_reply_to)


class Sequence:
    """Sees to it that nothing is missing, or twice, of what comes in the order of its places."""

    def __init__(self, after_place: int = 0) -> None:
        """What comes first is behind a place: from there on, each sender's count is known."""
        self._place = after_place
        self._from_start = after_place == 0
        self._numbers: dict[int, int] = {}

    def check(self, found: pb.Message) -> None:
        """Raises Untrusted where this is not the next one, as its sender counts."""
        unknown = 0 if self._from_start else found.content.number - 1
        last = self._numbers.get(found.sender, unknown)
        if found.place != self._place + 1 or found.content.number != last + 1:
            raise Untrusted(
                f"message {found.place} is number {found.content.number} of its sender, and the "
                f"last one was number {last}: the platform holds something back, or shows it twice"
            )
        self._place, self._numbers[found.sender] = found.place, found.content.number


def parse(kind: type[M], body: bytes) -> M:
    """A plaintext message. Raises CannotOpen where the bytes are none."""
    try:
        return kind.FromString(body)
    except DecodeError:
        raise CannotOpen(
            f"what was sealed is no {kind.DESCRIPTOR.name} that this client can read: its sender "
            "has another version, or a broken one"
        ) from None
