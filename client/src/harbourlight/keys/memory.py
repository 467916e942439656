"""What this client saw of the directory before: the file `keys.json`, its owner's alone.

    {"format": "harbourlight.keys", "version": 1, "origin": "harbourlight.local",
     "checkpoint": the directory's last one, a signed note,
     "keys": {"desk LABOUR_INSPECTORATE (*)": key id, …}}

With it the client refuses a directory that is older than the last, or has another past, and says
when a key that it used is another one now.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from harbourlight.errors import BadFile, Untrusted
from harbourlight.keys.directory import Directory, Key, root_of
from harbourlight.privatefile import read_private, write_private
from harbourlight.proofs.checkpoints import Checkpoint, open_checkpoint
from harbourlight.proofs.notes import BadNote

FORMAT = "harbourlight.keys"
VERSION = 1
DEFAULT = Path("keys.json")


class KeyChanged(NamedTuple):
    """A key is another one than when this client last used it."""

    slot: str
    """Whose, such as "desk LABOUR_INSPECTORATE (*)"."""
    old: str
    """Key ids."""
    new: str
    ended: str
    """Why the old one no longer counts, or empty where it still does."""

    def __str__(self) -> str:
        return (
            f"{self.slot} has another key than before: {self.new} instead of {self.old}"
            + (f" ({self.ended})" if self.ended else "")
            + ". It is signed by the organisation's root; where that surprises you, ask them "
            "before you go on"
        )


@dataclass
class Memory:
    """The last checkpoint, and the keys that were used."""

    origin: str
    path: Path | None = None
    """Where it is kept; None for as long as the program runs."""
    checkpoint: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    """Slot → key id."""

    @classmethod
    def load(cls, path: Path, origin: str) -> "Memory":
        """From a file, or empty where there is none yet.

        Raises BadFile where it is malformed, readable by others, or another installation's.
        """
        try:
            data = json.loads(read_private(path, "what this client saw of the directory"))
        except FileNotFoundError:
            return cls(origin, path)
        except ValueError as error:
            raise BadFile(f"{path} is damaged: {error}") from None
        try:
            if (data["format"], data["version"]) != (FORMAT, VERSION):
                raise ValueError(f'"format" is not {FORMAT} of version {VERSION}')
            keys = {str(slot): str(key_id) for slot, key_id in data["keys"].items()}
            found = cls(data["origin"], path, str(data["checkpoint"]), keys)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadFile(f"{path} is not what a client saw of a directory: {error}") from None
        if found.origin != origin:
            raise BadFile(
                f"{path} is of the directory of {found.origin}, and the endpoints are those of "
                f"{origin}: name another file"
            )
        return found

    def save(self) -> None:
        """Writes the file, if there is one. Raises BadFile."""
        if self.path is None:
            return
        content = {
            "format": FORMAT,
            "version": VERSION,
            "origin": self.origin,
            "checkpoint": self.checkpoint,
            "keys": self.keys,
        }
        try:
            write_private(self.path, json.dumps(content, indent=1) + "\n", replace=True)
        except OSError as error:
            raise BadFile(f"cannot write {self.path}: {error.strerror}") from error

    def follow(self, directory: Directory, log: Sequence[bytes]) -> None:
        """Takes a directory as the newest seen, where it continues the one before.

        `log` are its entries. Raises Untrusted where it does not: the platform shows an old
        directory, or different ones to different people.
        """
        seen = self._seen(directory)
        now = directory.checkpoint
        if seen and now.size < seen.size:
            raise Untrusted(
                f"the directory is older than the one this client saw before ({now.size} entries, "
                f"and there were {seen.size}): somebody holds back what was published since, such "
                "as a revocation. Nothing is sealed. Keep keys.json: the two checkpoints prove it"
            )
        if seen and root_of(log[: seen.size]) != seen.root:
            raise Untrusted(
                f"the directory has another past than the one this client saw before (at "
                f"{seen.size} entries): its log shows different things to different people. "
                "Nothing is sealed. Keep keys.json: the two checkpoints prove it"
            )
        self.checkpoint = str(directory.opened.note)

    def used(self, directory: Directory, key: Key) -> KeyChanged | None:
        """Remembers that a key was used; what there is to say where it was another before."""
        slot = str(key.entry.slot)
        old = self.keys.get(slot)
        self.keys[slot] = key.key_id
        if old is None or old == key.key_id:
            return None
        return KeyChanged(slot, old, key.key_id, _why(directory, old))

    def _seen(self, directory: Directory) -> Checkpoint | None:
        if not self.checkpoint:
            return None
        try:
            return open_checkpoint(self.checkpoint, directory.trust.directory.log).checkpoint
        except BadNote as error:
            raise BadFile(
                f"the checkpoint in {self.path or 'memory'} is not of this installation's "
                f"directory ({error}): its log has a new key, or the file is damaged. Ask the "
                "installation; if it is so, remove the file"
            ) from None


def _why(directory: Directory, old: str) -> str:
    try:
        ended = directory.find(old).ended
    except Untrusted:
        return "the old one is not in the directory any more"
    return f"the old one was revoked at {ended:%Y-%m-%d %H:%M} UTC" if ended else ""
