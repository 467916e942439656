"""Call signatures: how a company proves, call by call, that it holds the case key.

A company has no account and carries no token. Each call has four metadata entries, and the
Ed25519 signature covers seven lines, each ended by a newline:

    harbourlight.call.v1
    <origin>             the installation, such as harbourlight.local
    <method>             /package.Service/Method
    <handle>             derived from the public key
    <time>               milliseconds since 1970-01-01 UTC
    <nonce>              16 bytes, URL-safe base64
    <hash>               SHA-256 of the exact request bytes, hex

Both ends use this module, so there is one definition of those bytes.
"""

import base64
import hashlib
import os
import time
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from harbourlight import handle
from harbourlight.phrase import Phrase

KEY = "harbourlight-key"
TIME = "harbourlight-time"
NONCE = "harbourlight-nonce"
SIGNATURE = "harbourlight-signature"

WINDOW_SECONDS = 120
"""How far a signature's time may lie from the server's clock, either way."""


class BadSignature(Exception):
    """The call is not signed, or not validly; the message says what is wrong and what to do."""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(name: str, text: str, length: int) -> bytes:
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise BadSignature(f"{name} is not URL-safe base64") from error
    if len(data) != length:
        raise BadSignature(f"{name} holds {len(data)} bytes instead of {length}")
    return data


def _signed_text(
    origin: str, method: str, case_handle: str, millis: str, nonce: str, request: bytes
) -> bytes:
    digest = hashlib.sha256(request).hexdigest()
    lines = ("harbourlight.call.v1", origin, method, case_handle, millis, nonce, digest)
    return "".join(f"{line}\n" for line in lines).encode()


class CaseKey:
    """The private key that a case is held by."""

    def __init__(self, private_key: Ed25519PrivateKey, phrase: Phrase | None = None) -> None:
        self._private_key = private_key
        self.public_bytes = private_key.public_key().public_bytes_raw()
        self.handle = handle.derive(self.public_bytes)
        self.phrase = phrase
        """What the key was made from and is restored from; None for one that was made without."""

    @classmethod
    def generate(cls) -> "CaseKey":
        """A fresh phrase with its key, and so a fresh case."""
        return cls.from_phrase(Phrase.generate())

    @classmethod
    def from_phrase(cls, phrase: Phrase) -> "CaseKey":
        """The key that this phrase stands for."""
        return cls(Ed25519PrivateKey.from_private_bytes(phrase.derive("ed25519", 32)), phrase)

    @classmethod
    def from_private_bytes(cls, data: bytes) -> "CaseKey":
        """From the 32 bytes of an Ed25519 private key, as the first case files hold them."""
        return cls(Ed25519PrivateKey.from_private_bytes(data))

    def receipt_nonce(self, request_id: str) -> bytes:
        """The 32 secret bytes that the receipt of this request is bound to.

        Always the same, so that a request that is made again is the same to the byte.
        """
        label = f"harbourlight/receipt-nonce/v1/{request_id}".encode()
        secret = self._private_key.private_bytes_raw()
        return HKDF(SHA256(), 32, salt=None, info=label).derive(secret)

    def sign(self, data: bytes) -> bytes:
        """The Ed25519 signature of these bytes, which begin with a label of their own."""
        return self._private_key.sign(data)

    def sign_call(
        self, origin: str, method: str, request: bytes, *, now: float | None = None
    ) -> tuple[tuple[str, str], ...]:
        """Metadata for one call of `method` with exactly these request bytes.

        `now` is in seconds since 1970 (default: this machine's clock).
        """
        millis = str(int((time.time() if now is None else now) * 1000))
        nonce = _encode(os.urandom(16))
        text = _signed_text(origin, method, self.handle, millis, nonce, request)
        return (
            (KEY, _encode(self.public_bytes)),
            (TIME, millis),
            (NONCE, nonce),
            (SIGNATURE, _encode(self._private_key.sign(text))),
        )


def verify_call(
    origin: str, method: str, metadata: Mapping[str, str], request: bytes, *, now: float
) -> bytes:
    """The raw public key that signed this call.

    `now` is in seconds since 1970. Raises BadSignature where an entry is missing or malformed,
    the time is outside the window, or the signature does not match.
    """
    missing = [name for name in (KEY, TIME, NONCE, SIGNATURE) if name not in metadata]
    if missing:
        names = ", ".join(missing)
        raise BadSignature(f"a company signs each call with its case key; missing: {names}")
    public_key = _decode(KEY, metadata[KEY], 32)
    nonce = metadata[NONCE]
    _decode(NONCE, nonce, 16)
    signature = _decode(SIGNATURE, metadata[SIGNATURE], 64)
    millis = metadata[TIME]
    if not (millis.isascii() and millis.isdigit() and len(millis) <= 15):
        raise BadSignature(f"{TIME} is not a whole number of milliseconds since 1970")
    if abs(int(millis) / 1000 - now) > WINDOW_SECONDS:
        raise BadSignature(
            f"{TIME} is more than {WINDOW_SECONDS} s away from the server's clock, "
            f"which reads {int(now * 1000)}: set the clock and sign again"
        )
    text = _signed_text(origin, method, handle.derive(public_key), millis, nonce, request)
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)
    except InvalidSignature:
        raise BadSignature(
            f"{SIGNATURE} does not match: sign the exact request bytes for {method} at {origin}"
        ) from None
    return public_key
