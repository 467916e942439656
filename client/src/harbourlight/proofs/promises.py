"""Promises: a service's signed word, given at once, that the ledger will have a commitment in time.

A promise is a signed note whose text is four lines, each ended by a newline:

    harbourlight.promise.v1
    <origin>        the installation, such as harbourlight.local
    <commitment>    32 bytes, standard base64
    <include by>    RFC 3339 in UTC, whole seconds and Z

Whoever holds one that was not kept can show it to anybody: that is why it is signed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from harbourlight.proofs import notes
from harbourlight.proofs.notes import BadNote, Note, SignerKey, VerifierKey

VERSION = "harbourlight.promise.v1"
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_COMMITMENT_BYTES = 32


@dataclass(frozen=True)
class Promise:
    """That the ledger of `origin` holds the commitment no later than `include_by`."""

    origin: str
    commitment: bytes
    include_by: datetime
    """In UTC; written in whole seconds, rounded up."""

    @classmethod
    def parse(cls, text: str) -> "Promise":
        """From its four lines. Raises BadNote."""
        lines = text.split("\n")
        if len(lines) != 5 or lines[4] or lines[0] != VERSION or not lines[1]:
            raise BadNote(f"a promise is four lines, each ended by a newline, and begins {VERSION}")
        _, origin, commitment, by = lines[:4]
        if not _TIME.fullmatch(by):
            raise BadNote(f"the promise's time is {by[:40]!r}: expected UTC, whole seconds and Z")
        try:
            time = datetime.fromisoformat(by)
        except ValueError as error:
            raise BadNote(f"the promise's time is {by!r}: {error}") from None
        found = cls(origin, notes.decode(commitment, "the promise's commitment"), time)
        if len(found.commitment) != _COMMITMENT_BYTES:
            raise BadNote(f"the promise's commitment is not {_COMMITMENT_BYTES} bytes long")
        return found

    def __str__(self) -> str:
        by = self.include_by.astimezone(UTC)
        if by.microsecond:
            by = by.replace(microsecond=0) + timedelta(seconds=1)
        time = by.isoformat().replace("+00:00", "Z")
        lines = (VERSION, self.origin, notes.encode(self.commitment), time)
        return "".join(f"{line}\n" for line in lines)

    def sign(self, key: SignerKey) -> str:
        """The note; the same promise by the same key is the same note. Raises BadNote."""
        text = str(self)
        return str(Note(text, (key.sign(text),)))


def open_promise(written: str | bytes, keys: Sequence[VerifierKey]) -> Promise:
    """The promise in a note that one of these keys signed. Raises BadNote."""
    note = Note.parse(written)
    if not note.verified(keys):
        known = ", ".join(key.name for key in keys) or "none"
        raise BadNote(f"the promise is not signed by a key that is trusted for it ({known})")
    return Promise.parse(note.text)
