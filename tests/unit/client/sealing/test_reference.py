"""docs/reference/trust-formats.md is enough to write another sealer: this one is written from it.

Nothing of ours makes the bytes here, only the standard library and `cryptography`'s primitives;
the page's examples, these bytes and ours must be the same.
"""

import base64
import hashlib
import hmac
import io
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from harbourlight import routing
from harbourlight.keys.entries import KeyEntry
from harbourlight.phrase import Phrase
from harbourlight.proofs.receipts import derive_salt
from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.sealing import content, hpke, payload, signed, stream
from harbourlight.sealing.hpke import Context, PrivateKey, Role
from harbourlight.signing import CaseKey

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "trust-formats.md"
WORDS = " ".join(["abandon"] * 11 + ["about"])
HANDLE = "HL-K454W06CN32EZ13HF"
KEY, NONCE = bytes(range(32)), bytes(range(12))
DESK = "0123456789abcdef"


def frame(*parts: str | bytes) -> bytes:
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in raw)


def hkdf(key: bytes, info: bytes, length: int, salt: bytes = b"") -> bytes:
    secret = hmac.digest(salt or bytes(32), key, "sha256")
    done, block = b"", b""
    while len(done) < length:
        block = hmac.digest(secret, block + info + bytes([len(done) // 32 + 1]), "sha256")
        done += block
    return done[:length]


def derived(label: str, length: int) -> bytes:
    return hkdf(bytes(16), f"harbourlight/case/v1/{label}".encode(), length)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def case_sealing_key() -> bytes:
    mlkem = MLKEM768PrivateKey.from_seed_bytes(derived("ml-kem-768", 64)).public_key()
    x25519 = X25519PrivateKey.from_private_bytes(derived("x25519", 32)).public_key()
    return mlkem.public_bytes_raw() + x25519.public_bytes_raw()


def info() -> bytes:
    suite = "MLKEM768-X25519, HKDF-SHA256, ChaCha20Poly1305"
    hashed = hashlib.sha256(b"payload").digest()
    return frame("harbourlight.seal.v1", suite, HANDLE, "desk", DESK, "1", hashed)


def sealed_payload() -> bytes:
    associated = frame("harbourlight.payload.v1", "content", HANDLE, "3", "1")
    keys = hkdf(KEY, associated, 64, NONCE)
    padded = b"hello\x80".ljust(1024, b"\0")
    return NONCE + keys[32:] + ChaCha20Poly1305(keys[:32]).encrypt(NONCE, padded, associated)


def signature() -> bytes:
    body = hashlib.sha256(b"body").digest()
    text = frame("harbourlight.signed.v1", HANDLE, "content", "3", DESK, body)
    return Ed25519PrivateKey.from_private_bytes(derived("ed25519", 32)).sign(text)


def streamed() -> bytes:
    named = frame("harbourlight.stream.v1", sha256(b"hello"), "5")
    plain = (5).to_bytes(8, "big") + b"hello"
    return ChaCha20Poly1305(hkdf(KEY, named, 32)).encrypt(
        bytes(11) + b"\1", plain.ljust(1024, b"\0"), None
    )


def stand_in() -> bytes:
    return hashlib.sha256(frame("harbourlight.content-key.v1", HANDLE, "2")).digest()


def entry() -> str:
    signing = base64.b64encode(bytes(32)).decode()
    return (
        "harbourlight.key.v1\nkind officer\nname ana@labour.example\njurisdiction MY\n"
        "organisation ministry\nnumber 2\nnot-before 2026-11-24T00:00:00Z\n"
        f"not-after 2027-11-24T00:00:00Z\nsigning {signing}\n"
    )


def table() -> bytes:
    lines = (Path(routing.__file__).parent / "data" / "routing.csv").read_text().splitlines()
    rows = [line for line in lines if not line.startswith("#")][1:]
    version = lines[0].removeprefix("# version:").strip()
    return "".join(f"{line}\n" for line in (version, *rows)).encode()


EXAMPLES = {
    "content key of epoch 1": derived("content/1", 32).hex(),
    "SHA-256 of the case's sealing key": sha256(case_sealing_key()),
    "SHA-256 of `info`": sha256(info()),
    "what a content key of epoch 2 is bound to": stand_in().hex(),
    "SHA-256 of the payload": sha256(sealed_payload()),
    "signature": base64.b64encode(signature()).decode(),
    "key of file `f`": hkdf(KEY, frame("harbourlight.evidence-key.v1", HANDLE, "f"), 32).hex(),
    "SHA-256 of the stream": sha256(streamed()),
    "salt": sha256(b"harbourlight.receipt.salt.v1" + bytes(32) + KEY + bytes(32)),
    "key id of the entry": sha256(entry().encode())[:16],
    "SHA-256 of the routing table": sha256(table()),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_page_has_the_right_example(name: str) -> None:
    found = re.search(rf"^\| {re.escape(name)} \| `([^`]*)` \|$", PAGE.read_text(), re.MULTILINE)
    assert found, f"the page has no example | {name} | `{EXAMPLES[name]}` |"
    assert found[1] == EXAMPLES[name]


def test_ours_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    phrase = Phrase.parse(WORDS)
    case = CaseKey.from_phrase(phrase)
    assert case.handle == HANDLE
    assert content.content_key(phrase, 1).hex() == EXAMPLES["content key of epoch 1"]
    assert PrivateKey.of_case(phrase).public_bytes == case_sealing_key()
    hashed = hashlib.sha256(b"payload").digest()
    assert Context(HANDLE, Role.DESK, DESK, 1, hashed).info() == info()
    assert content._stand_in(HANDLE, 2) == stand_in()
    monkeypatch.setattr(payload.secrets, "token_bytes", lambda length: NONCE[:length])
    assert payload.encrypt(b"hello", KEY, "content", HANDLE, 3, 1) == sealed_payload()
    written = signed.sign(
        b"body", case, handle=HANDLE, kind="content", number=3, recipient_key_id=DESK
    )
    assert sealed.Signed.FromString(written).signature == signature()
    file_key = content.evidence_key(KEY, handle=HANDLE, evidence_id="f")
    assert file_key.hex() == EXAMPLES["key of file `f`"]
    file = io.BytesIO(b"hello")
    assert b"".join(stream.encrypt(file, stream.plan(file, KEY))) == streamed()
    assert derive_salt(bytes(32), KEY, bytes(32)).hex() == EXAMPLES["salt"]
    assert KeyEntry.parse(entry()).key_id == EXAMPLES["key id of the entry"]
    assert routing.current().canonical == table()


@pytest.mark.parametrize(
    "words",
    [
        hpke.LABEL,
        hpke.SUITE_NAME,
        payload.LABEL,
        signed.LABEL,
        "harbourlight.content-key.v1",
        "harbourlight.evidence-key.v1",
        "harbourlight.stream.v1",
        "harbourlight.key.v1",
        "harbourlight.revocation.v1",
        "harbourlight.routing.v1",
        "harbourlight.receipt.v1",
        "harbourlight.receipt.salt.v1",
        "harbourlight.promise.v1",
        "harbourlight.answer.v1",
        WORDS,
        HANDLE,
        *Role,
    ],
)
def test_the_page_names_every_label(words: str) -> None:
    assert words in PAGE.read_text()
