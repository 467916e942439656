"""Bytes made from good ones: a little wrong, very wrong, and far too much."""

import random
from collections.abc import Sequence

# What parsers of text, JSON, base64, numbers, times and protobuf stumble over.
_WORDS = (
    *(b"\0", b"\n", b"\r\n", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", "é‮￿".encode(), b"\x80" * 10),
    *(b"{", b"[", b'"', b"null", b"true", b"[" * 5000, b'{"a":' * 2000, b"\\ud800", b"\\u0000"),
    *(b"-1", b"0", b"1e999", b"NaN", b"9" * 40, b"9" * 5000, b"0x10", "٣".encode(), b"1_0"),
    *(b"=", b"==", b"====", b".", b"..", b"/", b"+", b"-", b"_", b" "),
    *(b"9999-12-31T23:59:59Z", b"0000-00-00", b"2026-02-30T25:61:61.9999999+99:99"),
    *(b"\xff" * 9 + b"\x01", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b" * 200),
)
_LONGEST = 512 * 1024


def mutate(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """One of the seeds, changed in one or several places."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        _change(data, seeds, chance)
        if len(data) > _LONGEST:
            del data[_LONGEST:]
    return bytes(data)


def _change(data: bytearray, seeds: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randint(0, len(data))
    to = min(len(data), at + chance.choice((0, 1, 1, 2, 4, 16, 64)))
    match chance.randrange(9):
        case 0 if data:
            data[min(at, len(data) - 1)] ^= 1 << chance.randrange(8)
        case 1:
            data[at:to] = b""
        case 2:
            data[at:to] = chance.choice(_WORDS)
        case 3:
            data[at:at] = chance.choice(_WORDS)
        case 4:
            data[at:at] = data[at:to] * chance.choice((1, 2, 100, 2000))
        case 5:
            del data[at:]
        case 6:
            other = chance.choice(seeds)
            data[at:] = other[chance.randint(0, len(other)) :]
        case 7:
            data[at:to] = chance.randbytes(chance.choice((1, 2, 8, 64)))
        case _:
            text = bytes(data[at:to])
            data[at:to] = text.swapcase() if text.isascii() else text[::-1]
