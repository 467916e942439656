import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from harbourlight.errors import Untrusted
from harbourlight.phrase import Phrase
from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.sealing import signed
from harbourlight.signing import CaseKey

CASE = CaseKey.from_phrase(Phrase(bytes(16)))
DESK = "0123456789abcdef"
PLACE = {"handle": CASE.handle, "kind": "message", "number": 7}


class Officer:
    """A signer with a key of its own."""

    def __init__(self, key_id: str = "fedcba9876543210") -> None:
        self.key_id = key_id
        self.private_key = Ed25519PrivateKey.generate()

    def sign(self, data: bytes) -> bytes:
        return self.private_key.sign(data)

    def public_key_of(self, key_id: str) -> bytes:
        if key_id != self.key_id:
            raise Untrusted(f"no key {key_id}")
        return self.private_key.public_key().public_bytes_raw()


OFFICER = Officer()


def by_company(body: bytes = b"body") -> bytes:
    return signed.sign(body, CASE, recipient_key_id=DESK, **PLACE)


def by_officer(body: bytes = b"body") -> bytes:
    return signed.sign(body, OFFICER, recipient_key_id=CASE.handle, **PLACE)


@given(st.binary(max_size=2000))
def test_the_writer_is_proven(body: bytes) -> None:
    written = signed.verify_company(by_company(body), recipients={DESK}, **PLACE)
    assert (written.body, written.signer_key_id) == (body, CASE.handle)
    written = signed.verify_officer(by_officer(body), OFFICER.public_key_of, **PLACE)
    assert (written.body, written.signer_key_id) == (body, OFFICER.key_id)


@pytest.mark.parametrize(
    "change", [{"handle": "HL-0000000000000000A"}, {"kind": "content"}, {"number": 8}]
)
def test_it_is_shown_in_its_own_place_alone(change: dict[str, object]) -> None:
    with pytest.raises(Untrusted, match="not shown"):
        signed.verify_company(by_company(), **PLACE | change)
    with pytest.raises(Untrusted, match="not shown"):
        signed.verify_officer(by_officer(), OFFICER.public_key_of, **PLACE | change)


def test_what_was_meant_for_another_desk_is_not_shown() -> None:
    with pytest.raises(Untrusted, match="meant for"):
        signed.verify_company(by_company(), recipients={"another"}, **PLACE)
    with pytest.raises(Untrusted, match="meant for"):
        signed.verify_officer(by_officer(), OFFICER.public_key_of, recipients=(), **PLACE)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([by_company, by_officer]), st.data())
def test_any_change_is_noticed(make: object, data: st.DataObject) -> None:
    raw = bytearray(make())  # type: ignore[operator]
    original = sealed.Signed.FromString(bytes(raw))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    for verify in (
        lambda: signed.verify_company(bytes(raw), **PLACE),
        lambda: signed.verify_officer(bytes(raw), OFFICER.public_key_of, **PLACE),
    ):
        try:
            verify()
        except Untrusted:
            continue
        assert sealed.Signed.FromString(bytes(raw)) == original


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"hello", sealed.Signed(body=b"x").SerializeToString()]
)
def test_what_is_not_signed_is_not_shown(data: bytes) -> None:
    with pytest.raises(Untrusted, match="not shown"):
        signed.verify_company(data, **PLACE)
    with pytest.raises(Untrusted, match="not shown"):
        signed.verify_officer(data, OFFICER.public_key_of, **PLACE)


def test_the_platform_cannot_write_as_either() -> None:
    platform = Officer(OFFICER.key_id)
    forged = signed.sign(b"withdraw", platform, recipient_key_id=CASE.handle, **PLACE)
    with pytest.raises(Untrusted, match="signature"):
        signed.verify_officer(forged, OFFICER.public_key_of, **PLACE)
    other = CaseKey.generate()
    message = sealed.Signed.FromString(
        signed.sign(b"x", other, recipient_key_id=DESK, **PLACE | {"handle": other.handle})
    )
    message.signer_key_id = CASE.handle
    with pytest.raises(Untrusted, match="case's key"):
        signed.verify_company(message.SerializeToString(), **PLACE)


def test_a_company_is_not_taken_for_an_officer_nor_the_other_way_round() -> None:
    with pytest.raises(Untrusted):
        signed.verify_officer(by_company(), lambda _: CASE.public_bytes, **PLACE)
    with pytest.raises(Untrusted):
        signed.verify_company(by_officer(), **PLACE)


def test_a_key_that_nobody_certifies_is_refused() -> None:
    stranger = signed.sign(b"x", Officer("ab" * 8), recipient_key_id=CASE.handle, **PLACE)
    with pytest.raises(Untrusted, match="no key"):
        signed.verify_officer(stranger, OFFICER.public_key_of, **PLACE)


def test_a_case_signs_for_itself_alone() -> None:
    with pytest.raises(ValueError, match="not of HL-2"):
        signed.sign(b"x", CASE, recipient_key_id=DESK, **PLACE | {"handle": "HL-2"})
