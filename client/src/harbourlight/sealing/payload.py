"""Payloads: what a sealed key encrypts.

    payload = nonce (12) ‖ commitment (32) ‖ ChaCha20-Poly1305(padded plaintext)

The cipher's key and the commitment are HKDF-SHA256 of the given key, with the nonce as salt and
what the payload belongs to as info. The commitment is there because the cipher alone would open
one ciphertext as two texts under two keys: without it, a primary and an alternate custodian could
be shown two identities.
"""

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from harbourlight.errors import CannotOpen
from harbourlight.sealing import padding
from harbourlight.sealing.framing import join

LABEL = "harbourlight.payload.v1"
KEY_LENGTH = 32
NONCE_LENGTH = 12
OVERHEAD = NONCE_LENGTH + 32 + 16
"""Bytes that a payload is longer than the bucket of its plaintext."""


def fresh_key() -> bytes:
    """A key for one payload or one file."""
    return secrets.token_bytes(KEY_LENGTH)


def derive_key(key: bytes, *belongs_to: str | int) -> bytes:
    """A further key for one purpose, which tells nothing of `key`."""
    return HKDF(SHA256(), KEY_LENGTH, salt=None, info=join(*belongs_to)).derive(key)


def encrypt(plaintext: bytes, key: bytes, *belongs_to: str | int) -> bytes:
    """The payload of a plaintext, padded to its bucket, that opens only with the same words."""
    nonce = secrets.token_bytes(NONCE_LENGTH)
    cipher_key, commitment, associated = _derive(key, nonce, belongs_to)
    padded = padding.pad(plaintext)
    return nonce + commitment + ChaCha20Poly1305(cipher_key).encrypt(nonce, padded, associated)


def decrypt(payload: bytes, key: bytes, *belongs_to: str | int) -> bytes:
    """The plaintext. Raises CannotOpen where key or words are others, or anything was changed."""
    nonce, committed, rest = payload[:12], payload[12:44], payload[44:]
    if len(rest) > 16:
        cipher_key, commitment, associated = _derive(key, nonce, belongs_to)
        try:
            if hmac.compare_digest(committed, commitment):
                return padding.unpad(ChaCha20Poly1305(cipher_key).decrypt(nonce, rest, associated))
        except (InvalidTag, ValueError):
            pass
    where = " / ".join(map(str, belongs_to))
    raise CannotOpen(
        f"what was sealed as {where} does not open: it is under another key, belongs elsewhere, "
        "or was changed"
    )


def _derive(
    key: bytes, nonce: bytes, belongs_to: tuple[str | int, ...]
) -> tuple[bytes, bytes, bytes]:
    """Key of the cipher, commitment, associated data."""
    if len(key) != KEY_LENGTH:
        raise ValueError(f"a key of a payload is {KEY_LENGTH} bytes long, not {len(key)}")
    associated = join(LABEL, *belongs_to)
    derived = HKDF(SHA256(), 64, salt=nonce, info=associated).derive(key)
    return derived[:32], derived[32:], associated
