"""Whose word counts: the file `trust.json`, which a client carries and no server can change.

    {"origin": "harbourlight.local",
     "logs": {"receipts": vkey, "directory": vkey},
     "witnesses": [vkey, …], "quorum": 1,
     "roots": {"desk": [vkey, …], "custodian": […], "alternate": […], "service": […],
               "routing": […]}}

A vkey is a signed note's verifier key, `name+key id+base64`. The name of a root's is that of its
organisation, and the keys that it signs are of that organisation.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harbourlight.errors import BadFile
from harbourlight.proofs.notes import ED25519, BadNote, VerifierKey
from harbourlight.proofs.policy import DIRECTORY, RECEIPTS, LogPolicy

ROUTING = "routing"
PURPOSES = ("desk", "custodian", "alternate", "service", ROUTING)
"""What roots sign for. Officers are certified by their desk's key."""
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Trust:
    """The roots, logs and witnesses that this client believes."""

    origin: str
    receipts: LogPolicy
    directory: LogPolicy
    roots: Mapping[str, tuple[VerifierKey, ...]]
    """Purpose → root keys."""

    def __post_init__(self) -> None:
        desks = self.roots.get("desk", ())
        for purpose in ("custodian", "alternate"):
            for root in self.roots.get(purpose, ()):
                for desk in desks:
                    if root.public_bytes == desk.public_bytes or root.name == desk.name:
                        raise BadNote(
                            f"{root.name} is the root of a desk and of a custodian ({purpose}): "
                            "they must belong to different organisations, or one alone could learn "
                            "who reports"
                        )

    @classmethod
    def parse(cls, text: str | bytes) -> "Trust":
        """From the content of a trust file. Raises BadNote."""
        try:
            data: Any = json.loads(text)
            roots = {
                str(purpose): tuple(map(_root, keys)) for purpose, keys in data["roots"].items()
            }
            origin = data["origin"]
        except KeyError as missing:
            raise BadNote(f"it has no {missing}") from None
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise BadNote(str(error)) from None
        if unknown := roots.keys() - set(PURPOSES):
            raise BadNote(f"it has roots for {', '.join(unknown)}: expected {', '.join(PURPOSES)}")
        if not isinstance(origin, str):
            raise BadNote('"origin" is not a text')
        return cls(
            origin,
            LogPolicy.from_trust(data, RECEIPTS),
            LogPolicy.from_trust(data, DIRECTORY),
            roots,
        )

    @classmethod
    def load(cls, path: Path) -> "Trust":
        """Reads a trust file. Raises BadFile where it is missing, malformed, or trusts too much."""
        try:
            with path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
            if len(content) > _MOST_BYTES:
                raise BadNote(f"it is longer than {_MOST_BYTES} bytes")
            return cls.parse(content)
        except OSError as error:
            raise BadFile(f"cannot read the trust file {path}: {error.strerror}") from error
        except BadNote as error:
            raise BadFile(f"{path} is not a trust file that can be used: {error}") from None


def _root(text: object) -> VerifierKey:
    if not isinstance(text, str):
        raise BadNote("a root is not written as a text")
    key = VerifierKey.parse(text)
    if key.algorithm != ED25519:
        raise BadNote(f"the root {key.name} is a witness's key")
    return key
