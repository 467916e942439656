"""Proof of work at the door: challenges that nobody has to remember, and solutions used once.

See `harbourlight.work` for the format. A challenge is this service's own, for one method and one
request, until it expires; any process of the service knows it by its tag. That a solution was used
is remembered by the process that saw it: with another process, or after a restart, it would buy
no more than the recorded answer of the same request.
"""

import hashlib
import hmac
import os
import time
from collections.abc import Callable

from harbourlight import work
from shared.gates import Gate

LEAST_BITS, CAP_BITS = 12, 21
"""What is asked under the least and under the highest load: some ms, and about 2 s."""
QUIET = 1 / 8
"""Up to so much of the waiting room taken, nothing is asked."""
_LIFE_SECONDS = 120
_CALMER_PER_SECOND = 0.5
_MOST_SPENT = 65_536


class Spent:
    """Challenges that were used, until they expire; never more than a bound."""

    def __init__(self, most: int = _MOST_SPENT) -> None:
        self._most = most
        self._until: dict[bytes, float] = {}
        self._forgotten = 0.0

    def use(self, challenge: bytes, expires: float, now: float) -> bool:
        """Whether it was unused until now."""
        if expires <= self._forgotten or challenge in self._until:
            return False
        self._until[challenge] = expires
        if len(self._until) > self._most:
            self._forget(now)
        return True

    def _forget(self, now: float) -> None:
        self._until = {one: at for one, at in self._until.items() if at > now}
        if len(self._until) > self._most:
            # What is forgotten before its time must not count again, nor what is as old.
            by_age = sorted(self._until.items(), key=lambda one: one[1])
            half = len(by_age) // 2
            self._forgotten = by_age[half][1]
            self._until = {one: at for one, at in by_age[half:] if at > self._forgotten}


class Price:
    """What a place at a gate costs now: nothing in quiet, more as more wait, and never without end.

    It falls slowly, so that who solves what was asked finds it enough.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._bits = 0.0
        self._at = 0.0

    def bits(self, now: float) -> int:
        """The difficulty to ask for; `now` in seconds of a clock that only goes forward."""
        pressure = self._gate.pressure
        asked = 0.0
        if pressure > QUIET:
            share = (pressure - QUIET) / (1 - QUIET)
            asked = LEAST_BITS + share * (CAP_BITS - LEAST_BITS)
        calmed = self._bits - (now - self._at) * _CALMER_PER_SECOND
        self._bits, self._at = max(asked, calmed), now
        return int(self._bits) if self._bits >= LEAST_BITS else 0


class Work:
    """Makes the challenges of one service and judges what comes back."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = hashlib.sha256(b"work\0" + secret).digest()
        self._clock = clock
        self._spent = Spent()

    def challenge(self, method: str, request_hash: bytes, bits: int) -> str:
        """For this request alone, of this difficulty."""
        expires = int((self._clock() + _LIFE_SECONDS) * 1000)
        body = bytes([1, bits]) + expires.to_bytes(8, "big") + os.urandom(16)
        return work.encode(body + self._tag(body, method, request_hash))

    def level(self, entry: str, method: str, request_hash: bytes) -> int:
        """What a metadata entry has solved, which is used up then; 0 where it counts for nothing.

        For nothing counts what solves less than its challenge asked for, is not for this request,
        has expired or was used.
        """
        try:
            challenge, numbers = work.read_solution(entry)
            asked = work.difficulty(challenge)
        except work.BadWork:
            return 0
        body, tag = challenge[:26], challenge[26:]
        if not hmac.compare_digest(tag, self._tag(body, method, request_hash)):
            return 0
        now, expires = self._clock(), int.from_bytes(body[2:10], "big") / 1000
        solved = work.level(challenge, numbers)
        if now >= expires or solved < asked or not self._spent.use(challenge, expires, now):
            return 0
        return solved

    def _tag(self, body: bytes, method: str, request_hash: bytes) -> bytes:
        text = body + request_hash + method.encode()
        return hmac.new(self._key, text, "sha256").digest()[:16]
