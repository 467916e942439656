"""The ledger's own settings, read once from its environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harbourlight.ledger.v1 import ledger_pb2 as pb
from harbourlight.proofs.notes import COSIGNATURE, ED25519, BadNote, SignerKey, VerifierKey
from shared.settings import required

LOGS = {"receipts": pb.LOG_RECEIPTS, "directory": pb.LOG_DIRECTORY}
"""Name of a log -> its number in the contract."""
DUMMY_SECONDS = 20.0


class BadSetting(Exception):
    """A setting cannot be used; the message says which one and why."""


@dataclass(frozen=True)
class Witness:
    """Whose cosignatures are kept."""

    key: VerifierKey
    url: str
    """Where it tells what it saw last (C2SP tlog-witness, monitoring prefix), or empty."""


@dataclass(frozen=True)
class LedgerSettings:
    """What the service signs with, and where it remembers what it signed."""

    keys: Mapping[int, SignerKey]
    """Number of a log -> its key."""
    anchor: Path
    """Folder, outside of the database and its backups, that keeps what was signed last."""
    witnesses: tuple[Witness, ...]
    dummy_seconds: float
    """Mean time between random entries among the receipts; 0 makes none."""

    @classmethod
    def from_environment(
        cls, origin: str, environment: Mapping[str, str] = os.environ
    ) -> "LedgerSettings":
        """From HARBOURLIGHT_* variables. Raises MissingSetting and BadSetting."""

        def file(name: str, holds: str) -> Path:
            return Path(required(environment, name, holds))

        keys = {
            int(number): _key(
                file(f"{name.upper()}_KEY", f"a file with the key of {origin}/{name}"),
                f"{origin}/{name}",
            )
            for name, number in LOGS.items()
        }
        witnesses = environment.get("HARBOURLIGHT_WITNESSES", "")
        seconds = environment.get("HARBOURLIGHT_DUMMY_SECONDS", "") or str(DUMMY_SECONDS)
        try:
            dummy_seconds = float(seconds)
        except ValueError:
            dummy_seconds = -1.0
        if not 0 <= dummy_seconds < 3600 * 24:
            raise BadSetting(f"HARBOURLIGHT_DUMMY_SECONDS is {seconds!r} and no number of seconds")
        return cls(
            keys,
            file("ANCHOR", "a folder for what was signed last, outside of the database"),
            _witnesses(Path(witnesses)) if witnesses else (),
            dummy_seconds,
        )


def _key(path: Path, name: str) -> SignerKey:
    try:
        key = SignerKey.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"cannot read the key of {name} from {path}: {error}") from None
    except BadNote as error:
        raise BadSetting(f"{path} does not hold the key of {name}: {error}") from None
    if key.verifier.name != name or key.verifier.algorithm != ED25519:
        raise BadSetting(f"{path} holds the key of {key.verifier.name}, and not that of {name}")
    return key


def _witnesses(path: Path) -> tuple[Witness, ...]:
    """A verifier key a line, and behind a space where the witness tells what it saw."""
    found = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            written, _, url = line.strip().partition(" ")
            key = VerifierKey.parse(written)
            if key.algorithm != COSIGNATURE:
                raise BadSetting(f"{path}: {key.name} is no key for cosignatures")
            if url and not url.startswith(("http://", "https://")):
                raise BadSetting(f"{path}: {url!r} is no http address of {key.name}")
            found.append(Witness(key, url.rstrip("/")))
    except (OSError, UnicodeDecodeError, BadNote) as error:
        raise BadSetting(f"cannot read the witnesses from {path}: {error}") from None
    if len({one.key.public_bytes for one in found}) != len(found):
        raise BadSetting(f"{path}: two witnesses have the same key")
    return tuple(found)
