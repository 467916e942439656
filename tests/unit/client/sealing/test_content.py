import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harbourlight.errors import CannotOpen
from harbourlight.phrase import Phrase
from harbourlight.sealing import content, payload
from harbourlight.sealing.hpke import Addressee, PrivateKey, Role
from harbourlight.types.v1 import sealed_pb2 as types

HANDLE = "HL-2V9W86Y718B67DR20"
PHRASE = Phrase(bytes(16))
KEY = content.content_key(PHRASE, 1)
DESK, NEXT_DESK = PrivateKey.from_seed(bytes(32)), PrivateKey.from_seed(b"\1" * 32)
CASE = PrivateKey.of_case(PHRASE)
CASE_ADDRESS = Addressee(HANDLE, CASE.public_bytes)


def item(text: bytes = b"text", **changes: object) -> types.SealedContent:
    values = {"key": KEY, "epoch": 1, "handle": HANDLE, "kind": "message", "number": 3} | changes
    return content.seal_item(text, **values)  # type: ignore[arg-type]


def opened(one: types.SealedContent, **changes: object) -> bytes:
    values = {"key": KEY, "handle": HANDLE, "kind": "message"} | changes
    return content.open_item(one, **values)  # type: ignore[arg-type]


def test_the_words_restore_each_epochs_key() -> None:
    assert content.content_key(Phrase(bytes(16)), 1) == KEY
    assert len({content.content_key(PHRASE, epoch) for epoch in range(1, 50)}) == 49


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=5000), st.integers(1, 2**40), st.integers(1, 2**31 - 1))
def test_what_is_sealed_opens(text: bytes, number: int, epoch: int) -> None:
    assert opened(item(text, number=number, epoch=epoch)) == text


def test_an_item_opens_in_its_own_place_alone() -> None:
    for changes in ({"key": bytes(32)}, {"handle": "HL-2"}, {"kind": "content"}):
        with pytest.raises(CannotOpen, match="does not open"):
            opened(item(), **changes)
    for name, value in {"number": 4, "epoch": 2}.items():
        one = item()
        setattr(one, name, value)
        with pytest.raises(CannotOpen):
            opened(one)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_change_is_noticed(data: st.DataObject) -> None:
    one = item()
    raw = bytearray(one.payload)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    one.payload = bytes(raw)
    with pytest.raises(CannotOpen):
        opened(one)


@pytest.mark.parametrize("length", [0, 12, 44, 60, 61, 500])
def test_a_cut_payload_is_refused(length: int) -> None:
    one = item()
    one.payload = one.payload[:length]
    with pytest.raises(CannotOpen):
        opened(one)


def test_the_payload_fits_the_contract_and_tells_only_its_bucket() -> None:
    sizes = {len(item(bytes(length)).payload) for length in range(1024, 2048, 93)}
    assert sizes == {2048 + payload.OVERHEAD}
    assert len(item(bytes(content.MAX_PLAINTEXT)).payload) <= 262300
    with pytest.raises(ValueError, match="evidence"):
        item(bytes(content.MAX_PLAINTEXT + 1))


def test_the_same_text_is_never_sealed_the_same() -> None:
    assert item().payload != item().payload


def test_a_content_key_opens_for_its_desk_in_its_epoch_alone() -> None:
    sealed = content.seal_key(KEY, handle=HANDLE, epoch=1, recipient=DESK.addressee())
    assert content.open_key(sealed, handle=HANDLE, private_key=DESK) == KEY
    for arguments in (
        {"handle": HANDLE, "private_key": NEXT_DESK},
        {"handle": "HL-2", "private_key": DESK},
        {"handle": HANDLE, "private_key": DESK, "role": Role.OFFICER},
    ):
        with pytest.raises(CannotOpen):
            content.open_key(sealed, **arguments)
    sealed.epoch = 2
    with pytest.raises(CannotOpen):
        content.open_key(sealed, handle=HANDLE, private_key=DESK)


def test_a_transfer_hands_on_the_past_but_not_the_desks_future() -> None:
    first = content.seal_key(KEY, handle=HANDLE, epoch=1, recipient=DESK.addressee())
    held = content.open_key(first, handle=HANDLE, private_key=DESK)
    handed = content.seal_key(held, handle=HANDLE, epoch=1, recipient=NEXT_DESK.addressee())
    later_key = content.content_key(PHRASE, 2)
    later = content.seal_key(later_key, handle=HANDLE, epoch=2, recipient=NEXT_DESK.addressee())
    past = content.open_key(handed, handle=HANDLE, private_key=NEXT_DESK)
    assert opened(item(b"before"), key=past) == b"before"
    with pytest.raises(CannotOpen):
        content.open_key(later, handle=HANDLE, private_key=DESK)
    with pytest.raises(CannotOpen):
        opened(item(b"after", key=later_key, epoch=2), key=held)


def answer(text: bytes = b"question") -> types.SealedContent:
    return content.seal_for(
        text,
        handle=HANDLE,
        kind="message",
        number=1,
        recipients=[(Role.CASE, CASE_ADDRESS), (Role.DESK, DESK.addressee())],
    )


def test_what_a_desk_writes_opens_for_the_case_and_the_desk() -> None:
    one = answer()
    place = {"handle": HANDLE, "kind": "message"}
    for role, key_id, key in (
        (Role.CASE, HANDLE, CASE),
        (Role.DESK, DESK.addressee().key_id, DESK),
    ):
        arguments = place | {"role": role, "key_id": key_id}
        assert content.open_as(one, private_key=key, **arguments) == b"question"
        with pytest.raises(CannotOpen):
            content.open_as(one, private_key=NEXT_DESK, **arguments)
    with pytest.raises(CannotOpen, match="not sealed to key"):
        content.open_as(one, private_key=CASE, role=Role.CASE, key_id="HL-2", **place)
    one.number = 2
    with pytest.raises(CannotOpen):
        content.open_as(one, private_key=CASE, role=Role.CASE, key_id=HANDLE, **place)


def test_what_a_desk_wrote_can_be_handed_on() -> None:
    one = answer()
    seal = content.reseal(
        one,
        handle=HANDLE,
        private_key=DESK,
        key_id=DESK.addressee().key_id,
        recipient=NEXT_DESK.addressee(),
    )
    one.seals.append(seal)
    text = content.open_as(
        one,
        handle=HANDLE,
        kind="message",
        role=Role.DESK,
        key_id=NEXT_DESK.addressee().key_id,
        private_key=NEXT_DESK,
    )
    assert text == b"question"


def test_each_file_has_a_key_of_its_own() -> None:
    one = content.evidence_key(KEY, handle=HANDLE, evidence_id="a")
    assert len(one) == 32
    assert one != content.evidence_key(KEY, handle=HANDLE, evidence_id="b")
    assert one != content.evidence_key(KEY, handle="HL-2", evidence_id="a")
    assert one != content.evidence_key(bytes(32), handle=HANDLE, evidence_id="a")
