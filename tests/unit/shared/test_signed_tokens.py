"""A token is taken back as it was given, for the same query alone."""

import base64

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.errors import Kind, Refusal
from shared.signed_tokens import SignedTokens

TOKENS = SignedTokens(b"secret of one service")
scopes = st.binary(max_size=20)
positions = st.lists(st.integers() | st.text(max_size=8) | st.booleans() | st.none(), max_size=4)


def raw(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def assert_refused(scope: bytes, token: str, tokens: SignedTokens = TOKENS) -> None:
    with pytest.raises(Refusal) as refused:
        tokens.decode(scope, token, "page_token")
    assert refused.value.kind == Kind.INVALID
    assert [violation.field for violation in refused.value.violations] == ["page_token"]


@given(scopes, positions)
def test_a_token_gives_its_position_back(scope: bytes, position: list[object]) -> None:
    assert TOKENS.decode(scope, TOKENS.encode(scope, position), "page_token") == position


@given(scopes, positions)
def test_a_token_fits_into_a_url_and_a_header(scope: bytes, position: list[object]) -> None:
    token = TOKENS.encode(scope, position)
    assert token.isascii()
    assert set("+/= \n").isdisjoint(token)


@given(scopes, scopes, positions)
def test_a_token_of_another_query_is_refused(
    scope: bytes, other: bytes, position: list[object]
) -> None:
    assume(scope != other)
    assert_refused(other, TOKENS.encode(scope, position))


@given(scopes, positions)
def test_a_token_of_another_service_is_refused(scope: bytes, position: list[object]) -> None:
    assert_refused(scope, SignedTokens(b"another secret").encode(scope, position))


@given(scopes, positions, st.data())
def test_a_changed_token_is_refused(
    scope: bytes, position: list[object], data: st.DataObject
) -> None:
    changed = bytearray(raw(TOKENS.encode(scope, position)))
    place = data.draw(st.integers(0, len(changed) - 1))
    changed[place] ^= data.draw(st.integers(1, 255))
    assert_refused(scope, base64.urlsafe_b64encode(changed).decode().rstrip("="))


@given(scopes, positions, st.data())
def test_a_token_cut_short_or_made_longer_is_refused(
    scope: bytes, position: list[object], data: st.DataObject
) -> None:
    sound = raw(TOKENS.encode(scope, position))
    changed = data.draw(st.integers(0, len(sound) - 1).map(lambda end: sound[:end])) + data.draw(
        st.sampled_from([b"", b"x"])
    )
    assume(changed != sound)
    assert_refused(scope, base64.urlsafe_b64encode(changed).decode().rstrip("="))


@given(scopes, st.text())
def test_any_text_is_no_token(scope: bytes, text: str) -> None:
    assert_refused(scope, text)
