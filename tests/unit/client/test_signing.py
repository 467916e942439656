import base64
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harbourlight import signing
from harbourlight.phrase import Phrase
from harbourlight.signing import BadSignature, CaseKey

KEY = CaseKey.generate()
ORIGIN, METHOD, NOW = "harbourlight.test", "/package.Service/Method", 1_800_000_000.0
requests = st.binary(max_size=200)


def sign(request: bytes) -> dict[str, str]:
    return dict(KEY.sign_call(ORIGIN, METHOD, request, now=NOW))


def verify(metadata: dict[str, str], request: bytes, *, origin: str = ORIGIN) -> bytes:
    return signing.verify_call(origin, METHOD, metadata, request, now=NOW)


@given(requests)
def test_a_signed_call_names_its_key(request: bytes) -> None:
    assert verify(sign(request), request) == KEY.public_bytes


@given(requests, requests)
def test_other_request_bytes_are_refused(request: bytes, other: bytes) -> None:
    assume(request != other)
    with pytest.raises(BadSignature, match="exact request bytes"):
        verify(sign(request), other)


@given(st.text(st.characters(codec="utf-8"), max_size=30), st.sampled_from(["origin", "method"]))
def test_another_origin_or_method_is_refused(other: str, line: str) -> None:
    assume(other not in (ORIGIN, METHOD))
    metadata = sign(b"request")
    origin = other if line == "origin" else ORIGIN
    method = other if line == "method" else METHOD
    with pytest.raises(BadSignature, match="does not match"):
        signing.verify_call(origin, method, metadata, b"request", now=NOW)


@given(st.integers(-119_000, 119_000).filter(bool))
def test_another_time_within_the_window_is_refused(shift: int) -> None:
    metadata = sign(b"request")
    metadata[signing.TIME] = str(int(metadata[signing.TIME]) + shift)
    with pytest.raises(BadSignature, match="does not match"):
        verify(metadata, b"request")


@given(st.binary(min_size=16, max_size=16))
def test_another_nonce_is_refused(nonce: bytes) -> None:
    metadata = sign(b"request")
    metadata[signing.NONCE] = base64.urlsafe_b64encode(nonce).decode().rstrip("=")
    with pytest.raises(BadSignature, match="does not match"):
        verify(metadata, b"request")


def test_another_key_is_refused() -> None:
    metadata = sign(b"request")
    metadata[signing.KEY] = dict(CaseKey.generate().sign_call(ORIGIN, METHOD, b""))[signing.KEY]
    with pytest.raises(BadSignature, match="does not match"):
        verify(metadata, b"request")


@given(st.integers(0, 63), st.integers(1, 255))
def test_a_changed_signature_is_refused(position: int, change: int) -> None:
    metadata = sign(b"request")
    raw = bytearray(base64.urlsafe_b64decode(metadata[signing.SIGNATURE] + "=="))
    raw[position] ^= change
    metadata[signing.SIGNATURE] = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    with pytest.raises(BadSignature, match="does not match"):
        verify(metadata, b"request")


@pytest.mark.parametrize("name", [signing.KEY, signing.TIME, signing.NONCE, signing.SIGNATURE])
def test_a_missing_or_malformed_entry_is_named(name: str) -> None:
    metadata = sign(b"request")
    del metadata[name]
    with pytest.raises(BadSignature, match=name):
        verify(metadata, b"request")
    for wrong in ("", "é", "AAAA", "-1"):
        with pytest.raises(BadSignature, match=name):
            verify({**metadata, name: wrong}, b"request")


@pytest.mark.parametrize("seconds", [-121, 121])
def test_outside_the_window_the_servers_clock_is_told(seconds: int) -> None:
    metadata = dict(KEY.sign_call(ORIGIN, METHOD, b"", now=NOW + seconds))
    with pytest.raises(BadSignature, match=str(int(NOW * 1000))):
        verify(metadata, b"")


def test_each_signature_has_its_own_nonce_and_the_time_of_now() -> None:
    first, second = (dict(KEY.sign_call(ORIGIN, METHOD, b"")) for _ in range(2))
    assert first[signing.NONCE] != second[signing.NONCE]
    assert abs(int(first[signing.TIME]) / 1000 - time.time()) < 5


def test_a_key_is_restored_from_its_phrase() -> None:
    assert KEY.phrase is not None
    again = CaseKey.from_phrase(Phrase.parse(" ".join(KEY.phrase.words)))
    metadata = dict(again.sign_call(ORIGIN, METHOD, b"request", now=NOW))
    assert verify(metadata, b"request") == KEY.public_bytes
    assert again.handle == KEY.handle


def test_a_key_is_restored_from_the_bytes_of_a_first_case_file() -> None:
    # RFC 8032, section 7.1, test 1.
    secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    key = CaseKey.from_private_bytes(bytes.fromhex(secret))
    assert key.public_bytes.hex() == public
    assert key.phrase is None
