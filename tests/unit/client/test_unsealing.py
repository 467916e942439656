from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harbourlight import unsealing
from harbourlight.sealing import hpke
from harbourlight.triage.v1 import unsealing_pb2 as pb
from harbourlight.types.v1 import sealed_pb2 as sealed

from .conftest import HANDLE, ITEM

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def brief() -> pb.UnsealingBrief:
    return pb.UnsealingBrief(
        handle=HANDLE,
        referral_id=ITEM,
        legal_basis=pb.LEGAL_BASIS_INVESTIGATION,
        number=1,
        one_time_key=b"one-time",
        identity_version=1,
        identity_hash=bytes(32),
        custodian_seal=sealed.Seal(key_id="c0", ciphertext=b"half"),
        alternate_seal=sealed.Seal(key_id="a0", ciphertext=b"half too"),
        custodian="bar-association",
        alternate="ombudsman",
        explanation=sealed.SealedContent(number=1, payload=b"why"),
        signer_key_id="5e",
    )


def signed() -> pb.UnsealingBrief:
    made = brief()
    unsealing.sign(made, KEY.public_key().public_bytes_raw(), KEY.sign)
    return made


def test_a_brief_is_its_signers() -> None:
    unsealing.verify(signed())
    assert unsealing.signed_text(signed()).decode().count("\n") == 12


CHANGES: dict[str, Callable[[pb.UnsealingBrief], None]] = {
    "handle": lambda it: setattr(it, "handle", "HL-another"),
    "referral": lambda it: setattr(it, "referral_id", "another"),
    "basis": lambda it: setattr(it, "legal_basis", pb.LEGAL_BASIS_VITAL_INTERESTS),
    "number": lambda it: setattr(it, "number", 2),
    "one-time key": lambda it: setattr(it, "one_time_key", b"the operator's"),
    "version": lambda it: setattr(it, "identity_version", 2),
    "hash": lambda it: setattr(it, "identity_hash", b"x" * 32),
    "half": lambda it: setattr(it.custodian_seal, "ciphertext", b"another half"),
    "key of the half": lambda it: setattr(it.alternate_seal, "key_id", "b1"),
    "custodian": lambda it: setattr(it, "custodian", "somebody-else"),
    "alternate": lambda it: setattr(it, "alternate", "somebody-else"),
    "explanation": lambda it: setattr(it.explanation, "payload", b"another reason"),
    "certificate": lambda it: setattr(it, "signer_key_id", "5f"),
    "signer": lambda it: setattr(it, "signer", b"y" * 32),
    "signature": lambda it: setattr(it, "signature", bytes(64)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_no_line_of_a_brief_can_be_changed(change: Callable[[pb.UnsealingBrief], None]) -> None:
    it = signed()
    change(it)
    with pytest.raises(unsealing.BadBrief, match="does not match"):
        unsealing.verify(it)


def test_a_name_does_not_break_a_line() -> None:
    it = brief()
    it.custodian = "ombudsman\nPOLICE"
    with pytest.raises(unsealing.BadBrief, match="line break"):
        unsealing.sign(it, bytes(32), KEY.sign)


def test_a_one_time_key_has_the_name_that_seals_give_it() -> None:
    assert unsealing.key_id(b"a key") == hpke.key_id(b"a key")
