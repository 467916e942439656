import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from harbourlight.phrase import LENGTH, Phrase, split
from harbourlight.signing import CaseKey

phrases = st.builds(Phrase, st.binary(min_size=16, max_size=16))

# BIP-39's own: https://github.com/trezor/python-mnemonic/blob/master/vectors.json
VECTORS = {
    "00000000000000000000000000000000": "abandon abandon abandon abandon abandon abandon "
    "abandon abandon abandon abandon abandon about",
    "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f": "legal winner thank year wave sausage "
    "worth useful legal winner thank yellow",
    "80808080808080808080808080808080": "letter advice cage absurd amount doctor "
    "acoustic avoid letter advice cage above",
    "ffffffffffffffffffffffffffffffff": "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
    "9e885d952ad362caeb4efe34a8e91bd2": "ozone drill grab fiber curtain grace "
    "pudding thank cruise elder eight picnic",
    "f30f8c1da665478f49b001d94c5fc452": "vessel ladder alter error federal sibling "
    "chat ability sun glass valve picture",
}
WORDS = VECTORS["f30f8c1da665478f49b001d94c5fc452"].split()


def refusal(text: str) -> str:
    """Why a text is no phrase, or "" where it is one."""
    try:
        Phrase.parse(text)
    except ValueError as error:
        return str(error) or "nothing is said"
    return ""


@pytest.mark.parametrize("entropy", VECTORS)
def test_words_are_those_of_the_standard(entropy: str) -> None:
    phrase = Phrase(bytes.fromhex(entropy))
    assert " ".join(phrase.words) == VECTORS[entropy]
    assert Phrase.parse(VECTORS[entropy]) == phrase


def test_the_words_restore_the_same_keys_for_ever() -> None:
    phrase = Phrase.parse(VECTORS["7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f"])
    case = CaseKey.from_phrase(phrase)
    assert case.handle == "HL-2V9W86Y718B67DR20"
    assert case.public_bytes == bytes.fromhex(
        "1227548e6aca3c647892045c5c212c61c76af99ac79aba272e7ba2c4a158709f"
    )
    agreement = X25519PrivateKey.from_private_bytes(phrase.derive("x25519", 32)).public_key()
    assert agreement.public_bytes_raw() == bytes.fromhex(
        "d7a78679088a42f5ad8f57ed166f7d08411954e073b7d994cbf883e514d1c937"
    )
    kem = MLKEM768PrivateKey.from_seed_bytes(phrase.derive("ml-kem-768", 64)).public_key()
    assert hashlib.sha256(kem.public_bytes_raw()).digest() == bytes.fromhex(
        "c84d5dab038caaa3f45b66684bbe253d319c088dd5de2e5950dbbcc469863267"
    )


@given(phrases)
def test_the_words_alone_restore_the_case(phrase: Phrase) -> None:
    again = Phrase.parse(" ".join(phrase.words))
    assert again == phrase
    assert CaseKey.from_phrase(again).handle == CaseKey.from_phrase(phrase).handle


def test_every_phrase_is_another() -> None:
    assert len({Phrase.generate() for _ in range(100)}) == 100


@given(
    phrases,
    st.sampled_from([str.lower, str.upper, str.title]),
    st.integers(4, 8),
    st.sampled_from([" ", "  ", "\n", "\r\n", "\t", ", ", " ; "]),
    st.sampled_from(["{word}", "{number} {word}", "{number}. {word}", "{number:02}) {word}."]),
)
def test_a_phrase_may_be_typed_in_many_ways(
    phrase: Phrase, case: type[str], letters: int, between: str, form: str
) -> None:
    typed = between.join(
        form.format(number=number, word=case(word[:letters]))
        for number, word in enumerate(phrase.words, start=1)
    )
    assert Phrase.parse(f" {typed}\n") == phrase


@pytest.mark.parametrize(("text", "count"), [("", 0), (" 1. 2. ", 0), (" ".join(WORDS[1:]), 11)])
def test_the_number_of_words_is_told(text: str, count: int) -> None:
    with pytest.raises(ValueError, match=f"12 words, and there are {count} here"):
        Phrase.parse(text)
    with pytest.raises(ValueError, match="there are 13 here"):
        Phrase.parse(" ".join([*WORDS, "sun"]))


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("laddder", "word 2, 'laddder', is not in the list; did you mean ladder?"),
        ("lad", "word 2, 'lad', is not in the list"),  # too short for a beginning
        ("qqqqq", "word 2, 'qqqqq', is not in the list, nor is one like it"),
        ("échelle", "word 2, 'échelle', is not in the list"),
        ("\x1b[31m", r"'\x1b[31m'"),
    ],
)
def test_a_word_that_does_not_exist_is_named_with_the_nearest(word: str, reason: str) -> None:
    with pytest.raises(ValueError, match="not in the list") as caught:
        Phrase.parse(" ".join([WORDS[0], word, *WORDS[2:]]))
    assert reason in str(caught.value)


def test_every_such_word_is_named() -> None:
    with pytest.raises(ValueError, match=r"word 1, 'vesel'.*vessel\?; word 12, 'pictture'.*"):
        Phrase.parse(" ".join(["vesel", *WORDS[1:-1], "pictture"]))


@pytest.mark.parametrize(
    "words", [["ability", *WORDS[1:]], [WORDS[1], WORDS[0], *WORDS[2:]]], ids=["other", "swapped"]
)
def test_another_word_or_order_is_caught_by_the_checksum(words: list[str]) -> None:
    with pytest.raises(ValueError, match="a word is another one, or two have changed places"):
        Phrase.parse(" ".join(words))


@given(phrases, st.permutations(range(12)))
def test_another_order_is_never_the_same_phrase(phrase: Phrase, order: list[int]) -> None:
    words = tuple(phrase.words[place] for place in order)
    assume(words != phrase.words)
    typed = " ".join(words)
    assert "checksum" in refusal(typed) or Phrase.parse(typed) != phrase


@settings(deadline=None)  # the nearest of 2048 words is looked for twelve times
@given(
    st.text() | st.lists(st.text(min_size=1, max_size=9), min_size=12, max_size=12).map(" ".join)
)
@example("\ud800 " * 12)
@example("\x00" * 12)
@example("İ ß ﬀ " * 4)
def test_no_text_does_more_than_be_refused(text: str) -> None:
    why = refusal(text)
    assert why != "nothing is said"
    assert why or len(split(text)) == LENGTH


@given(phrases, st.text("abcxyz0519-/", min_size=1), st.text("abcxyz0519-/", min_size=1))
def test_each_label_has_its_own_bytes(phrase: Phrase, one: str, other: str) -> None:
    assume(one != other)
    assert phrase.derive(one, 32) == phrase.derive(one, 32)
    assert phrase.derive(one, 32) != phrase.derive(other, 32)
