"""Proof files (C2SP tlog-proof): an entry's place in a log, and the checkpoint that proves it.

c2sp.org/tlog-proof@v1
extra <base64>         optional: a receipt's text
index <number>
<base64>               the inclusion proof, a hash a line
<empty line>
<checkpoint>
"""

from dataclasses import dataclass

from harbourlight.proofs import notes
from harbourlight.proofs.checkpoints import parse_decimal
from harbourlight.proofs.merkle import HASH_BYTES, MOST_HASHES
from harbourlight.proofs.notes import BadNote, Note

VERSION = "c2sp.org/tlog-proof@v1"
SUFFIX = ".tlog-proof"
MOST_BYTES = 320 * 1024
_MOST_EXTRA = 8 * 1024
"""Of base64; a receipt's text takes some 400."""


@dataclass(frozen=True)
class ProofFile:
    """What a proof file says: nothing in it is believed before it is verified."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: Note
    extra: bytes | None = None
    """Not proven by itself: what it is must follow from the entry. None in a bare one."""

    @classmethod
    def parse(cls, written: str | bytes) -> "ProofFile":
        """Reads a file. Raises BadNote where it is none, or longer than any is."""
        if len(written) > MOST_BYTES:
            raise BadNote(f"the proof file is longer than {MOST_BYTES} bytes")
        try:
            text = written if isinstance(written, str) else written.decode()
        except UnicodeDecodeError:
            raise BadNote("the proof file is not UTF-8") from None
        head, gap, checkpoint = text.partition("\n\n")
        lines = head.split("\n", MOST_HASHES + 4)
        if lines.pop(0) != VERSION or not gap:
            raise BadNote(
                f"a proof file begins with the line {VERSION}, "
                "and an empty line stands before its checkpoint"
            )
        extra = _extra(lines.pop(0)) if lines and lines[0].startswith("extra ") else None
        name, _, index = lines.pop(0).partition(" ") if lines else ("", "", "")
        if name != "index":
            raise BadNote("the proof file has no line that says index and a number")
        if len(lines) > MOST_HASHES:
            raise BadNote(f"the proof file has more than {MOST_HASHES} hashes")
        return cls(
            parse_decimal(index, "the index of the proof file"),
            tuple(parse_hash(line, "a hash of the proof file") for line in lines),
            Note.parse(checkpoint),
            extra,
        )

    def __str__(self) -> str:
        lines = [VERSION]
        if self.extra is not None:
            lines.append(f"extra {notes.encode(self.extra)}")
        lines.append(f"index {self.index}")
        lines += map(notes.encode, self.hashes)
        return "".join(f"{line}\n" for line in lines) + f"\n{self.checkpoint}"

    def with_extra(self, extra: bytes | None) -> "ProofFile":
        """The same proof, with this beside it or bare."""
        return ProofFile(self.index, self.hashes, self.checkpoint, extra)


def _extra(line: str) -> bytes:
    encoded = line.removeprefix("extra ")
    if len(encoded) > _MOST_EXTRA:
        raise BadNote(f"the extra line of the proof file is longer than {_MOST_EXTRA} characters")
    return notes.decode(encoded, "the extra line of the proof file")


def parse_hash(line: str, what: str) -> bytes:
    """A hash in base64. Raises BadNote."""
    found = notes.decode(line, what)
    if len(found) != HASH_BYTES:
        raise BadNote(f"{what} is not {HASH_BYTES} bytes long")
    return found
