from itertools import combinations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from harbourlight.errors import CannotOpen
from harbourlight.sealing import identity, payload
from harbourlight.sealing.hpke import PrivateKey, Role
from harbourlight.types.v1 import sealed_pb2 as types

HANDLE = "HL-2V9W86Y718B67DR20"
DESK, CUSTODIAN, ALTERNATE, OTHER = (PrivateKey.from_seed(bytes([n]) * 32) for n in range(4))
KEYS = {Role.DESK: DESK, Role.CUSTODIAN: CUSTODIAN, Role.ALTERNATE: ALTERNATE}
ADDRESSEES = {role: key.addressee() for role, key in KEYS.items()}
TEXT = b"Golden Palm Rubber Sdn Bhd"


def sealed(text: bytes = TEXT) -> types.SealedIdentity:
    return identity.seal(
        text,
        handle=HANDLE,
        desk=ADDRESSEES[Role.DESK],
        custodian=ADDRESSEES[Role.CUSTODIAN],
        alternate=ADDRESSEES[Role.ALTERNATE],
    )


def half(of: types.SealedIdentity, role: Role, handle: str = HANDLE) -> bytes:
    seal = getattr(of, role.value)
    return identity.open_half(seal, of, handle=handle, role=role, private_key=KEYS[role])


def opened(of: types.SealedIdentity, a: bytes, b: bytes, handle: str = HANDLE) -> bytes:
    return identity.open_identity(of, handle=handle, desk_half=a, custodian_half=b)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=3000))
def test_desk_and_either_custodian_open_it_together(text: bytes) -> None:
    one = sealed(text)
    for custodian in (Role.CUSTODIAN, Role.ALTERNATE):
        assert opened(one, half(one, Role.DESK), half(one, custodian)) == text


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_neither_half_alone_opens_it(guess: bytes) -> None:
    one = sealed()
    a, b = half(one, Role.DESK), half(one, Role.CUSTODIAN)
    assert b == half(one, Role.ALTERNATE)
    for halves in ((a, guess), (guess, b), (a, a), (b, b), (a, bytes(32)), (bytes(32), b)):
        with pytest.raises(CannotOpen):
            opened(one, *halves)


def test_custodian_and_alternate_together_have_one_half_only() -> None:
    one = sealed()
    with pytest.raises(CannotOpen):
        opened(one, half(one, Role.CUSTODIAN), half(one, Role.ALTERNATE))


def test_no_seal_opens_with_anothers_key_or_as_another() -> None:
    one = sealed()
    for role, other in combinations(KEYS, 2):
        for seal, key in ((role, other), (other, role)):
            for name in Role:
                with pytest.raises(CannotOpen):
                    identity.open_half(
                        getattr(one, seal.value),
                        one,
                        handle=HANDLE,
                        role=name,
                        private_key=KEYS[key],
                    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_change_is_noticed(data: st.DataObject) -> None:
    one = sealed()
    raw = bytearray(one.SerializeToString())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        changed = types.SealedIdentity.FromString(bytes(raw))
    except DecodeError:
        return
    if changed == one:
        return
    refused = 0
    for custodian in (Role.CUSTODIAN, Role.ALTERNATE):
        try:
            opened(changed, half(changed, Role.DESK), half(changed, custodian))
        except CannotOpen:
            refused += 1
    # A change of one custodian's seal leaves the other's way open.
    assert refused


def test_it_opens_in_its_own_case_alone() -> None:
    one = sealed()
    with pytest.raises(CannotOpen):
        half(one, Role.DESK, "HL-0000000000000000A")
    a, b = half(one, Role.DESK), half(one, Role.CUSTODIAN)
    with pytest.raises(CannotOpen):
        opened(one, a, b, "HL-0000000000000000A")


def test_a_payload_is_not_another_reports() -> None:
    one, other = sealed(), sealed(b"Another")
    one.payload = other.payload
    with pytest.raises(CannotOpen):
        half(one, Role.DESK)


def test_a_granted_half_opens_for_the_asking_officers_one_time_key_alone() -> None:
    one = sealed()
    one_time = PrivateKey.generate()
    seal = identity.reseal_half(
        half(one, Role.CUSTODIAN),
        one,
        handle=HANDLE,
        role=Role.OFFICER,
        recipient=one_time.addressee(),
    )
    arguments = {"handle": HANDLE, "role": Role.OFFICER}
    b = identity.open_half(seal, one, private_key=one_time, **arguments)
    assert opened(one, half(one, Role.DESK), b) == TEXT
    for key in (DESK, CUSTODIAN, PrivateKey.generate()):
        with pytest.raises(CannotOpen):
            identity.open_half(seal, one, private_key=key, **arguments)
    with pytest.raises(CannotOpen):
        identity.open_half(seal, sealed(), private_key=one_time, **arguments)


def test_a_transfer_gives_the_desks_half_to_another_desk() -> None:
    one = sealed()
    a = half(one, Role.DESK)
    one.desk.CopyFrom(
        identity.reseal_half(a, one, handle=HANDLE, role=Role.DESK, recipient=OTHER.addressee())
    )
    again = identity.open_half(one.desk, one, handle=HANDLE, role=Role.DESK, private_key=OTHER)
    assert opened(one, again, half(one, Role.CUSTODIAN)) == TEXT
    with pytest.raises(CannotOpen):
        half(one, Role.DESK)


def test_one_recipient_never_gets_both_halves() -> None:
    for desk, custodian, alternate in ((0, 0, 1), (0, 1, 0), (0, 1, 1)):
        keys = [DESK.addressee(), CUSTODIAN.addressee()]
        with pytest.raises(ValueError, match="three keys"):
            identity.seal(
                TEXT,
                handle=HANDLE,
                desk=keys[desk],
                custodian=keys[custodian],
                alternate=keys[alternate],
            )


def test_the_payload_fits_the_contract_and_tells_only_its_bucket() -> None:
    sizes = {len(sealed(bytes(length)).payload) for length in range(0, 1024, 93)}
    assert sizes == {1024 + payload.OVERHEAD}
    assert len(sealed(bytes(identity.MAX_PLAINTEXT)).payload) <= 65600
    with pytest.raises(ValueError, match="65535"):
        sealed(bytes(identity.MAX_PLAINTEXT + 1))


def test_a_payload_opens_as_one_text_only() -> None:
    """The cipher alone would not say so: the commitment does, before the cipher is asked."""
    one = sealed()
    a, b = half(one, Role.DESK), half(one, Role.CUSTODIAN)
    data = bytearray(one.payload)
    data[payload.NONCE_LENGTH] ^= 1
    one.payload = bytes(data)
    with pytest.raises(CannotOpen):
        opened(one, a, b)
