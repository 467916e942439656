"""Case files: where a company keeps the key of its case.

    {"format": "harbourlight.case", "version": 2, "handle": "HL-…", "origin": "harbourlight.local",
     "words": "…"}

Whoever holds the key holds the case, so the file is its owner's alone (mode 600) and a file that
others can read is refused. Version 1, which is still read, has a `private_key` instead of words.
"""

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harbourlight.errors import BadFile
from harbourlight.phrase import Phrase
from harbourlight.privatefile import read_private, write_private
from harbourlight.signing import CaseKey

FORMAT = "harbourlight.case"
VERSION = 2


@dataclass(frozen=True)
class CaseFile:
    """A case key on disk."""

    path: Path
    origin: str
    """The installation that the case was lodged with."""
    key: CaseKey = field(repr=False)

    @property
    def handle(self) -> str:
        """Handle of the case."""
        return self.key.handle

    @classmethod
    def create(cls, path: Path, origin: str, phrase: Phrase | None = None) -> "CaseFile":
        """A key in a new file, complete and on disk when this returns.

        The key is that of `phrase`, or a fresh one. Raises BadFile where the file exists or cannot
        be written.
        """
        phrase = phrase or Phrase.generate()
        case = cls(path, origin, CaseKey.from_phrase(phrase))
        content = {
            "format": FORMAT,
            "version": VERSION,
            "handle": case.handle,
            "origin": origin,
            "words": " ".join(phrase.words),
        }
        try:
            write_private(path, json.dumps(content, indent=1) + "\n")
        except FileExistsError:
            raise taken(path) from None
        except OSError as error:
            raise BadFile(f"cannot write the case file {path}: {error.strerror}") from error
        return case

    @classmethod
    def load(cls, path: Path, origin: str) -> "CaseFile":
        """Reads a case file for use with the installation `origin`.

        Raises BadFile where it is missing, malformed, readable by others or another's.
        """
        try:
            text = read_private(path, "a case, which whoever holds it holds")
        except FileNotFoundError:
            raise BadFile(
                f"there is no case file {path}: name yours with --case, "
                "start a case with `marker place` or `report submit`, or bring yours back from "
                "its words with `case restore`"
            ) from None
        return cls._parse(path, text, origin)

    @classmethod
    def _parse(cls, path: Path, text: str, origin: str) -> "CaseFile":
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                raise ValueError(f'"format" is not {FORMAT}')
            if data["version"] not in (1, VERSION):
                raise BadFile(
                    f"{path} is a case file of version {data['version']}, and this client reads "
                    f"up to version {VERSION}: install a newer client"
                )
            case = cls(path, data["origin"], _key(data))
            if data["handle"] != case.handle:
                raise ValueError("the handle is not the key's")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadFile(f"{path} is not a case file, or is damaged: {error}") from None
        if case.origin != origin:
            raise BadFile(
                f"{path} belongs to a case at {case.origin}, and the endpoints are those of "
                f"{origin}: use that installation's endpoints, or another case file"
            )
        return case


def _key(data: dict[str, Any]) -> CaseKey:
    if data["version"] == 1:
        return CaseKey.from_private_bytes(base64.urlsafe_b64decode(data["private_key"]))
    try:
        return CaseKey.from_phrase(Phrase.parse(data["words"]))
    except ValueError:
        # The reason of the phrase itself would show words to whoever reads the message.
        raise ValueError("its words are not a phrase") from None


def taken(path: Path) -> BadFile:
    """The error that a case file cannot be made because this one is there."""
    return BadFile(
        f"{path} exists already and is never replaced: name another file with --case for this case"
    )
