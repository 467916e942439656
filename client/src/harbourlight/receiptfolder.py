"""Where a company keeps its receipts: a folder beside the case file, open to its owner alone.

`case.json` has `case.json.receipts/`, and in it, for each receipt, by the id of its event:

    <id>.receipt       the text, the promise, and what opens the salt (JSON)
    <id>.request       the exact bytes that were lodged, whose hash the salt is made of
    <id>.tlog-proof    the proof, once the ledger has it; its extra line is the text
    <id>.broken        where a promise was not kept: the promise, and what the ledger showed then

All of it is for its owner alone. The proof is for whom its owner shows it to; it names the case.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harbourlight.errors import BadFile
from harbourlight.lodging import Lodged
from harbourlight.privatefile import write_private
from harbourlight.proofs import notes
from harbourlight.proofs.challenges import Opening
from harbourlight.proofs.notes import BadNote
from harbourlight.proofs.prooffile import SUFFIX
from harbourlight.proofs.receipts import BadReceipt, ReceiptText

FORMAT = "harbourlight.receipt"
VERSION = 1
_KEPT, _REQUEST, _BROKEN = ".receipt", ".request", ".broken"


@dataclass(frozen=True)
class ReceiptFolder:
    """The receipts of one case."""

    path: Path

    @classmethod
    def of(cls, case_file: Path) -> "ReceiptFolder":
        """That of the case in this file; it need not exist yet."""
        return cls(case_file.with_name(f"{case_file.name}.receipts"))

    def keep(self, lodged: Lodged) -> Path:
        """The receipt's file, complete and on disk when this returns. Raises BadFile."""
        opening = lodged.opening
        content = {
            "format": FORMAT,
            "version": VERSION,
            "text": str(lodged.text),
            "promise": lodged.promise,
            "nonce": notes.encode(opening.nonce),
            "public_key": notes.encode(opening.public_key),
            "request_hash": notes.encode(opening.request_hash),
        }
        if lodged.request is not None:
            self._write(self._place(lodged, _REQUEST), lodged.request)
        path = self._place(lodged, _KEPT)
        self._write(path, json.dumps(content, indent=1) + "\n")
        return path

    def request_path(self, lodged: Lodged) -> Path | None:
        """Where the bytes that were lodged are; None where they are not known."""
        path = self._place(lodged, _REQUEST)
        return path if path.exists() else None

    def all(self) -> list[Lodged]:
        """Every receipt, oldest first. Raises BadFile where one cannot be read."""
        found = [_read(path) for path in self._files(_KEPT)]
        return sorted(found, key=lambda one: one.text.time)

    def proof_path(self, lodged: Lodged) -> Path:
        """Where its proof is, once there is one."""
        return self._place(lodged, SUFFIX)

    def proof(self, lodged: Lodged) -> str | None:
        """Its proof, or None. Raises BadFile where it cannot be read."""
        path = self.proof_path(lodged)
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise BadFile(f"cannot read {path}: {error}") from None

    def keep_proof(self, lodged: Lodged, proof: str) -> Path:
        """Its proof's file, in place of an earlier one. Raises BadFile."""
        path = self.proof_path(lodged)
        self._write(path, proof)
        return path

    def keep_broken(self, lodged: Lodged, checkpoint: str) -> Path:
        """Evidence that a promise was not kept, once and for all. Raises BadFile.

        `checkpoint` is a signed one of a time after the promise's, whose log has no such entry.
        """
        path = self._place(lodged, _BROKEN)
        if not path.exists():
            content = {
                "format": "harbourlight.broken-promise",
                "version": VERSION,
                "text": str(lodged.text),
                "promise": lodged.promise,
                "checkpoint": checkpoint,
            }
            self._write(path, json.dumps(content, indent=1) + "\n")
        return path

    def broken_path(self, lodged: Lodged) -> Path | None:
        """Where the evidence of its broken promise is; None where it was kept so far."""
        path = self._place(lodged, _BROKEN)
        return path if path.exists() else None

    def _place(self, lodged: Lodged, suffix: str) -> Path:
        return self.path / f"{lodged.text.event_id}{suffix}"

    def _files(self, suffix: str) -> Iterator[Path]:
        if self.path.is_dir():
            yield from (path for path in self.path.iterdir() if path.name.endswith(suffix))

    def _write(self, path: Path, content: str | bytes) -> None:
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
            write_private(path, content, replace=True)
        except OSError as error:
            raise BadFile(f"cannot write {path}: {error.strerror}") from error


def _read(path: Path) -> Lodged:
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT or data["version"] != VERSION:
            raise ValueError(f"it is not {FORMAT} of version {VERSION}")
        names = ("nonce", "public_key", "request_hash")
        opening = Opening(*(notes.decode(data[name], name) for name in names))
        text = ReceiptText.parse(data["text"])
        if opening.salt != text.salt:
            raise ValueError("what it says of its salt does not make it")
        return Lodged(text, str(data["promise"]), opening)
    except OSError as error:
        raise BadFile(f"cannot read the receipt {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, BadNote, BadReceipt) as error:
        raise BadFile(f"{path} is not a receipt, or is damaged: {error}") from None
