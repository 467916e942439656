"""Signed inside: who wrote what is sealed.

A seal proves nothing about its sender, and the platform could make one. So every plaintext is a
`Signed`, whose signature covers the case, the kind, the number, whom it was meant for and the
body. What is not signed, or not by somebody who may write it, is never shown.
"""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf.message import DecodeError

from harbourlight import handle as handles
from harbourlight.errors import Untrusted
from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.sealing.framing import join
from harbourlight.signing import CaseKey

LABEL = "harbourlight.signed.v1"


class Signer(Protocol):
    """A key that somebody writes with."""

    @property
    def key_id(self) -> str:
        """The certified key's of the directory, or the case handle."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The Ed25519 signature of these bytes."""
        ...


PublicKeyOf = Callable[[str], bytes]
"""The raw Ed25519 key that a key id of the directory stands for, certified and valid when the
thing was accepted; raises Untrusted where there is none. The `Directory` has one."""


@dataclass(frozen=True)
class Written:
    """A body whose writer is proven."""

    body: bytes
    signer_key_id: str
    """Key of the directory, or the handle where the company wrote it."""
    recipient_key_id: str
    """Whom it was meant for."""
    digest: bytes
    """SHA-256 of the whole Signed, which an answer names."""


def sign(
    body: bytes,
    signer: Signer | CaseKey,
    *,
    handle: str,
    kind: str,
    number: int,
    recipient_key_id: str,
) -> bytes:
    """A serialised Signed, ready to be sealed."""
    result = sealed.Signed(body=body, recipient_key_id=recipient_key_id)
    if isinstance(signer, CaseKey):
        if signer.handle != handle:
            raise ValueError(f"the key is that of case {signer.handle}, not of {handle}")
        result.signer_key_id = signer.handle
        result.case_public_key = signer.public_bytes
    else:
        result.signer_key_id = signer.key_id
    result.signature = signer.sign(_text(handle, kind, number, recipient_key_id, body))
    return result.SerializeToString(deterministic=True)


def verify_company(
    data: bytes,
    *,
    handle: str,
    kind: str,
    number: int,
    recipients: Collection[str] | None = None,
) -> Written:
    """What the holder of the case wrote.

    `recipients` are the key ids that it may have been meant for: the keys, old and new, of the
    desks that have handled the case (None: any). Raises Untrusted where it is unsigned, wrongly
    signed or meant for somebody else.
    """
    message = _parse(data)
    if message.signer_key_id != handle or handles.derive(message.case_public_key) != handle:
        raise _unsigned(f"{kind} {number} of case {handle} is not signed by the case's key")
    return _verify(data, message, message.case_public_key, handle, kind, number, recipients)


def verify_officer(
    data: bytes,
    public_key_of: PublicKeyOf,
    *,
    handle: str,
    kind: str,
    number: int,
    recipients: Collection[str] | None = None,
) -> Written:
    """What an officer or custodian wrote, by the key that the directory certifies.

    Raises Untrusted where it is unsigned, wrongly signed, meant for somebody else, or the key is
    not certified.
    """
    message = _parse(data)
    if message.case_public_key or not message.signer_key_id:
        raise _unsigned(f"{kind} {number} of case {handle} names no officer's key")
    public_key = public_key_of(message.signer_key_id)
    return _verify(data, message, public_key, handle, kind, number, recipients)


def _parse(data: bytes) -> sealed.Signed:
    try:
        return sealed.Signed.FromString(data)
    except DecodeError:
        raise _unsigned("what was sealed is not a signed message") from None


def _verify(
    data: bytes,
    message: sealed.Signed,
    public_key: bytes,
    handle: str,
    kind: str,
    number: int,
    recipients: Collection[str] | None,
) -> Written:
    text = _text(handle, kind, number, message.recipient_key_id, message.body)
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(message.signature, text)
    except (InvalidSignature, ValueError):
        raise _unsigned(
            f"{kind} {number} of case {handle} does not carry the signature of key "
            f"{message.signer_key_id}"
        ) from None
    if recipients is not None and message.recipient_key_id not in recipients:
        raise _unsigned(
            f"{kind} {number} of case {handle} was meant for key {message.recipient_key_id}"
        )
    return Written(
        message.body,
        message.signer_key_id,
        message.recipient_key_id,
        hashlib.sha256(data).digest(),
    )


def _text(handle: str, kind: str, number: int, recipient_key_id: str, body: bytes) -> bytes:
    return join(LABEL, handle, kind, number, recipient_key_id, hashlib.sha256(body).digest())


def _unsigned(fault: str) -> Untrusted:
    return Untrusted(f"{fault}, so it is not shown: whoever put it there may not write here")
