"""A witness: remembers the last tree of each log that it saw, and cosigns only what continues it.

What it remembers is on disk before anything it signed is told, so that a crash cannot make it sign
two trees that disagree.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl

from harbourlight.errors import BadFile
from harbourlight.privatefile import write_private
from harbourlight.proofs import merkle
from harbourlight.proofs.checkpoints import Checkpoint, Opened, open_checkpoint
from harbourlight.proofs.merkle import BadProof
from harbourlight.proofs.notes import COSIGNATURE, BadNote, Note, SignerKey, VerifierKey


class Forked(Exception):
    """The log showed two trees that disagree; both notes are proof of it."""

    def __init__(self, reason: str, seen: Note, shown: Note) -> None:
        super().__init__(
            f"{reason}. The log has signed two trees that disagree: keep both checkpoints, "
            "they prove it, and tell everybody who relies on this log"
        )
        self.seen, self.shown = seen, shown


class Shrunk(BadProof):
    """The log shows fewer entries than it had: it forgot what it signed."""


@dataclass(frozen=True)
class Seen:
    """The last checkpoint of a log that was cosigned."""

    note: Note

    @property
    def checkpoint(self) -> Checkpoint:
        """What it says."""
        return Checkpoint.parse(self.note.text)


def examine(seen: Seen | None, shown: Note, log: VerifierKey, proof: Sequence[bytes]) -> Opened:
    """The checkpoint shown, where it continues what was seen.

    `proof` is the consistency proof from the size seen (0 for none). Raises Forked where the log
    signed a tree that disagrees with it, BadNote where it did not sign this, and BadProof where the
    proof alone is wrong.
    """
    opened = open_checkpoint(shown, log)
    new = opened.checkpoint
    old = seen.checkpoint if seen else Checkpoint(log.name, 0, merkle.EMPTY_ROOT)
    if seen and new.size == old.size and new.root != old.root:
        raise Forked(f"two trees of size {new.size} have different roots", seen.note, shown)
    if seen and new.size < old.size:
        raise Shrunk(f"the log shows {new.size} entries, and had {old.size} before")
    merkle.verify_consistency(old.size, old.root, new.size, new.root, proof)
    return opened


class SeenFile:
    """What a witness remembers, in a file of its own; written whole or not at all.

    One witness at a time has it: `with` takes it, and raises BadFile where another has it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: IO[str] | None = None

    def __enter__(self) -> "SeenFile":
        try:
            self._lock = self._path.with_name(f"{self._path.name}.lock").open("w")
            # On Windows two at once are not noticed.
            if sys.platform != "win32":
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadFile(
                f"another witness is at work with {self._path}: stop that first"
            ) from None
        except OSError as error:
            raise BadFile(f"cannot write beside {self._path}: {error.strerror}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock:
            self._lock.close()

    def read(self) -> dict[str, Seen]:
        """Log's name -> the last checkpoint. Raises BadFile where it is damaged."""
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(name): Seen(Note.parse(note)) for name, note in data["seen"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, AttributeError, TypeError, BadNote) as error:
            raise BadFile(
                f"{self._path} is not what a witness remembers ({error}): without it, it could "
                "sign what contradicts its own word. Bring the file back, or make a new witness"
            ) from None

    def write(self, seen: dict[str, Seen]) -> None:
        """On disk when this returns. Raises BadFile."""
        data = {"seen": {name: str(one.note) for name, one in seen.items()}}
        try:
            write_private(self._path, json.dumps(data, indent=1) + "\n", replace=True)
        except OSError as error:
            raise BadFile(f"cannot write {self._path}: {error.strerror}") from error

    def keep_evidence(self, name: str, seen: Note, shown: Note) -> Path:
        """The file, beside this one, with two checkpoints of a log that disagree."""
        kind = name.rpartition("/")[2]
        data = {"log": name, "seen": str(seen), "shown": str(shown)}
        path = self._path.with_name(f"{self._path.name}.{kind}.evidence")
        try:
            write_private(path, json.dumps(data, indent=1) + "\n", replace=True)
        except OSError as error:
            raise BadFile(f"cannot write {path}: {error.strerror}") from error
        return path


def cosign(key: SignerKey, opened: Opened, now: float) -> Note:
    """The checkpoint with this witness's word that it saw it now, in seconds since 1970."""
    if key.verifier.algorithm != COSIGNATURE:
        raise BadNote("a witness signs with a key for cosignatures: make one with `witness new`")
    note = opened.note
    return Note(note.text, (*note.signatures, key.sign(note.text, int(now))))
