"""How the holder of a receipt shows that it is theirs: the salt is opened, a challenge is signed.

A receipt's text can be copied. Its salt is made of the nonce and the hash of the request, and of
the key that signed it, so only who sent the request knows what opens it. Who has seen it opened
still cannot answer the next challenge: the key signs that. The answer is five lines:

    harbourlight.answer.v1
    <nonce>         32 bytes, standard base64, as the request carried it
    <public key>    32 bytes, the Ed25519 key that signed the request
    <request hash>  32 bytes, SHA-256 of the exact request bytes
    <signature>     64 bytes
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from harbourlight import handle
from harbourlight.proofs import notes
from harbourlight.proofs.notes import BadNote
from harbourlight.proofs.receipts import BadReceipt, ReceiptText, derive_salt

VERSION = "harbourlight.answer.v1"
LABEL = "harbourlight.receipt.challenge.v1"
FEWEST_BYTES, MOST_BYTES = 16, 1024
"""Of a challenge: who asks makes it up at random, so that no answer was given before."""
_LONGEST_ANSWER = 1024


@dataclass(frozen=True)
class Opening:
    """What the salt of a receipt is made of."""

    nonce: bytes
    public_key: bytes
    """Of the case, or an officer's where the receipt is of something that a desk did."""
    request_hash: bytes

    @property
    def salt(self) -> bytes:
        """The salt that this opens."""
        return derive_salt(self.nonce, self.public_key, self.request_hash)

    def is_of(self, request: bytes) -> bool:
        """Whether these are the exact bytes of the request."""
        return hashlib.sha256(request).digest() == self.request_hash


@dataclass(frozen=True)
class Answer:
    """An opened salt, and a signature over the challenge."""

    opening: Opening
    signature: bytes

    @classmethod
    def parse(cls, text: str) -> "Answer":
        """From its five lines. Raises BadReceipt."""
        lines = text.split("\n") if len(text) <= _LONGEST_ANSWER else []
        if len(lines) != 6 or lines[5] or lines[0] != VERSION:
            raise BadReceipt(
                f"an answer is five lines, each ended by a newline, and begins {VERSION}"
            )
        try:
            nonce, key, request, signature = (
                notes.decode(line, "a line of the answer") for line in lines[1:5]
            )
        except BadNote as error:
            raise BadReceipt(str(error)) from None
        if not len(nonce) == len(key) == len(request) == 32 or len(signature) != 64:
            raise BadReceipt("a line of the answer has not the length that it should have")
        return cls(Opening(nonce, key, request), signature)

    def __str__(self) -> str:
        one = self.opening
        parts = (one.nonce, one.public_key, one.request_hash, self.signature)
        return "".join(f"{line}\n" for line in (VERSION, *map(notes.encode, parts)))


def challenged_text(text: ReceiptText, opening: Opening, challenge: bytes) -> bytes:
    """What the key signs."""
    if not FEWEST_BYTES <= len(challenge) <= MOST_BYTES:
        raise BadReceipt(f"a challenge has {FEWEST_BYTES} to {MOST_BYTES} bytes, made up at random")
    parts = (text.commitment, challenge, opening.nonce, opening.public_key, opening.request_hash)
    return "".join(f"{line}\n" for line in (LABEL, *map(notes.encode, parts))).encode()


def answer(
    text: ReceiptText, opening: Opening, challenge: bytes, sign: Callable[[bytes], bytes]
) -> Answer:
    """The holder's answer; `sign` is the Ed25519 signature of the key that signed the request.

    Raises BadReceipt where the opening is not this receipt's.
    """
    if opening.salt != text.salt:
        raise BadReceipt("this request and key are not what the receipt is of: its salt is another")
    return Answer(opening, sign(challenged_text(text, opening, challenge)))


def verify_answer(text: ReceiptText, challenge: bytes, given: Answer) -> bool:
    """Returns where the holder of this receipt answered; whether the key is that of its case.

    False means that an officer's key signed: the key directory says whose it is. Raises BadReceipt.
    """
    if given.opening.salt != text.salt:
        raise BadReceipt("the answer opens another receipt: the salt does not match")
    signed = challenged_text(text, given.opening, challenge)
    try:
        Ed25519PublicKey.from_public_bytes(given.opening.public_key).verify(given.signature, signed)
    except (InvalidSignature, ValueError):
        raise BadReceipt("the answer is not signed by the key that signed the request") from None
    return handle.derive(given.opening.public_key) == text.handle
