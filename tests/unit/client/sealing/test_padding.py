import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight.sealing.padding import SMALLEST, bucket, pad, unpad

MIB = 1024 * 1024


@given(st.binary(max_size=5000))
def test_what_is_padded_comes_back(data: bytes) -> None:
    padded = pad(data)
    assert unpad(padded) == data
    assert len(padded) == bucket(len(data) + 1)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\0\0", bytes(1023), bytes(1024), b"\x80" * 9])
def test_data_that_looks_like_padding_comes_back(data: bytes) -> None:
    assert unpad(pad(data)) == data


@given(st.integers(0, 2**31))
def test_a_bucket_holds_what_it_is_for_and_is_its_own_bucket(length: int) -> None:
    size = bucket(length)
    assert size >= max(length, SMALLEST)
    assert bucket(size) == size
    assert size <= max(2 * length, SMALLEST)
    if length > MIB:
        assert size <= length * 1.12


@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_buckets_keep_the_order(one: int, other: int) -> None:
    assert bucket(min(one, other)) <= bucket(max(one, other))


def test_there_are_few_buckets() -> None:
    assert {bucket(length) for length in range(MIB + 1)} == {1024 << n for n in range(11)}
    steps = {bucket(length) for length in range(MIB, 1024 * MIB, 4096)}
    assert len(steps) < 330


@pytest.mark.parametrize(
    "padded", [b"", bytes(1024), b"\x80", b"a\x80".ljust(1023, b"\0"), b"a\x80".ljust(2048, b"\0")]
)
def test_what_was_not_padded_is_refused(padded: bytes) -> None:
    with pytest.raises(ValueError, match="not padded"):
        unpad(padded)
