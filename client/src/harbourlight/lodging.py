"""What a company gets for what it lodges: receipts, checked before anybody is told of success.

A receipt is worth keeping only if it is of what was really sent. So its salt must be made of this
request's own nonce, key and hash, it must name this case and the event that the request asks for,
and its promise must be signed for this very commitment.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from harbourlight.errors import Untrusted
from harbourlight.keys.directory import Directory
from harbourlight.keys.entries import Kind
from harbourlight.proofs.challenges import Opening
from harbourlight.proofs.notes import ED25519, BadNote, VerifierKey
from harbourlight.proofs.promises import Promise, open_promise
from harbourlight.proofs.receipts import BadReceipt, ReceiptText
from harbourlight.signing import WINDOW_SECONDS, CaseKey
from harbourlight.types.v1 import sealed_pb2

INCLUDED_WITHIN = timedelta(seconds=61)
"""From what is promised to when: a minute, and the rest of a second."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EVENTS = "harbourlight.reporting.v1."
EVENTS = {
    "PlaceMarkerRequest": "MarkerPlaced",
    "PerfectMarkerRequest": "ReportFiled",
    "SubmitReportRequest": "ReportFiled",
    "AmendReportRequest": "ReportAmended",
    "WithdrawReportRequest": "ReportWithdrawn",
    "SendMessageRequest": "MessageSent",
}
"""Request -> the event that its receipt is of."""


@dataclass(frozen=True)
class Lodged:
    """A receipt with all that its holder needs to show that it is theirs."""

    text: ReceiptText
    promise: str
    """The signed note; empty where the service gave none."""
    opening: Opening = field(repr=False)
    request: bytes | None = field(default=None, repr=False, compare=False)
    """The exact bytes that were lodged; None where the receipt was brought back from the words."""

    @property
    def include_by(self) -> datetime | None:
        """When the ledger has it at the latest, as promised; None without a promise."""
        if not self.promise:
            return None
        return Promise.parse(self.promise.partition("\n\n")[0] + "\n").include_by


def opening_of(nonce: bytes, key: CaseKey, request: bytes) -> Opening:
    """What the salt of the receipt of these exact request bytes is made of."""
    return Opening(nonce, key.public_bytes, hashlib.sha256(request).digest())


def promisers(directory: Directory, service: str, at: datetime) -> list[VerifierKey]:
    """Keys that a service's promises of a time are checked against, as the directory has them."""
    name = f"{directory.trust.origin}/{service}"
    return [
        VerifierKey(name, ED25519, key.entry.signing)
        for key in directory.keys
        if (key.entry.kind, key.entry.name) == (Kind.SERVICE, service)
        and not directory.problem(key, at)
    ]


@dataclass(frozen=True)
class Checker:
    """What receipts of one case are checked against."""

    origin: str
    handle: str
    promisers: Sequence[VerifierKey] = ()
    """Keys of the service's promises. Without one, promises are kept unchecked."""

    def check(
        self, given: sealed_pb2.Receipt, opening: Opening, now: datetime, request: str = ""
    ) -> Lodged:
        """The receipt, where it is of this opening and, if a name is given, of such a request.

        Raises Untrusted, which says what does not fit.
        """
        try:
            text = ReceiptText.parse(given.text)
            self._check_text(text, opening, now)
            wanted = EVENTS.get(request)
            if wanted and text.event_type != _EVENTS + wanted:
                raise BadReceipt(f"it is of {text.event_type} and not of {_EVENTS}{wanted}")
            if self.promisers:
                self._check_promise(text, given.promise)
        except (BadReceipt, BadNote) as error:
            raise Untrusted(f"the receipt does not hold: {error}") from None
        return Lodged(text, given.promise, opening)

    def _check_text(self, text: ReceiptText, opening: Opening, now: datetime) -> None:
        if text.handle != self.handle:
            raise BadReceipt(f"it is of the case {text.handle}")
        # Files are named after it.
        if not _UUID.fullmatch(text.event_id):
            raise BadReceipt(f"its event id is {text.event_id!r} and not a UUID")
        if text.salt != opening.salt:
            raise BadReceipt("it is not of what was sent: its salt is another")
        if text.time > now + timedelta(seconds=WINDOW_SECONDS):
            raise BadReceipt(f"its time, {text.time.isoformat()}, is still to come")

    def _check_promise(self, text: ReceiptText, note: str) -> None:
        promise = open_promise(note, self.promisers)
        if promise.origin != self.origin:
            raise BadNote(f"the promise is by {promise.origin!r} and not by {self.origin!r}")
        if promise.commitment != text.commitment:
            raise BadNote("the promise is of another receipt")
        if promise.include_by > text.time + INCLUDED_WITHIN:
            raise BadNote(f"the promise ends only at {promise.include_by.isoformat()}")
