"""What is written in a case: by the company under the case's content key, by a desk under its own.

Content keys come from the case's words, one per epoch, so that the words restore them; each is
sealed to the desk that handles the case in that epoch. A transfer seals the epochs so far to the
receiving desk, and begins the next. What a desk writes has a fresh key, sealed to the case and to
the desk.

A plaintext here is a serialised Signed: see `signed`.
"""

import hashlib
from collections.abc import Sequence

from harbourlight.errors import CannotOpen
from harbourlight.phrase import Phrase
from harbourlight.sealing import hpke, payload
from harbourlight.sealing.framing import join
from harbourlight.sealing.hpke import PrivateKey, Recipient, Role
from harbourlight.types.v1 import sealed_pb2 as types

MAX_PLAINTEXT = 262143
"""Bytes: the payload's largest bucket is 256 KiB. What is longer travels as evidence."""

_KEY_LABEL = "harbourlight.content-key.v1"
_EVIDENCE_LABEL = "harbourlight.evidence-key.v1"


def content_key(phrase: Phrase, epoch: int) -> bytes:
    """The case's content key of an epoch, which its words restore."""
    return phrase.derive(f"content/{epoch}", payload.KEY_LENGTH)


def evidence_key(key: bytes, *, handle: str, evidence_id: str) -> bytes:
    """The key of one file (see `stream`), from the content key of the epoch it is added in."""
    return payload.derive_key(key, _EVIDENCE_LABEL, handle, evidence_id)


def seal_key(
    key: bytes, *, handle: str, epoch: int, recipient: Recipient, role: Role = Role.DESK
) -> types.ContentKey:
    """A content key for the desk, which may be a new desk or a desk's new key.

    Raises ValueError where the recipient's key is malformed.
    """
    seal = hpke.seal(key, recipient, handle=handle, role=role, payload=_stand_in(handle, epoch))
    return types.ContentKey(epoch=epoch, seal=seal)


def open_key(
    sealed: types.ContentKey, *, handle: str, private_key: PrivateKey, role: Role = Role.DESK
) -> bytes:
    """The content key of `sealed.epoch`. Raises CannotOpen."""
    stand_in = _stand_in(handle, sealed.epoch)
    return _key(
        hpke.open_seal(sealed.seal, private_key, handle=handle, role=role, payload=stand_in)
    )


def seal_item(
    plaintext: bytes, *, key: bytes, epoch: int, handle: str, kind: str, number: int
) -> types.SealedContent:
    """One thing that the company wrote, under the content key of an epoch.

    `kind` says what it is, such as "content" or "message"; `number` is the company's own count
    within the case. Raises ValueError where it is longer than MAX_PLAINTEXT.
    """
    _check_length(plaintext)
    return types.SealedContent(
        number=number,
        epoch=epoch,
        payload=payload.encrypt(plaintext, key, kind, handle, number, epoch),
    )


def open_item(sealed: types.SealedContent, *, key: bytes, handle: str, kind: str) -> bytes:
    """What the company wrote, with the content key of `sealed.epoch`. Raises CannotOpen."""
    return payload.decrypt(sealed.payload, key, kind, handle, sealed.number, sealed.epoch)


def seal_for(
    plaintext: bytes,
    *,
    handle: str,
    kind: str,
    number: int,
    recipients: Sequence[tuple[Role, Recipient]],
) -> types.SealedContent:
    """One thing that a desk or a custodian wrote, under a fresh key that each recipient gets.

    The recipients are the case (its `case_sealing_key`, named by the handle) and the writer's own
    organisation. `number` is the sender's own count within the case. Raises ValueError where it is
    longer than MAX_PLAINTEXT, or a key is malformed.
    """
    _check_length(plaintext)
    key = payload.fresh_key()
    sealed = payload.encrypt(plaintext, key, kind, handle, number, 0)
    seals = [
        hpke.seal(key, recipient, handle=handle, role=role, payload=sealed)
        for role, recipient in recipients
    ]
    return types.SealedContent(number=number, payload=sealed, seals=seals)


def open_as(
    sealed: types.SealedContent,
    *,
    handle: str,
    kind: str,
    role: Role,
    key_id: str,
    private_key: PrivateKey,
) -> bytes:
    """What `seal_for` sealed, with the case's own key (key id: the handle) or the desk's.

    Raises CannotOpen, also where nothing is sealed to that key.
    """
    for seal in sealed.seals:
        if seal.key_id == key_id:
            key = hpke.open_seal(
                seal, private_key, handle=handle, role=role, payload=sealed.payload
            )
            return payload.decrypt(sealed.payload, _key(key), kind, handle, sealed.number, 0)
    raise CannotOpen(f"{kind} {sealed.number} in case {handle} is not sealed to key {key_id}")


def reseal(
    sealed: types.SealedContent,
    *,
    handle: str,
    private_key: PrivateKey,
    key_id: str,
    recipient: Recipient,
) -> types.Seal:
    """A further seal of what `seal_for` sealed, for a desk's new key or the desk that takes over.

    Raises CannotOpen where `private_key` does not open it.
    """
    for seal in sealed.seals:
        if seal.key_id == key_id:
            key = hpke.open_seal(
                seal, private_key, handle=handle, role=Role.DESK, payload=sealed.payload
            )
            return hpke.seal(key, recipient, handle=handle, role=Role.DESK, payload=sealed.payload)
    raise CannotOpen(f"nothing here is sealed to key {key_id}")


def _stand_in(handle: str, epoch: int) -> bytes:
    """What a content key is bound to in place of a payload, of which there will be many."""
    return hashlib.sha256(join(_KEY_LABEL, handle, epoch)).digest()


def _key(opened: bytes) -> bytes:
    if len(opened) != payload.KEY_LENGTH:
        raise CannotOpen(f"a seal holds {len(opened)} bytes where a key was expected")
    return opened


def _check_length(plaintext: bytes) -> None:
    if len(plaintext) > MAX_PLAINTEXT:
        raise ValueError(
            f"a text is at most {MAX_PLAINTEXT} bytes long, and this has {len(plaintext)}: "
            "add it as a file of evidence"
        )
