"""Who reports: encrypted under a key that nobody but the reporter ever has whole.

K = A xor B. A is sealed to the desk that handles the case, B to a custodian and, separately, to an
alternate one. Either half alone is 32 random bytes that say nothing of K.
"""

import hashlib
import secrets

from harbourlight.errors import CannotOpen
from harbourlight.sealing import hpke, payload
from harbourlight.sealing.hpke import PrivateKey, Recipient, Role
from harbourlight.types.v1 import sealed_pb2 as types

VERSION = 1
KIND = "identity"
MAX_PLAINTEXT = 65535
"""Bytes: the payload's largest bucket is 64 KiB."""


def seal(
    identity: bytes, *, handle: str, desk: Recipient, custodian: Recipient, alternate: Recipient
) -> types.SealedIdentity:
    """The identity (a serialised Signed), sealed so that it takes desk and custodian to open.

    Raises ValueError where it is longer than MAX_PLAINTEXT, a key is malformed, or two of the
    three recipients have the same key.
    """
    if len(identity) > MAX_PLAINTEXT:
        raise ValueError(
            f"an identity is at most {MAX_PLAINTEXT} bytes long, and this has {len(identity)}"
        )
    if len({desk.sealing, custodian.sealing, alternate.sealing}) != 3:
        raise ValueError("desk, custodian and alternate must be three keys, or one could open all")
    key = payload.fresh_key()
    half_a = secrets.token_bytes(len(key))
    half_b = _xor(key, half_a)
    sealed = payload.encrypt(identity, key, KIND, handle, VERSION)
    result = types.SealedIdentity(version=VERSION, payload=sealed)
    for field, role, half, recipient in (
        (result.desk, Role.DESK, half_a, desk),
        (result.custodian, Role.CUSTODIAN, half_b, custodian),
        (result.alternate, Role.ALTERNATE, half_b, alternate),
    ):
        one = hpke.seal(half, recipient, handle=handle, role=role, payload=sealed, version=VERSION)
        field.CopyFrom(one)
    return result


def payload_hash(sealed: types.SealedIdentity) -> bytes:
    """What the halves are bound to: SHA-256 of the payload."""
    return hashlib.sha256(sealed.payload).digest()


def open_half(
    seal: types.Seal,
    sealed: types.SealedIdentity,
    *,
    handle: str,
    role: Role,
    private_key: PrivateKey,
) -> bytes:
    """The half of the key that is in a seal: 32 bytes.

    `seal` is one of `sealed`'s own, or one that `reseal_half` made. Raises CannotOpen.
    """
    half = hpke.open_seal(
        seal,
        private_key,
        handle=handle,
        role=role,
        payload=sealed.payload,
        version=sealed.version,
    )
    if len(half) != payload.KEY_LENGTH:
        raise CannotOpen(f"the seal for case {handle} holds no half of a key")
    return half


def reseal_half(
    half: bytes, sealed: types.SealedIdentity, *, handle: str, role: Role, recipient: Recipient
) -> types.Seal:
    """The same half for another recipient.

    B for the one-time key of an officer whose request was granted (Role.OFFICER), A for the desk
    that a case is transferred to or for a desk's new key (Role.DESK). Raises ValueError where the
    recipient's key is malformed.
    """
    return hpke.seal(
        half,
        recipient,
        handle=handle,
        role=role,
        payload=sealed.payload,
        version=sealed.version,
    )


def open_identity(
    sealed: types.SealedIdentity, *, handle: str, desk_half: bytes, custodian_half: bytes
) -> bytes:
    """The identity (a serialised Signed), with both halves. Raises CannotOpen."""
    if {len(desk_half), len(custodian_half)} != {payload.KEY_LENGTH}:
        raise CannotOpen(f"each half of the key is {payload.KEY_LENGTH} bytes long")
    key = _xor(desk_half, custodian_half)
    return payload.decrypt(sealed.payload, key, KIND, handle, sealed.version)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
