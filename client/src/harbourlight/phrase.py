"""Phrases: the 12 words that a case's keys are made from, and can be restored from alone.

A phrase is 16 random bytes, written as BIP-39 writes them: 12 words of its English list, the last
of which carries a checksum. Each key is HKDF-SHA256 of those 16 bytes under a label of its own, so
no key tells anything of another.
"""

import difflib
import re
import secrets
import string
from dataclasses import dataclass, field
from functools import cache
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from mnemonic import Mnemonic

LENGTH = 12
"""How many words a phrase has."""

_BYTES = 16
_LABEL = "harbourlight/case/v1/"
_DISTINCT = 4
"""So many letters tell every word of the list from the others."""


@cache
def _list() -> Mnemonic:
    return Mnemonic("english")


@dataclass(frozen=True)
class Phrase:
    """The secret that a case is held by. Whoever knows its words holds the case."""

    entropy: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """A fresh one."""
        return cls(secrets.token_bytes(_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The phrase that a person typed: see `split`; the first four letters of a word will do.

        Raises ValueError where the words are too few or too many, one is not in the list, or they
        do not match their checksum. Its message quotes words, so it is for who typed them alone.
        """
        typed = split(text)
        if len(typed) != LENGTH:
            raise ValueError(f"a phrase is {LENGTH} words, and there are {len(typed)} here")
        words = [_expand(word) for word in typed]
        if faults := [
            _fault(number, word)
            for number, word in enumerate(words, start=1)
            if word not in _list().wordlist
        ]:
            raise ValueError("; ".join(faults))
        try:
            return cls(bytes(_list().to_entropy(words)))
        except ValueError:
            raise ValueError(
                "each word exists, but together they do not match their checksum: "
                "a word is another one, or two have changed places"
            ) from None

    @property
    def words(self) -> tuple[str, ...]:
        """The 12 words, in their order."""
        return tuple(_list().to_mnemonic(self.entropy).split())

    def derive(self, label: str, length: int) -> bytes:
        """So many secret bytes for one purpose, such as "ed25519": always the same ones."""
        info = (_LABEL + label).encode()
        return HKDF(SHA256(), length, salt=None, info=info).derive(self.entropy)


def split(text: str) -> list[str]:
    """The words in a text, in lower case and without the numbers that a list of them has."""
    tokens = re.split(r"[\s,;]+", text.lower())
    words = (token.strip(string.digits + string.punctuation) for token in tokens)
    return [word for word in words if word]


def _expand(word: str) -> str:
    return _list().expand_word(word) if len(word) >= _DISTINCT else word


def _fault(number: int, word: str) -> str:
    near = difflib.get_close_matches(word, _list().wordlist, n=1)
    hint = f"; did you mean {near[0]}?" if near else ", nor is one like it"
    return f"word {number}, {word!r}, is not in the list{hint}"
