"""Seals: a few bytes, mostly a key, that one recipient can read.

HPKE in base mode with the hybrid KEM MLKEM768-X25519 (X-Wing), HKDF-SHA256 and ChaCha20-Poly1305,
as the `cryptography` package has it: it stays shut as long as one of ML-KEM-768 and X25519 holds.
The single-shot call takes no associated data, so what a seal belongs to is its `info`: see
`Context`. The sender is not proven by a seal, but by what is signed inside (see `signed`).
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from harbourlight.errors import CannotOpen
from harbourlight.phrase import Phrase
from harbourlight.sealing.framing import join
from harbourlight.types.v1 import sealed_pb2 as types

LABEL = "harbourlight.seal.v1"
SUITE_NAME = "MLKEM768-X25519, HKDF-SHA256, ChaCha20Poly1305"
SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)

PUBLIC_LENGTH = 1216
"""Bytes of a public key: that of ML-KEM-768 (1184), then that of X25519 (32)."""
PRIVATE_LENGTH = 96
"""Bytes of a private key: the seed of ML-KEM-768 (64), then the key of X25519 (32)."""
OVERHEAD = KEM.MLKEM768_X25519.enc_length() + 16
"""Bytes that a seal is longer than what it holds."""
_MLKEM_PUBLIC, _MLKEM_SEED = 1184, 64


class Role(StrEnum):
    """As what a recipient opens a seal."""

    DESK = "desk"
    CUSTODIAN = "custodian"
    ALTERNATE = "alternate"
    CASE = "case"
    OFFICER = "officer"


class Recipient(Protocol):
    """Whom something is sealed to, such as a verified key of the directory."""

    @property
    def key_id(self) -> str:
        """Name of the key: 16 hexadecimal digits, or the handle for a case's own."""
        ...

    @property
    def sealing(self) -> bytes:
        """The public key."""
        ...


@dataclass(frozen=True)
class Addressee:
    """A recipient that is not in the directory: a case, or an officer's one-time key."""

    key_id: str
    sealing: bytes


def key_id(public_key: bytes) -> str:
    """The name of a one-time key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


@dataclass(frozen=True)
class PrivateKey:
    """Opens what is sealed to its public half."""

    secret: bytes = field(repr=False)
    """PRIVATE_LENGTH bytes."""

    def __post_init__(self) -> None:
        if len(self.secret) != PRIVATE_LENGTH:
            raise ValueError(
                f"a private sealing key is {PRIVATE_LENGTH} bytes long, not {len(self.secret)}"
            )

    @classmethod
    def generate(cls) -> Self:
        """A fresh one."""
        return cls(secrets.token_bytes(PRIVATE_LENGTH))

    @classmethod
    def of_case(cls, phrase: Phrase) -> Self:
        """A case's own, which its words restore."""
        return cls(phrase.derive("ml-kem-768", 64) + phrase.derive("x25519", 32))

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """From the 32 bytes that X-Wing and the drafts for HPKE call the private key."""
        return cls(hashlib.shake_256(seed).digest(PRIVATE_LENGTH))

    @property
    def public_bytes(self) -> bytes:
        """PUBLIC_LENGTH bytes."""
        mlkem, x25519 = self._parts()
        return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()

    def addressee(self, name: str | None = None) -> Addressee:
        """The public half, to be sealed to; without a name under its own hash."""
        public = self.public_bytes
        return Addressee(name or key_id(public), public)

    def hybrid(self) -> MLKEM768X25519PrivateKey:
        """The key as the `cryptography` package takes it."""
        return MLKEM768X25519PrivateKey(*self._parts())

    def _parts(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        seed, scalar = self.secret[:_MLKEM_SEED], self.secret[_MLKEM_SEED:]
        return (
            MLKEM768PrivateKey.from_seed_bytes(seed),
            X25519PrivateKey.from_private_bytes(scalar),
        )


def parse_public(data: bytes) -> MLKEM768X25519PublicKey:
    """The public key that these bytes stand for. Raises ValueError where they are none."""
    if len(data) != PUBLIC_LENGTH:
        raise ValueError(f"a sealing key is {PUBLIC_LENGTH} bytes long, not {len(data)}")
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(data[:_MLKEM_PUBLIC]),
        X25519PublicKey.from_public_bytes(data[_MLKEM_PUBLIC:]),
    )


@dataclass(frozen=True)
class Context:
    """What a seal belongs to. Anywhere else, and as anything else, it does not open."""

    handle: str
    """The case."""
    role: Role
    key_id: str
    """The recipient key's."""
    version: int
    """Version of the sealing."""
    payload_hash: bytes
    """SHA-256 of the payload whose key is sealed, as it travels."""

    def info(self) -> bytes:
        """The bytes that HPKE binds the seal to."""
        return join(
            LABEL,
            SUITE_NAME,
            self.handle,
            self.role,
            self.key_id,
            self.version,
            self.payload_hash,
        )


def seal(
    secret: bytes,
    recipient: Recipient,
    *,
    handle: str,
    role: Role,
    payload: bytes,
    version: int = 1,
) -> types.Seal:
    """`secret`, for `recipient` alone, as the key of `payload` (which is encrypted already).

    Raises ValueError where the recipient's key is malformed.
    """
    context = Context(handle, role, recipient.key_id, version, hashlib.sha256(payload).digest())
    return seal_in(context, secret, recipient)


def seal_in(context: Context, secret: bytes, recipient: Recipient) -> types.Seal:
    """As `seal`, where only the hash of the payload is at hand."""
    public_key = parse_public(recipient.sealing)
    return types.Seal(
        key_id=context.key_id, ciphertext=SUITE.encrypt(secret, public_key, context.info())
    )


def open_seal(
    sealed: types.Seal,
    private_key: PrivateKey,
    *,
    handle: str,
    role: Role,
    payload: bytes,
    version: int = 1,
) -> bytes:
    """What is in a seal. Raises CannotOpen where it is another key's, or anything was changed."""
    context = Context(handle, role, sealed.key_id, version, hashlib.sha256(payload).digest())
    return open_in(context, sealed, private_key)


def open_in(context: Context, sealed: types.Seal, private_key: PrivateKey) -> bytes:
    """As `open_seal`, where only the hash of the payload is at hand."""
    try:
        return SUITE.decrypt(sealed.ciphertext, private_key.hybrid(), context.info())
    except (InvalidTag, ValueError):
        raise CannotOpen(
            f"the seal to key {sealed.key_id or '(none)'} does not open as the {context.role}'s "
            f"for case {context.handle}: it was sealed to another key, or it or what it belongs "
            "to was changed"
        ) from None
