import hashlib
import io
import resource
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harbourlight.errors import BadFile, CannotOpen
from harbourlight.sealing import stream
from harbourlight.sealing.padding import bucket
from harbourlight.sealing.stream import CHUNK, SEALED_CHUNK, Decryption, Plan

KEY = bytes(range(32))


def content(size: int) -> bytes:
    return hashlib.shake_128(str(size).encode()).digest(size)


def sealed(data: bytes, key: bytes = KEY) -> tuple[Plan, list[bytes]]:
    file = io.BytesIO(data)
    plan = stream.plan(file, key)
    return plan, list(stream.encrypt(file, plan))


def opened(plan: Plan, pieces: list[bytes], key: bytes = KEY) -> bytes:
    decryption = Decryption(key, size=plan.size, sha256=plan.sha256)
    data = b"".join(decryption.feed(piece) for piece in pieces)
    decryption.finish()
    return data


sizes = st.integers(0, 3 * CHUNK) | st.sampled_from(
    [0, 1, 1015, 1016, 1017, CHUNK - 9, CHUNK - 8, CHUNK - 7, CHUNK, 2 * CHUNK - 8, 5 * CHUNK]
)


@settings(max_examples=40, deadline=None)
@given(sizes, st.integers(1, 2 * CHUNK))
@example(4 * CHUNK - 8, 700_000)
@example(4 * CHUNK + 1, 700_000)
def test_a_file_comes_back_from_pieces_of_any_length(size: int, piece: int) -> None:
    data = content(size)
    plan, chunks = sealed(data)
    whole = b"".join(chunks)
    assert plan.size == size
    assert plan.sha256 == hashlib.sha256(data).digest()
    assert plan.sealed_size == len(whole)
    assert plan.sealed_sha256 == hashlib.sha256(whole).digest()
    assert plan.chunks == len(chunks)
    assert all(len(chunk) == SEALED_CHUNK for chunk in chunks[:-1])
    assert opened(plan, [whole[at : at + piece] for at in range(0, len(whole), piece)]) == data


@settings(max_examples=20, deadline=None)
@given(sizes)
def test_the_length_tells_only_the_bucket(size: int) -> None:
    plan, chunks = sealed(content(size))
    assert plan.sealed_size == bucket(size + 8) + 16 * len(chunks)


def test_the_same_file_gives_the_same_bytes_and_another_never_the_same_keystream() -> None:
    one, other = content(1000), content(1000)[:-1] + b"\0"
    (plan, chunks), (_, again), (_, changed) = sealed(one), sealed(one), sealed(other)
    assert chunks == again
    mixed = bytes(a ^ b for a, b in zip(chunks[0], changed[0], strict=True))
    # The same key and nonce would leave zeros wherever the files agree.
    assert mixed.count(0) < 50
    assert KEY.hex() not in repr(plan)


@pytest.mark.parametrize("start", [0, 1, 2, 4])
def test_an_upload_goes_on_at_any_chunk(start: int) -> None:
    data = content(4 * CHUNK + 100)
    plan, chunks = sealed(data)
    assert len(chunks) == 5
    file = io.BytesIO(data)
    assert list(stream.encrypt(file, plan, start=start)) == chunks[start:]


def test_a_download_goes_on_after_a_cut() -> None:
    data = content(3 * CHUNK)
    plan, chunks = sealed(data)
    whole = b"".join(chunks)
    decryption = Decryption(KEY, size=plan.size, sha256=plan.sha256)
    got = decryption.feed(whole[: SEALED_CHUNK + 1000])
    assert decryption.resume_at == SEALED_CHUNK
    decryption.cut()
    got += decryption.feed(whole[decryption.resume_at :])
    decryption.finish()
    assert got == data


@pytest.mark.parametrize("at", [0, CHUNK + 5, 2 * CHUNK + 5])
def test_a_file_that_changes_meanwhile_is_not_sent(at: int) -> None:
    data = bytearray(content(3 * CHUNK))
    plan = stream.plan(io.BytesIO(bytes(data)), KEY)
    data[at] ^= 1
    given_out = []
    with pytest.raises(BadFile, match="changed"):
        given_out += list(stream.encrypt(io.BytesIO(bytes(data)), plan))
    with pytest.raises(BadFile, match="changed"):
        list(stream.encrypt(io.BytesIO(bytes(data[:1000])), plan))


SAMPLE = content(3 * CHUNK + 9)
PLAN, CHUNKS = sealed(SAMPLE)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(CHUNKS) - 1), st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_noticed(number: int, place: int, change: int) -> None:
    chunks = list(CHUNKS)
    chunk = bytearray(chunks[number])
    chunk[place % len(chunk)] ^= change
    chunks[number] = bytes(chunk)
    with pytest.raises(CannotOpen, match=f"chunk {number}"):
        opened(PLAN, chunks)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, len(CHUNKS) - 1), max_size=6))
def test_chunks_open_in_their_order_and_number_alone(order: list[int]) -> None:
    if order == list(range(len(CHUNKS))):
        return
    with pytest.raises(CannotOpen):
        opened(PLAN, [CHUNKS[number] for number in order])


def test_a_cut_or_lengthened_file_is_noticed() -> None:
    for length in range(len(CHUNKS)):
        with pytest.raises(CannotOpen, match=f"only {length} of"):
            opened(PLAN, CHUNKS[:length])
    with pytest.raises(CannotOpen, match="goes on"):
        opened(PLAN, [*CHUNKS, b"\0"])


def test_the_last_chunk_of_a_shorter_file_ends_nothing_else() -> None:
    """What ends a file is bound to its length by the key, and to its place by the nonce."""
    short = sealed(SAMPLE[: CHUNK - 8])[1]
    with pytest.raises(CannotOpen):
        opened(PLAN, short)


def test_another_key_or_description_opens_nothing() -> None:
    for key, size, sha256 in (
        (bytes(32), PLAN.size, PLAN.sha256),
        (KEY, PLAN.size - 1, PLAN.sha256),
        (KEY, PLAN.size, bytes(32)),
    ):
        decryption = Decryption(key, size=size, sha256=sha256)
        with pytest.raises(CannotOpen):
            decryption.feed(b"".join(CHUNKS))


@pytest.mark.parametrize("size", [-1, stream.MAX_SIZE + 1])
def test_a_description_of_an_impossible_length_is_refused(size: int) -> None:
    with pytest.raises(CannotOpen, match="length"):
        Decryption(KEY, size=size, sha256=bytes(32))


def test_a_sender_that_describes_another_file_is_found_out() -> None:
    """Whoever has the key can encrypt what they like under a hash that is not the file's."""
    cipher = stream._cipher(KEY, bytes(32), 3)
    plain = (3).to_bytes(8, "big") + b"abc".ljust(1016, b"\0")
    decryption = Decryption(KEY, size=3, sha256=bytes(32))
    decryption.feed(stream._encrypt(cipher, 0, plain, True))
    with pytest.raises(CannotOpen, match="not the one"):
        decryption.finish()


def test_a_large_file_passes_through_little_memory(tmp_path: Path) -> None:
    path, size = tmp_path / "large", 160 * 1024 * 1024
    with path.open("wb") as file:
        file.truncate(size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with path.open("rb") as file:
        plan = stream.plan(file, KEY)
        decryption = Decryption(KEY, size=plan.size, sha256=plan.sha256)
        length = sum(len(decryption.feed(one)) for one in stream.encrypt(file, plan))
    decryption.finish()
    assert length == size
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


def test_more_than_a_gigabyte_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_SIZE", 1000)
    with pytest.raises(BadFile, match="1000 bytes"):
        stream.plan(io.BytesIO(bytes(1001)), KEY)
    assert stream.plan(io.BytesIO(bytes(1000)), KEY).size == 1000
