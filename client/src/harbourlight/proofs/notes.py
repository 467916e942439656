"""Signed notes (C2SP signed-note): a text, a blank line, and a line per signature.

Two kinds of key sign here: Ed25519 over the text itself (algorithm 1), and a witness's timestamped
cosignature of a checkpoint (algorithm 4, C2SP tlog-cosignature). A verifier key is written
`name+key id+base64`, and its signer key `PRIVATE+KEY+name+key id+base64`, as Go's notes have it.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = 1
"""Signs the text."""
COSIGNATURE = 4
"""A witness's: signs the text and the time at which it was seen."""
MOST_BYTES = 256 * 1024
MOST_SIGNATURES = 64
"""Both well above the 16 signatures that every reader of notes must take."""
_LONGEST_KEY = 1024
_DASH = "— "
_LATEST_TIME = 2**63 - 1
_PRIVATE = "PRIVATE+KEY+"


class BadNote(Exception):
    """A key, a note or a signature is malformed, or does not hold; the message says how."""


def encode(data: bytes) -> str:
    """Standard base64."""
    return base64.b64encode(data).decode()


def decode(text: str, what: str) -> bytes:
    """The bytes in standard base64, of which each has one spelling. Raises BadNote."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data or encode(data) != text:
        raise BadNote(f"{what} is not standard base64")
    return data


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(one.isspace() or one < " " for one in name)


@dataclass(frozen=True)
class VerifierKey:
    """Whose signatures are believed."""

    name: str
    algorithm: int
    """ED25519 or COSIGNATURE."""
    public_bytes: bytes

    def __post_init__(self) -> None:
        if not _is_name(self.name) or len(self.name) > _LONGEST_KEY:
            raise BadNote(
                f"{self.name[:80]!r} is no name of a key: it must be short, "
                "and may hold neither spaces nor a plus sign"
            )
        if self.algorithm not in (ED25519, COSIGNATURE) or len(self.public_bytes) != 32:
            raise BadNote(
                f"the key of {self.name} is of a kind that is not known here: expected Ed25519 "
                f"({ED25519}) or a witness's cosignatures ({COSIGNATURE}), with 32 bytes"
            )

    @cached_property
    def key_id(self) -> bytes:
        """Four bytes that, with the name, tell its signatures from others'."""
        text = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public_bytes
        return hashlib.sha256(text).digest()[:4]

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """From its written form. Raises BadNote."""
        return cls._parse(text.strip(), "a verifier key is written name+key id+base64")

    @classmethod
    def _parse(cls, text: str, expected: str) -> "VerifierKey":
        parts = text.split("+", 2)
        if len(text) > 2 * _LONGEST_KEY or len(parts) != 3:
            raise BadNote(expected)
        name, key_id, encoded = parts
        data = decode(encoded, f"the key of {name[:80]!r}")
        key = cls(name, data[0], data[1:])
        if key.key_id.hex() != key_id:
            raise BadNote(f"the key id of {name} is {key.key_id.hex()} and not {key_id[:80]!r}")
        return key

    def __str__(self) -> str:
        data = bytes([self.algorithm]) + self.public_bytes
        return f"{self.name}+{self.key_id.hex()}+{encode(data)}"

    def verify(self, text: str, signature: "Signature") -> None:
        """Returns where it signed the text so. Raises BadNote."""
        data, message = signature.data, text.encode()
        if self.algorithm == COSIGNATURE:
            message = _cosigned(text, signature.timestamp)
            data = data[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public_bytes).verify(data, message)
        except (InvalidSignature, ValueError):
            raise BadNote(f"the signature of {self.name} does not match the text") from None


@dataclass(frozen=True)
class SignerKey:
    """A key that signs notes."""

    verifier: VerifierKey
    private_bytes: bytes = field(repr=False)

    @classmethod
    def generate(cls, name: str, algorithm: int = ED25519) -> "SignerKey":
        """A fresh one. Raises BadNote where the name cannot be one."""
        return cls.of(name, Ed25519PrivateKey.generate().private_bytes_raw(), algorithm)

    @classmethod
    def of(cls, name: str, private_bytes: bytes, algorithm: int = ED25519) -> "SignerKey":
        """From the 32 bytes of an Ed25519 private key. Raises BadNote."""
        try:
            key = Ed25519PrivateKey.from_private_bytes(private_bytes)
        except ValueError:
            raise BadNote("an Ed25519 private key has 32 bytes") from None
        return cls(VerifierKey(name, algorithm, key.public_key().public_bytes_raw()), private_bytes)

    @classmethod
    def parse(cls, text: str) -> "SignerKey":
        """From its written form. Raises BadNote, which does not show it."""
        written = text.strip()
        expected = f"a signer key is written {_PRIVATE}name+key id+base64"
        parts = written.removeprefix(_PRIVATE).split("+", 2)
        if not written.startswith(_PRIVATE) or len(written) > 2 * _LONGEST_KEY or len(parts) != 3:
            raise BadNote(expected)
        name, key_id, encoded = parts
        data = decode(encoded, "the signer key")
        key = cls.of(name, data[1:], data[0])
        if key.verifier.key_id.hex() != key_id:
            raise BadNote(f"the signer key of {name} does not match its key id {key_id[:16]!r}")
        return key

    def write(self) -> str:
        """Its written form, which is as secret as the key."""
        data = bytes([self.verifier.algorithm]) + self.private_bytes
        return f"{_PRIVATE}{self.verifier.name}+{self.verifier.key_id.hex()}+{encode(data)}"

    def sign(self, text: str, time: int = 0) -> "Signature":
        """Its signature; `time`, in seconds since 1970, is a cosignature's alone."""
        if self.verifier.algorithm == COSIGNATURE:
            data = time.to_bytes(8, "big") + self._key.sign(_cosigned(text, time))
        else:
            data = self._key.sign(text.encode())
        return Signature(self.verifier.name, self.verifier.key_id, data)

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.private_bytes)


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


@dataclass(frozen=True)
class Signature:
    """A signature line."""

    name: str
    key_id: bytes
    data: bytes

    @property
    def timestamp(self) -> int:
        """Seconds since 1970 that a cosignature carries. Raises BadNote where it cannot."""
        time = int.from_bytes(self.data[:8], "big")
        if len(self.data) < 8 or time > _LATEST_TIME:
            raise BadNote(f"the cosignature of {self.name} carries no time")
        return time

    def is_by(self, key: VerifierKey) -> bool:
        """Whether it claims to be this key's."""
        return self.name == key.name and self.key_id == key.key_id

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {encode(self.key_id + self.data)}\n"


@dataclass(frozen=True)
class Note:
    """A signed note as it was read: nothing in it is believed before `verified`."""

    text: str
    """With its last newline, and without the blank line."""
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, written: str | bytes) -> "Note":
        """Reads a note. Raises BadNote."""
        text, lines = _split(_checked(written))
        return cls(text, tuple(_signature(line) for line in lines))

    @classmethod
    def sign(cls, text: str, *keys: SignerKey) -> "Note":
        """A new note. Raises BadNote where the text cannot be one's."""
        return cls.parse(str(cls(text, tuple(key.sign(text) for key in keys))))

    def __str__(self) -> str:
        return f"{self.text}\n" + "".join(map(str, self.signatures))

    def with_signatures(self, more: Iterable[Signature]) -> "Note":
        """The same text with these signatures added, each once."""
        return Note(self.text, tuple(dict.fromkeys((*self.signatures, *more))))

    def verified(self, keys: Sequence[VerifierKey]) -> list[tuple[VerifierKey, Signature]]:
        """The signatures by these keys; others are ignored.

        Raises BadNote where one that claims to be by such a key is not.
        """
        found = []
        for signature in dict.fromkeys(self.signatures):
            for key in keys:
                if signature.is_by(key):
                    key.verify(self.text, signature)
                    found.append((key, signature))
        return found


def _checked(written: str | bytes) -> str:
    if len(written) > MOST_BYTES:
        raise BadNote(f"the note is longer than {MOST_BYTES} bytes")
    try:
        text = written if isinstance(written, str) else written.decode()
        # Counts what a string takes, and refuses what UTF-8 cannot say.
        if len(text.encode()) > MOST_BYTES:
            raise BadNote(f"the note is longer than {MOST_BYTES} bytes")
    except UnicodeError:
        raise BadNote("the note is not UTF-8") from None
    if any(one < " " and one != "\n" for one in text):
        raise BadNote("the note holds a control character")
    return text


def _split(written: str) -> tuple[str, list[str]]:
    text, gap, lines = written.rpartition("\n\n")
    if not gap or not lines or not lines.endswith("\n"):
        raise BadNote(
            "a signed note is a text, a blank line, and lines with signatures, "
            "and the last line ends with a newline"
        )
    found = lines[:-1].split("\n")
    if len(found) > MOST_SIGNATURES:
        raise BadNote(f"the note has more than {MOST_SIGNATURES} signatures")
    return text + "\n", found


def _signature(line: str) -> Signature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _DASH.strip() or not _is_name(parts[1]):
        raise BadNote(
            f"{line[:80]!r} is no signature: expected an em dash, a name and base64, "
            "with one space between"
        )
    data = decode(parts[2], f"the signature of {parts[1][:80]}")
    if len(data) < 5:
        raise BadNote(f"the signature of {parts[1][:80]} is too short")
    return Signature(parts[1], data[:4], data[4:])
