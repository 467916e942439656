"""Seals, against the standards' vectors and against an own composition of the hybrid KEM.

hpke_vectors.json holds the first encryption of three suites, as the package `cryptography_vectors`
50.0.2 publishes them (Apache-2.0 or BSD). Vectors have associated data, which the single-shot
call does not take, so they go through the call beneath it.
"""

import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.bindings._rust import openssl as rust
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given, settings
from hypothesis import strategies as st

from harbourlight.errors import CannotOpen
from harbourlight.phrase import Phrase
from harbourlight.sealing import hpke
from harbourlight.sealing.framing import join
from harbourlight.sealing.hpke import Addressee, Context, PrivateKey, Role
from harbourlight.types.v1 import sealed_pb2 as types

VECTORS = {
    vector["name"]: vector
    for vector in json.loads((Path(__file__).parent / "hpke_vectors.json").read_text())
}
CLASSICAL = [name for name in VECTORS if name.startswith("RFC 9180")]
(HYBRID,) = VECTORS.keys() - set(CLASSICAL)
_AEADS = {1: AEAD.AES_128_GCM, 3: AEAD.CHACHA20_POLY1305}

KEY = PrivateKey.from_seed(bytes(32))
CONTEXT = Context("HL-2V9W86Y718B67DR20", Role.DESK, "0123456789abcdef", 1, bytes(32))
SECRET = bytes(range(32))


def field(vector: dict[str, str], name: str) -> bytes:
    return bytes.fromhex(vector[name])


@pytest.mark.parametrize("name", CLASSICAL)
def test_the_classical_suite_opens_the_rfcs_vectors(name: str) -> None:
    vector = VECTORS[name]
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, _AEADS[vector["aead_id"]])
    key = X25519PrivateKey.from_private_bytes(field(vector, "skRm"))
    assert key.public_key().public_bytes_raw() == field(vector, "pkRm")
    opened = rust.hpke._decrypt_with_aad(
        suite,
        field(vector, "enc") + field(vector, "ct"),
        key,
        field(vector, "info"),
        field(vector, "aad"),
    )
    assert opened == field(vector, "pt")


def test_our_suite_opens_the_drafts_vector_with_our_keys() -> None:
    vector = VECTORS[HYBRID]
    key = PrivateKey.from_seed(field(vector, "skRm"))
    assert key.public_bytes == field(vector, "pkRm")
    opened = rust.hpke._decrypt_with_aad(
        hpke.SUITE,
        field(vector, "enc") + field(vector, "ct"),
        key.hybrid(),
        field(vector, "info"),
        field(vector, "aad"),
    )
    assert opened == field(vector, "pt")


def compose(ciphertext: bytes, key: PrivateKey, info: bytes) -> bytes:
    """Opens a seal with nothing but ML-KEM, X25519, SHA3, HMAC and the cipher."""
    mlkem_ct, ephemeral, sealed = ciphertext[:1088], ciphertext[1088:1120], ciphertext[1120:]
    mlkem = MLKEM768PrivateKey.from_seed_bytes(key.secret[:64])
    x25519 = X25519PrivateKey.from_private_bytes(key.secret[64:])
    shared = hashlib.sha3_256(
        mlkem.decapsulate(mlkem_ct)
        + x25519.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        + ephemeral
        + x25519.public_key().public_bytes_raw()
        + b"\\.//^\\"
    ).digest()
    suite = b"HPKE" + (0x647A).to_bytes(2, "big") + b"\0\1" + b"\0\3"

    def extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")

    def expand(prk: bytes, label: bytes, context: bytes, length: int) -> bytes:
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return hmac.digest(prk, labelled + b"\1", "sha256")[:length]

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    nonce = expand(secret, b"base_nonce", context, 12)
    return ChaCha20Poly1305(expand(secret, b"key", context, 32)).decrypt(nonce, sealed, b"")


def test_the_hybrid_is_what_the_standards_compose_it_of() -> None:
    ciphertext = hpke.SUITE.encrypt(SECRET, KEY.hybrid().public_key(), CONTEXT.info())
    assert compose(ciphertext, KEY, CONTEXT.info()) == SECRET
    assert len(ciphertext) == len(SECRET) + hpke.OVERHEAD


def test_info_is_every_field_behind_its_length() -> None:
    assert CONTEXT.info() == (
        b"\0\0\0\x14harbourlight.seal.v1"
        b"\0\0\0\x2eMLKEM768-X25519, HKDF-SHA256, ChaCha20Poly1305"
        b"\0\0\0\x14HL-2V9W86Y718B67DR20"
        b"\0\0\0\x04desk"
        b"\0\0\0\x100123456789abcdef"
        b"\0\0\0\x011"
        b"\0\0\0\x20" + bytes(32)
    )


@given(st.lists(st.text() | st.binary() | st.integers(0)), st.lists(st.text() | st.binary()))
def test_no_two_lists_of_parts_have_the_same_bytes(one: list[str], other: list[str]) -> None:
    def raw(parts: list[str]) -> list[bytes]:
        return [part if isinstance(part, bytes) else str(part).encode() for part in parts]

    assert (join(*one) == join(*other)) == (raw(one) == raw(other))


CHANGES = {
    "handle": "HL-0000000000000000A",
    "role": Role.CUSTODIAN,
    "key_id": "0123456789abcdee",
    "version": 2,
    "payload_hash": bytes(31) + b"\1",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_seal_opens_in_its_own_context_alone(name: str) -> None:
    ciphertext = hpke.SUITE.encrypt(SECRET, KEY.hybrid().public_key(), CONTEXT.info())
    other = replace(CONTEXT, **{name: CHANGES[name]})
    with pytest.raises(InvalidTag):
        hpke.SUITE.decrypt(ciphertext, KEY.hybrid(), other.info())
    assert hpke.SUITE.decrypt(ciphertext, KEY.hybrid(), CONTEXT.info()) == SECRET


@pytest.mark.parametrize("name", ["LABEL", "SUITE_NAME"])
def test_label_and_suite_are_bound_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ciphertext = hpke.SUITE.encrypt(SECRET, KEY.hybrid().public_key(), CONTEXT.info())
    monkeypatch.setattr(hpke, name, "another")
    with pytest.raises(InvalidTag):
        hpke.SUITE.decrypt(ciphertext, KEY.hybrid(), CONTEXT.info())


def sealed(recipient: Addressee | None = None) -> types.Seal:
    return hpke.seal(
        SECRET, recipient or KEY.addressee(), handle="HL-1", role=Role.DESK, payload=b"payload"
    )


def opened(seal: types.Seal, **changes: object) -> bytes:
    values = {"handle": "HL-1", "role": Role.DESK, "payload": b"payload"} | changes
    key = values.pop("key", KEY)
    return hpke.open_seal(seal, key, **values)  # type: ignore[arg-type]


def test_a_seal_opens_for_its_recipient_alone() -> None:
    seal = sealed()
    assert seal.key_id == hashlib.sha256(KEY.public_bytes).hexdigest()[:16]
    assert opened(seal) == SECRET
    for changes in (
        {"key": PrivateKey.generate()},
        {"handle": "HL-2"},
        {"role": Role.ALTERNATE},
        {"payload": b"payloae"},
        {"version": 2},
    ):
        with pytest.raises(CannotOpen, match="does not open"):
            opened(seal, **changes)
    seal.key_id = "0" * 16
    with pytest.raises(CannotOpen):
        opened(seal)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, hpke.OVERHEAD + len(SECRET) - 1), st.integers(1, 255))
def test_a_changed_byte_of_a_seal_is_noticed(place: int, change: int) -> None:
    seal = sealed()
    data = bytearray(seal.ciphertext)
    data[place] ^= change
    seal.ciphertext = bytes(data)
    with pytest.raises(CannotOpen):
        opened(seal)


@pytest.mark.parametrize("length", [0, 1, 1119, 1120, 1135])
def test_a_cut_seal_is_refused(length: int) -> None:
    seal = sealed()
    seal.ciphertext = seal.ciphertext[:length]
    with pytest.raises(CannotOpen):
        opened(seal)


def test_a_seal_fits_the_contract() -> None:
    assert len(sealed().ciphertext) <= 4096


@pytest.mark.parametrize("length", [0, 32, hpke.PUBLIC_LENGTH - 1, hpke.PUBLIC_LENGTH + 1])
def test_a_public_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="1216 bytes"):
        sealed(Addressee("x", bytes(length)))


def test_the_words_restore_a_cases_own_key() -> None:
    phrase = Phrase(bytes(16))
    key = PrivateKey.of_case(phrase)
    assert key == PrivateKey.of_case(Phrase(bytes(16)))
    assert hashlib.sha256(key.public_bytes).hexdigest() == (
        "07af65b4bbfa96a847c6c0b9aa0085ad14f4d89834e476d407a0cd79c184743a"
    )


def test_a_private_key_is_never_printed() -> None:
    assert KEY.secret.hex()[:16] not in repr(KEY)
    assert str(KEY.secret) not in repr(KEY)
    with pytest.raises(ValueError, match="96 bytes"):
        PrivateKey(bytes(32))
