"""What was signed last, remembered outside of the database.

A database that was restored from a backup has forgotten what it signed since. This has not.
"""

from pathlib import Path

from harbourlight.privatefile import write_private
from harbourlight.proofs.checkpoints import Checkpoint, open_checkpoint
from harbourlight.proofs.notes import BadNote, Note, VerifierKey


class BadAnchor(Exception):
    """What is remembered cannot be read; the message says what to do."""


class Anchor:
    """A file with the newest checkpoint of one log, as it was signed."""

    def __init__(self, folder: Path, log: VerifierKey) -> None:
        self._log = log
        self.path = folder / f"{log.name.rpartition('/')[2]}.checkpoint"

    def read(self) -> Checkpoint | None:
        """The newest checkpoint, or None where none was signed. Raises BadAnchor."""
        try:
            text = self.path.read_text(encoding="utf-8")
            return open_checkpoint(text, self._log).checkpoint
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, BadNote) as error:
            raise BadAnchor(
                f"{self.path} does not hold a checkpoint of this log ({error}): put the newest "
                "one there that anybody has, such as a witness, and start again"
            ) from None

    def write(self, note: Note) -> None:
        """On disk, whole, when this returns. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self.path, str(note), replace=True)
