"""Proof of work: what an installation under load asks of who comes without a name.

A challenge is 42 bytes: version, difficulty, time of expiry, 16 random bytes and a tag that only
the server can make, over all of it, the method and the hash of the exact request bytes. A solution
is a number for each of 8 pieces, so that

    SHA-256("harbourlight.work.v1" ‖ challenge ‖ piece, 1 byte ‖ number, 8 bytes big-endian)

begins with at least difficulty - 3 zero bits. All 8 together take 2^difficulty hashes on average,
and eight small searches vary less than a large one. It is sent as the metadata entry
`harbourlight-work`: the challenge and the 8 numbers, URL-safe base64, with a dot between them.
Whoever solves more than was asked goes before who did not.
"""

import base64
import hashlib
from collections.abc import Callable

WORK = "harbourlight-work"
REASON = "PROOF_OF_WORK_REQUIRED"
"""Reason of the refusal whose metadata has the challenge, under `challenge`."""
PIECES = 8
MOST_BITS = 24
"""No client solves more, whatever it is asked for: about a minute on a slow machine."""

_LABEL = b"harbourlight.work.v1"
_PIECE_BITS = 3
_CHALLENGE_BYTES, _NUMBER_BYTES = 42, 8
_LOOK_EVERY = 4096


class BadWork(Exception):
    """Not a challenge, or not a solution; the message says what is wrong."""


class Stopped(Exception):
    """Solving was given up."""


def encode(data: bytes) -> str:
    """URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str, length: int) -> bytes:
    """So many bytes. Raises BadWork."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise BadWork("not URL-safe base64") from error
    if len(data) != length:
        raise BadWork(f"{len(data)} bytes instead of {length}")
    return data


def difficulty(challenge: bytes) -> int:
    """The bits that a challenge asks for. Raises BadWork where it asks for too much."""
    if challenge[0] != 1:
        raise BadWork(f"version {challenge[0]} is not known here: a newer client may know it")
    if challenge[1] > MOST_BITS:
        raise BadWork(f"it asks for {challenge[1]} bits, and {MOST_BITS} are the most")
    return challenge[1]


def read_challenge(text: str) -> bytes:
    """The challenge of a refusal. Raises BadWork."""
    challenge = decode(text, _CHALLENGE_BYTES)
    difficulty(challenge)
    return challenge


def read_solution(text: str) -> tuple[bytes, list[bytes]]:
    """(challenge, numbers) of a metadata entry. Raises BadWork."""
    challenge, dot, numbers = text.partition(".")
    if not dot:
        raise BadWork("no dot between challenge and numbers")
    data = decode(numbers, PIECES * _NUMBER_BYTES)
    pieces = [data[at : at + _NUMBER_BYTES] for at in range(0, len(data), _NUMBER_BYTES)]
    return decode(challenge, _CHALLENGE_BYTES), pieces


def level(challenge: bytes, numbers: list[bytes]) -> int:
    """The difficulty that these numbers solve, at most MOST_BITS."""
    least = MOST_BITS - _PIECE_BITS
    for piece, number in enumerate(numbers):
        digest = hashlib.sha256(_LABEL + challenge + bytes([piece]) + number).digest()
        least = min(least, 256 - int.from_bytes(digest, "big").bit_length())
    return least + _PIECE_BITS


def solve(
    challenge: bytes,
    bits: int,
    *,
    progress: Callable[[int], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> str:
    """The metadata entry that solves `bits`. Blocks for 2^bits hashes on average.

    `progress` is told how many pieces are done. Raises Stopped.
    """
    shift = 64 - max(0, bits - _PIECE_BITS)
    numbers = b""
    for piece in range(PIECES):
        begun = hashlib.sha256(_LABEL + challenge + bytes([piece]))
        number = 0
        while True:
            attempt = begun.copy()
            attempt.update(number.to_bytes(_NUMBER_BYTES, "big"))
            if not int.from_bytes(attempt.digest()[:8], "big") >> shift:
                break
            number += 1
            if number % _LOOK_EVERY == 0 and stopped():
                raise Stopped
        numbers += number.to_bytes(_NUMBER_BYTES, "big")
        progress(piece + 1)
    return f"{encode(challenge)}.{encode(numbers)}"
