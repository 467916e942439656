import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harbourlight import handle

keys = st.binary(min_size=32, max_size=32)
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@given(keys)
def test_what_is_derived_is_canonical(key: bytes) -> None:
    derived = handle.derive(key)
    assert handle.problem(derived) is None
    assert handle.parse(derived) == derived
    assert handle.derive(key) == derived


@given(keys, st.booleans(), st.sampled_from(["", " ", "-"]))
def test_a_handle_may_be_typed_in_any_case_with_lookalikes_and_groups(
    key: bytes, lower: bool, between: str
) -> None:
    derived = handle.derive(key)
    body = derived.removeprefix("HL-")
    typed = between.join([body[:4], body[4:8], body[8:]])
    typed = "HL-" + typed.replace("0", "O").replace("1", "l")
    assert handle.parse(f" {typed.lower() if lower else typed} ") == derived


@given(keys, st.integers(0, 15), st.sampled_from(DIGITS))
def test_a_mistyped_character_is_caught(key: bytes, position: int, digit: str) -> None:
    derived = handle.derive(key)
    at = len("HL-") + position
    assume(derived[at] != digit)
    with pytest.raises(ValueError, match="check symbol"):
        handle.parse(derived[:at] + digit + derived[at + 1 :])


@given(keys, st.integers(0, 14))
def test_two_swapped_characters_are_caught(key: bytes, position: int) -> None:
    derived = handle.derive(key)
    at = len("HL-") + position
    assume(derived[at] != derived[at + 1])
    with pytest.raises(ValueError, match="check symbol"):
        handle.parse(derived[:at] + derived[at + 1] + derived[at] + derived[at + 2 :])


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "17 characters"),
        ("HL-", "17 characters"),
        ("HL-0000000000000000", "17 characters"),
        ("HL-000000000000000000", "17 characters"),
        ("HL-000000000000000U0", "does not occur"),
        ("HL-000000000000000é0", "does not occur"),
    ],
)
def test_the_reason_is_given(typed: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        handle.parse(typed)
