"""What is in the directory: keys, their revocations, and which routing table is in force.

Each is the text of a signed note (see `proofs.notes`): a first line that says what it is, then
`name value` lines in a fixed order, so that one entry has one spelling.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import ClassVar, Self

from harbourlight.proofs import notes
from harbourlight.proofs.notes import ED25519, BadNote, VerifierKey

SEALING_BYTES = 1216
"""Of a public sealing key: see `sealing.hpke`."""
_SIGNING_BYTES = 32
_LONGEST = 200
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_JURISDICTION = re.compile(r"\*|[A-Z]{2}")


class Kind(StrEnum):
    """What a key is for."""

    DESK = "desk"
    CUSTODIAN = "custodian"
    ALTERNATE = "alternate"
    OFFICER = "officer"
    SERVICE = "service"

    @property
    def seals(self) -> bool:
        """Whether things are sealed to such a key."""
        return self in (Kind.DESK, Kind.CUSTODIAN, Kind.ALTERNATE)


class Reason(StrEnum):
    """Why a key ended."""

    ROTATED = "ROTATED"
    LEFT = "LEFT"
    LOST = "LOST"
    COMPROMISED = "COMPROMISED"
    OTHER = "OTHER"


class Slot(tuple[Kind, str, str]):
    """Where a key follows another: its kind, its name, its jurisdiction."""

    def __str__(self) -> str:
        kind, name, jurisdiction = self
        return f"{kind} {name} ({jurisdiction})"


@dataclass(frozen=True)
class KeyEntry:
    """A key, as its organisation publishes it."""

    LABEL: ClassVar[str] = "harbourlight.key.v1"

    kind: Kind
    name: str
    """The desk's code, the custodian's name, the subject of an officer's token, the service."""
    jurisdiction: str
    """ISO 3166-1 alpha-2, or * for all."""
    organisation: str
    number: int
    """Grows with each new key of the same kind, name and jurisdiction."""
    not_before: datetime
    """UTC, whole seconds."""
    not_after: datetime
    signing: bytes
    """Raw Ed25519 public key."""
    sealing: bytes = b""
    """Public key of `sealing.hpke`; empty where nothing is sealed to this kind."""

    def __post_init__(self) -> None:
        for what, text in (("name", self.name), ("organisation", self.organisation)):
            _check_text(what, text)
        if not _JURISDICTION.fullmatch(self.jurisdiction):
            raise BadNote(
                f"the jurisdiction is two capital letters or *, not {self.jurisdiction!r}"
            )
        if len(self.signing) != _SIGNING_BYTES:
            raise BadNote(f"the signing key of {self.name} is not {_SIGNING_BYTES} bytes long")
        if len(self.sealing) != (SEALING_BYTES if self.kind.seals else 0):
            wanted = f"of {SEALING_BYTES} bytes" if self.kind.seals else "not to be there"
            raise BadNote(f"the sealing key of {self.kind} {self.name} is {wanted}")
        if self.not_after <= self.not_before:
            raise BadNote(f"the key of {self.name} ends before it begins")

    @property
    def slot(self) -> Slot:
        """Where it follows an earlier key."""
        return Slot((self.kind, self.name, self.jurisdiction))

    @cached_property
    def key_id(self) -> str:
        """The first 16 hexadecimal digits of the text's SHA-256."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:16]

    @property
    def verifier(self) -> VerifierKey:
        """The signing key as notes name it: by the key id."""
        return VerifierKey(self.key_id, ED25519, self.signing)

    def covers(self, time: datetime) -> bool:
        """Whether the key is for use at that time."""
        return self.not_before <= time < self.not_after

    def __str__(self) -> str:
        lines = [
            self.LABEL,
            f"kind {self.kind}",
            f"name {self.name}",
            f"jurisdiction {self.jurisdiction}",
            f"organisation {self.organisation}",
            f"number {self.number}",
            f"not-before {format_time(self.not_before)}",
            f"not-after {format_time(self.not_after)}",
            f"signing {notes.encode(self.signing)}",
        ]
        if self.kind.seals:
            lines.append(f"sealing {notes.encode(self.sealing)}")
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the text of its note. Raises BadNote."""
        read = _Reader(text, cls.LABEL)
        try:
            kind = Kind(read("kind"))
        except ValueError:
            raise BadNote(f"a key is of one of the kinds {', '.join(Kind)}") from None
        found = cls(
            kind,
            read("name"),
            read("jurisdiction"),
            read("organisation"),
            _number(read("number")),
            parse_time(read("not-before")),
            parse_time(read("not-after")),
            notes.decode(read("signing"), "the signing key"),
            notes.decode(read("sealing"), "the sealing key") if kind.seals else b"",
        )
        read.end()
        return found


@dataclass(frozen=True)
class Revocation:
    """The end of a key before its time."""

    LABEL: ClassVar[str] = "harbourlight.revocation.v1"

    key_id: str
    time: datetime
    """What the key signed from then on does not count."""
    reason: Reason

    def __str__(self) -> str:
        return (
            f"{self.LABEL}\nkey {self.key_id}\ntime {format_time(self.time)}\n"
            f"reason {self.reason}\n"
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the text of its note. Raises BadNote."""
        read = _Reader(text, cls.LABEL)
        key_id, time, reason = read("key"), parse_time(read("time")), read("reason")
        read.end()
        if not _KEY_ID.fullmatch(key_id):
            raise BadNote(f"{key_id[:40]!r} is no key id: expected 16 hexadecimal digits")
        try:
            return cls(key_id, time, Reason(reason))
        except ValueError:
            raise BadNote(f"a key ends for one of the reasons {', '.join(Reason)}") from None


@dataclass(frozen=True)
class RoutingEntry:
    """The routing table that is in force from here on."""

    LABEL: ClassVar[str] = "harbourlight.routing.v1"

    version: str
    sha256: str
    """Of the table's canonical bytes, hexadecimal."""

    def __str__(self) -> str:
        return f"{self.LABEL}\nversion {self.version}\nsha256 {self.sha256}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the text of its note. Raises BadNote."""
        read = _Reader(text, cls.LABEL)
        version, sha256 = read("version"), read("sha256")
        read.end()
        _check_text("version", version)
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise BadNote("the hash of a routing table is 64 hexadecimal digits")
        return cls(version, sha256)


Entry = KeyEntry | Revocation | RoutingEntry

_PARSERS: dict[str, Callable[[str], Entry]] = {
    one.LABEL: one.parse for one in (KeyEntry, Revocation, RoutingEntry)
}


def parse(text: str) -> Entry | None:
    """The entry in the text of a note; None for one of a later version or another purpose.

    Raises BadNote where it is malformed.
    """
    parser = _PARSERS.get(text.partition("\n")[0])
    return parser(text) if parser else None


def format_time(time: datetime) -> str:
    """RFC 3339, UTC, whole seconds."""
    return time.astimezone(UTC).strftime(_TIME)


def parse_time(text: str) -> datetime:
    """From RFC 3339 in UTC with whole seconds. Raises BadNote."""
    try:
        time = datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        time = None
    if time is None or format_time(time) != text:
        raise BadNote(f"{text[:40]!r} is no time such as 2026-11-24T00:00:00Z")
    return time


class _Reader:
    """Takes `name value` lines in their order."""

    def __init__(self, text: str, label: str) -> None:
        self._label = label
        first, *self._lines = text.split("\n")
        if first != label or not self._lines or self._lines.pop():
            raise BadNote(f"expected {label}, and each line ended by a newline")

    def __call__(self, name: str) -> str:
        key, gap, value = self._lines.pop(0).partition(" ") if self._lines else ("", "", "")
        if key != name or not gap or not value:
            raise BadNote(f"{self._label} has no line {name!r} where it should be")
        return value

    def end(self) -> None:
        if self._lines:
            raise BadNote(f"{self._label} goes on where it should end")


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise BadNote(f"a key's number is a whole number from 1, not {text[:40]!r}")
    return int(text)


def _check_text(what: str, text: str) -> None:
    if not 0 < len(text) <= _LONGEST or text != text.strip() or not text.isprintable():
        raise BadNote(f"the {what} is 1 to {_LONGEST} printable characters, not {text[:40]!r}")
