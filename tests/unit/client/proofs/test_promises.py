"""A promise is one text and one signature, and whatever else is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight.proofs.notes import BadNote, SignerKey
from harbourlight.proofs.promises import Promise, open_promise

KEY = SignerKey.of("harbourlight.test/reporting", bytes(range(32)))
OTHER = SignerKey.of("harbourlight.test/reporting", bytes(32))
BY = datetime(2026, 11, 24, 10, 0, 30, tzinfo=UTC)
PROMISE = Promise("harbourlight.test", bytes(32), BY)
TEXT = f"harbourlight.promise.v1\nharbourlight.test\n{'A' * 43}=\n2026-11-24T10:00:30Z\n"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
times = st.builds(
    lambda micros, minutes: (EPOCH + timedelta(microseconds=micros)).astimezone(
        timezone(timedelta(minutes=minutes))
    ),
    st.integers(10**14, 7 * 10**15),
    st.integers(-720, 720),
)
promises = st.builds(
    Promise,
    st.text("abcdefgh.-:0123456789", min_size=1, max_size=40),
    st.binary(min_size=32, max_size=32),
    times,
)


def test_its_text_is_four_lines() -> None:
    assert str(PROMISE) == TEXT


@given(promises)
def test_what_is_promised_is_read_again_and_no_earlier(promise: Promise) -> None:
    found = open_promise(promise.sign(KEY), [OTHER.verifier, KEY.verifier])
    assert (found.origin, found.commitment) == (promise.origin, promise.commitment)
    assert timedelta() <= found.include_by - promise.include_by < timedelta(seconds=1)
    assert str(found) == str(promise)


@given(promises)
def test_the_same_promise_is_the_same_note(promise: Promise) -> None:
    again = Promise(promise.origin, promise.commitment, promise.include_by.astimezone(UTC))
    assert promise.sign(KEY) == again.sign(SignerKey.parse(KEY.write()))


def test_nobody_elses_promise_counts() -> None:
    with pytest.raises(BadNote, match="not signed by a key that is trusted"):
        open_promise(PROMISE.sign(OTHER), [KEY.verifier])
    with pytest.raises(BadNote, match="not signed by a key that is trusted"):
        open_promise(PROMISE.sign(KEY), [])


@pytest.mark.parametrize(
    ("said", "instead"),
    [("24T", "25T"), ("AAAA=", "AAAE="), ("harbourlight.test\n", "harbourlight.tess\n")],
)
def test_a_changed_promise_is_nobodys(said: str, instead: str) -> None:
    with pytest.raises(BadNote, match="does not match"):
        open_promise(PROMISE.sign(KEY).replace(said, instead, 1), [KEY.verifier])


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        TEXT + "\n",
        TEXT.replace("v1", "v2"),
        TEXT.replace("harbourlight.test", ""),
        TEXT.replace("AAAA=", "AAA="),
        TEXT.replace("A" * 43 + "=", "AAAA"),
        TEXT.replace("30Z", "30.0Z"),
        TEXT.replace("30Z", "30+00:00"),
        TEXT.replace("10:00:30", "25:00:30"),
    ],
)
def test_any_other_text_is_no_promise(text: str) -> None:
    with pytest.raises(BadNote):
        Promise.parse(text)


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_bytes_are_a_promise_or_refused(written: str | bytes) -> None:
    with pytest.raises(BadNote):
        open_promise(written, [KEY.verifier])
