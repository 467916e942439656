"""What would give the reporter away: words of the sealed identity in what a desk reads alone.

The identity takes two parties to open; a narrative signed "for Golden Palm", or a PDF whose author
is the reporter, undoes that. This warns, and decides nothing: the writer knows best.

A name is found whatever its case, accents, spaces and punctuation; single words of it too, unless
they are legal forms, stop words, or so common in names that they tell nothing.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from google.protobuf.message import Message

from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.sealing import metadata

_LEGAL_TAILS = ("株式会社", "有限会社", "合同会社", "股份有限公司", "有限公司", "公司", "주식회사")
_SHORTEST_WORD, _SHORTEST_RUN = 4, 6
_FEWEST_DIGITS = 7


@cache
def _common() -> dict[str, frozenset[str]]:
    """Words that tell nothing, by what they are common in."""
    text = files("harbourlight").joinpath("data", "common_words.txt").read_text(encoding="utf-8")
    parts = re.split(r"^\[(.*)\]$", text, flags=re.MULTILINE)[1:]
    return {name: frozenset(words.split()) for name, words in zip(*[iter(parts)] * 2, strict=True)}


class Warned(NamedTuple):
    """Something that would give the reporter away."""

    where: str
    """A field such as narrative, or a part of a file such as "author"."""
    word: str
    """What was found there, as the identity has it."""

    def __str__(self) -> str:
        return (
            f"{self.where} holds {self.word!r}, which is part of who reports: the desk would read "
            "it without the custodian. Take it out unless you want that"
        )


class Words:
    """What of an identity must not be found elsewhere."""

    def __init__(self, identity: sealed.Identity) -> None:
        self._names: dict[str, str] = {}
        """Squeezed or single normal form → as the identity has it."""
        self._runs: dict[str, str] = {}
        self._digits: dict[str, str] = {}
        for name in (identity.name, *identity.other_names, *(p.name for p in identity.people)):
            self._add_name(name)
        self._add_number(identity.registration_number)
        for line in (*identity.address.lines, identity.address.city):
            self._add_run(line)
        for person in identity.people:
            self._add_number(person.phone)
            self._add_address(person.email)

    def find(self, text: str) -> list[str]:
        """What of the identity is in a text, as the identity has it, each once."""
        tokens = _tokens(text)
        present, squeezed = set(tokens), "".join(tokens)
        digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", text))
        found = [word for form, word in self._names.items() if form in present]
        found += [word for form, word in self._runs.items() if form in squeezed]
        found += [word for form, word in self._digits.items() if form in digits]
        # A name is often in an address too, in small letters.
        return list({word.casefold(): word for word in reversed(found)}.values())[::-1]

    def _add_name(self, name: str) -> None:
        bare = name.replace(".", "")
        for tail in _LEGAL_TAILS:
            bare = bare.replace(tail, " ")
        tokens = [one for one in _tokens(bare) if one not in _common()["legal forms"]]
        self._add_squeezed(tokens, name.strip())
        for token in tokens:
            if len(token) >= _SHORTEST_WORD and _is_rare(token):
                self._names.setdefault(token, _as_written(bare, token))

    def _add_run(self, text: str) -> None:
        self._add_squeezed(_tokens(text), text.strip())

    def _add_squeezed(self, tokens: list[str], name: str) -> None:
        """A whole name is found inside other letters too, unless it is short or common."""
        run = "".join(tokens)
        if len(run) >= _SHORTEST_RUN or (len(run) >= 2 and not run.isascii()):
            if any(map(_is_rare, tokens)):
                self._runs.setdefault(run, name)
        elif len(run) > 1 and _is_rare(run):
            self._names.setdefault(run, name)

    def _add_address(self, email: str) -> None:
        user, _, domain = email.rpartition("@")
        if user:
            self._add_run(email)
            for part in (*re.split(r"[._-]", user), *domain.split(".")[:-1]):
                if part.casefold() not in _common()["mail"]:
                    self._add_name(part)

    def _add_number(self, number: str) -> None:
        digits = re.sub(r"\D", "", unicodedata.normalize("NFKC", number))
        if len(digits) >= _FEWEST_DIGITS:
            # The last ones: a number is written with and without its prefix.
            self._digits[digits[-9:]] = number
        elif len("".join(_tokens(number))) >= _SHORTEST_RUN:
            self._add_run(number)


def in_texts(identity: sealed.Identity, texts: Mapping[str, str]) -> list[Warned]:
    """What the texts, by the name of where they are, tell of the identity."""
    words = Words(identity)
    return [Warned(where, word) for where, text in texts.items() for word in words.find(text)]


def in_message(identity: sealed.Identity, message: Message) -> list[Warned]:
    """The same for every text in a message, such as a Content, by the path of its field."""
    return in_texts(identity, dict(_texts(message)))


def in_file(identity: sealed.Identity, path: Path) -> list[Warned]:
    """What name and metadata of a file tell; its text and pictures are not read.

    Raises OSError where it cannot be read. A format that is not known is searched at both ends.
    """
    words = Words(identity)
    parts: Iterable[tuple[str, str]] = (("the file's name", path.name), *metadata.read(path))
    found = (Warned(where, word) for where, text in parts for word in words.find(text))
    return list(dict.fromkeys(found))


def _texts(message: Message, path: str = "") -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        name = f"{path}.{field.name}" if path else field.name
        values = [(name, value)]
        if field.is_repeated:
            values = [(f"{name}[{n}]", one) for n, one in enumerate(value)]
        for where, one in values:
            if isinstance(one, Message):
                yield from _texts(one, where)
            elif isinstance(one, str):
                yield where, one


def _tokens(text: str) -> list[str]:
    """Words without case, accents and punctuation."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    # Casefolding can compose anew, and some letters have no decomposition.
    plain = unicodedata.normalize("NFKD", decomposed).translate(_LETTERS)
    letters = (one for one in plain if not unicodedata.combining(one))
    found: list[str] = re.findall(r"[^\W_]+", "".join(letters))
    return found


def _is_rare(token: str) -> bool:
    return token not in _common()["common words"] and not token.isdigit()


_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})


def _as_written(name: str, token: str) -> str:
    words: list[str] = re.findall(r"[^\W_]+", name)
    for word in words:
        if _tokens(word) == [token]:
            return word
    return name.strip()
