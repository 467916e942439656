"""Whom a verifier believes about a log: its key, and how many of which witnesses."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harbourlight.proofs.notes import COSIGNATURE, ED25519, BadNote, VerifierKey

RECEIPTS, DIRECTORY = "receipts", "directory"
"""The two logs of an installation, as `trust.json` names them."""
_MOST_WITNESSES = 32


@dataclass(frozen=True)
class LogPolicy:
    """The keys that checkpoints of one log are checked against."""

    log: VerifierKey
    witnesses: tuple[VerifierKey, ...] = ()
    quorum: int = 1
    """How many witnesses must have seen a checkpoint."""

    def __post_init__(self) -> None:
        if self.log.algorithm != ED25519:
            raise BadNote(f"{self.log.name} is a witness's key and not a log's")
        if any(one.algorithm != COSIGNATURE for one in self.witnesses):
            raise BadNote(f"a witness's key is one for cosignatures (algorithm {COSIGNATURE})")
        # The cosigned text does not name the witness: under two names a key would count twice.
        owners = {one.public_bytes for one in (self.log, *self.witnesses)}
        if len(owners) != 1 + len(self.witnesses) or len(self.witnesses) > _MOST_WITNESSES:
            raise BadNote(
                f"witnesses are at most {_MOST_WITNESSES}, each with a key of its own "
                "that is not the log's"
            )
        if self.quorum < 1:
            raise BadNote("at least one witness has to be asked for")

    @classmethod
    def of(cls, log: str, witnesses: Iterable[str] = (), quorum: int = 1) -> "LogPolicy":
        """From written verifier keys. Raises BadNote."""
        return cls(VerifierKey.parse(log), tuple(map(VerifierKey.parse, witnesses)), quorum)

    @classmethod
    def from_trust(cls, trust: str | bytes | Mapping[str, Any], name: str) -> "LogPolicy":
        """From what `trust.json` holds, for the log `name`. Raises BadNote."""
        try:
            data = json.loads(trust) if isinstance(trust, str | bytes) else trust
            policy = cls.of(data["logs"][name], data.get("witnesses", ()), data.get("quorum", 1))
        except KeyError as missing:
            raise BadNote(f"the trust file has no {missing}") from None
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise BadNote(f"this is no trust file: {error}") from None
        if "origin" in data and policy.log.name != f"{data['origin']}/{name}":
            raise BadNote(
                f"the trust file is of {data['origin']!r}, and its log of {policy.log.name!r}"
            )
        return policy
