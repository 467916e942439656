"""Whom a command believes about the ledger, as its options name the keys."""

from pathlib import Path

from harbourlight.errors import BadFile
from harbourlight.proofs.notes import BadNote
from harbourlight.proofs.policy import RECEIPTS, LogPolicy

_MOST_BYTES = 1024 * 1024


def read(path: Path) -> bytes:
    """A file, of which no more is read than any is long. Raises BadFile."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as error:
        raise BadFile(f"cannot read {path}: {error.strerror}") from error


def receipts_policy(
    trust: Path | None, vkey: str, witnesses: list[str], quorum: int
) -> LogPolicy | None:
    """The policy that --trust or --vkey name, or None where neither is given. Raises BadFile."""
    try:
        if trust:
            return LogPolicy.from_trust(read(trust), RECEIPTS)
        if vkey:
            return LogPolicy.of(_written(vkey), map(_written, witnesses), quorum)
    except BadNote as error:
        raise BadFile(f"{trust or 'the verifier keys'}: {error}") from None
    return None


def _written(key: str) -> str:
    """A verifier key as it was given, or from the file of this name."""
    path = Path(key)
    return read(path).decode("utf-8", "replace") if "+" not in key or path.is_file() else key
