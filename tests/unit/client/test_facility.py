import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight import facility

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@pytest.mark.parametrize("text", ["CN2021250D1DTN7", "gln:4012345000009", "os-old:AB/12-3.4"])
def test_what_is_a_facility_id(text: str) -> None:
    assert facility.problem(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CN2021250D1DTN8",
        "cn2021250D1DTN7",
        "CN2021250D1DTN",
        "CN-2021250-D1DTN-7",
        "Sunrise Garments Ltd",
        "gln:",
        "gln:two words",
        "name:Sunrise",
        "GLN:4012345000009",
        "gln:4012345000009\n",
    ],
)
def test_what_is_none(text: str) -> None:
    assert facility.problem(text)


@given(st.integers(2, 14), st.sampled_from(DIGITS))
def test_one_mistyped_character_of_an_os_id_is_caught(place: int, digit: str) -> None:
    right = "CN2021250D1DTN7"
    wrong = right[:place] + digit + right[place + 1 :]
    assert (facility.problem(wrong) is None) == (wrong == right)
