"""What an officer signs when it asks for an identity: one text.

    harbourlight.unsealing.v1
    <handle>
    <referral id>
    <legal basis>                such as JUDICIAL_PROCEEDINGS
    <number>                     the case's own count of requests
    <one-time key>               SHA-256, hex
    <identity version>
    <identity hash>              SHA-256 of the sealed identity's payload, hex
    <custodian> <key id> <hash>  organisation, key of the half, SHA-256 of its ciphertext in hex
    <alternate> <key id> <hash>  the same of the other half
    <explanation>                SHA-256 of its payload, hex
    <signer key id> <signer>     the officer's certificate, and its Ed25519 key in base64

Each line ends in a newline. The platform checks the signature, so that no claim of an officer is
put about that the officer did not make; a custodian also checks the certificate and the ledger.
"""

import base64
import hashlib
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from harbourlight import enums
from harbourlight.triage.v1 import unsealing_pb2 as pb
from harbourlight.types.v1 import sealed_pb2

LABEL = "harbourlight.unsealing.v1"
_NONCE_LABEL = b"harbourlight.unsealing.nonce.v1"


class BadBrief(ValueError):
    """The brief is not what its signer signed, or cannot be signed."""


def key_id(one_time_key: bytes) -> str:
    """How a seal names the one-time key that it is for: 16 hexadecimal digits.

    The same as harbourlight.sealing.hpke says, which no service may import.
    """
    return hashlib.sha256(one_time_key).hexdigest()[:16]


def receipt_nonce(brief: pb.UnsealingBrief) -> bytes:
    """The nonce of the request's receipt: it ties the receipt to this signed brief."""
    return hashlib.sha256(_NONCE_LABEL + brief.signature).digest()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _half(organisation: str, seal: sealed_pb2.Seal) -> str:
    return f"{organisation} {seal.key_id} {_digest(seal.ciphertext)}"


def signed_text(brief: pb.UnsealingBrief) -> bytes:
    """The text. Raises BadBrief where a value would break a line."""
    lines = (
        LABEL,
        brief.handle,
        brief.referral_id,
        enums.name(pb.LegalBasis.DESCRIPTOR, brief.legal_basis),
        str(brief.number),
        _digest(brief.one_time_key),
        str(brief.identity_version),
        brief.identity_hash.hex(),
        _half(brief.custodian, brief.custodian_seal),
        _half(brief.alternate, brief.alternate_seal),
        _digest(brief.explanation.payload),
        f"{brief.signer_key_id} {base64.b64encode(brief.signer).decode()}",
    )
    if any(not line.isprintable() for line in lines):
        raise BadBrief("a name or id of the brief holds a line break or a control character")
    return "".join(f"{line}\n" for line in lines).encode()


def sign(brief: pb.UnsealingBrief, signer: bytes, sign: Callable[[bytes], bytes]) -> None:
    """Puts the signer's raw public key and signature into the brief, complete otherwise."""
    brief.signer = signer
    brief.signature = sign(signed_text(brief))


def verify(brief: pb.UnsealingBrief) -> None:
    """Raises BadBrief where the signature is not the named signer's over this brief.

    Whose key the signer's is, the key directory says.
    """
    try:
        signer = Ed25519PublicKey.from_public_bytes(brief.signer)
        signer.verify(brief.signature, signed_text(brief))
    except (InvalidSignature, ValueError) as error:
        if isinstance(error, BadBrief):
            raise
        raise BadBrief(
            "the signature does not match: sign the brief as it is, with the key that it names"
        ) from None
