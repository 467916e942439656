"""Checkpoints (C2SP tlog-checkpoint): a log's signed word on how many entries it has and which."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from harbourlight.proofs import merkle, notes
from harbourlight.proofs.merkle import HASH_BYTES, LARGEST_SIZE
from harbourlight.proofs.notes import BadNote, Note, SignerKey, VerifierKey

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


def parse_decimal(text: str, what: str) -> int:
    """A whole number as logs write it, without leading zeros. Raises BadNote."""
    if not _DECIMAL.fullmatch(text) or int(text) > LARGEST_SIZE:
        raise BadNote(f"{what} is {text[:40]!r} and not a whole number below 2^63")
    return int(text)


@dataclass(frozen=True)
class Checkpoint:
    """The tree that a log had at one moment."""

    origin: str
    """Name of the log."""
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()
    """Further lines, which mean nothing here."""

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """From the text of its note. Raises BadNote."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise BadNote("a checkpoint has three lines: the log's name, its size and its root")
        origin, size, root, *more = lines
        found = cls(
            origin,
            parse_decimal(size, "the size of the checkpoint"),
            notes.decode(root, "the root of the checkpoint"),
            tuple(more),
        )
        if len(found.root) != HASH_BYTES:
            raise BadNote(f"the root of the checkpoint is not {HASH_BYTES} bytes long")
        if found.size == 0 and found.root != merkle.EMPTY_ROOT:
            raise BadNote("the checkpoint is of an empty log, and its root is not that of one")
        return found

    def __str__(self) -> str:
        lines = (self.origin, str(self.size), notes.encode(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    def sign(self, key: SignerKey) -> Note:
        """The note that the log serves. Raises BadNote where the key is another log's."""
        if key.verifier.name != self.origin:
            raise BadNote(f"the key of {key.verifier.name} does not sign for {self.origin}")
        return Note.sign(str(self), key)


@dataclass(frozen=True)
class Cosigned:
    """A witness saw a checkpoint, and that it agrees with all it saw before."""

    witness: VerifierKey
    time: datetime
    """When it said so, in UTC, to the second."""


@dataclass(frozen=True)
class Opened:
    """A checkpoint whose signatures have been checked."""

    checkpoint: Checkpoint
    note: Note
    cosigned: tuple[Cosigned, ...]
    """By each trusted witness that signed, its earliest word; the earliest witness first."""


def open_checkpoint(
    written: str | bytes | Note, log: VerifierKey, witnesses: Sequence[VerifierKey] = ()
) -> Opened:
    """The checkpoint in a note that `log` signed.

    Raises BadNote where the log did not sign it, it is another log's, or a signature by the log or
    one of the `witnesses` does not hold. Signatures by others are ignored.
    """
    note = written if isinstance(written, Note) else Note.parse(written)
    found = note.verified((log, *witnesses))
    if not any(key == log for key, _ in found):
        raise BadNote(f"the checkpoint is not signed by the log's key {log}")
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != log.name:
        raise BadNote(
            f"the checkpoint is of the log {checkpoint.origin[:80]!r} and not of {log.name!r}"
        )
    times: dict[VerifierKey, datetime] = {}
    for key, signature in found:
        if key != log:
            time = moment(signature.timestamp)
            times[key] = min(time, times.get(key, time))
    cosigned = [Cosigned(key, time) for key, time in times.items()]
    return Opened(checkpoint, note, tuple(sorted(cosigned, key=lambda one: one.time)))


def moment(seconds: int) -> datetime:
    """Seconds since 1970 as a time. Raises BadNote where no calendar goes so far."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise BadNote(f"{seconds} seconds since 1970 is no time that can be written") from None
