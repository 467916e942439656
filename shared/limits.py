"""What a caller may take: calls and streams, before anything is spent on it.

Who has a name is counted by it. Who has none is counted by address: under a key that changes every
hour and is never written down, in this process's memory alone. An address that stands for many (a
gateway, an onion service, this machine) is not counted. Opening a case takes no name either, so
there load and address ask for proof of work and shut nobody out.
"""

import hashlib
import hmac
import os
import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple, TypeVar
from urllib.parse import unquote

from harbourlight import work
from harbourlight.options.v1 import options_pb2 as options
from shared import contract
from shared.callers import Caller
from shared.errors import Kind, Refusal
from shared.gates import Crowded, Gate
from shared.rates import Rate, Rates
from shared.work import CAP_BITS, LEAST_BITS, Price, Work

DEFAULT = Rate(burst=200, per_minute=3000)
"""Of one caller and method, where the contract names no other."""
STREAMS = 32
"""Of one caller and method at once, where the contract names no other."""
CALLS = 64
"""Of one caller at once, over all methods."""
_ANONYMOUS = Rate(burst=200, per_minute=1200)
_CASES = Rate(burst=20, per_minute=30)
_MISTAKES = Rate(burst=60, per_minute=300)
_ADDRESS_BITS = 16
_KEY_SECONDS = 3600.0
_PAUSE = 1.0

Network = IPv4Network | IPv6Network
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class MethodLimits:
    """What the contract says of one method."""

    rate: Rate
    streams: int
    opens_case: bool

    @classmethod
    def of(cls, method: object) -> "MethodLimits":
        """Of a method's descriptor."""
        said = contract.limits(method)
        return cls(
            Rate(said.burst or DEFAULT.burst, said.per_minute or DEFAULT.per_minute),
            said.streams or STREAMS,
            said.opens_case,
        )


class Sizes(NamedTuple):
    """How much one process takes at once."""

    calls: int = 256
    waiting_calls: int = 1024
    cases: int = 64
    """Openings of a case in hand at once, counted for themselves."""
    waiting_cases: int = 256
    streams: int = 4096


class Limits:
    """The limits of one process."""

    def __init__(
        self,
        secret: bytes = b"",
        shared: Sequence[Network] = (),
        sizes: Sizes = Sizes(),  # noqa: B008 (it cannot be changed)
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._shared = tuple(shared)
        self._sizes = sizes
        self._rates = Rates()
        self._calls = Gate(sizes.calls, sizes.waiting_calls)
        self._cases = Gate(sizes.cases, sizes.waiting_cases)
        self._price = Price(self._cases)
        self._work = Work(secret or os.urandom(32))
        self._by_caller: Counter[str] = Counter()
        self._streams: Counter[tuple[str, str]] = Counter()
        self._address_key = os.urandom(32)
        self._key_ends = 0.0

    def arrive(
        self, limits: MethodLimits, path: str, peer: str, request_hash: bytes, proof: str | None
    ) -> "Visit":
        """A call before anything is known of its caller. Raises Refusal.

        `peer` is gRPC's name of the other end, `proof` the metadata entry of `harbourlight.work`.
        """
        now = self._clock()
        visit = Visit(self, limits, path, self._address(peer), request_hash)
        if self._is_over(visit.address, "mistakes", _MISTAKES, now, take=False):
            raise _too_many("too many calls from your address were not signed validly", _PAUSE)
        if limits.opens_case:
            asked = self._price.bits(now)
            if self._is_over(visit.address, "cases", _CASES, now):
                asked = max(asked, _ADDRESS_BITS)
            if asked:
                visit.priority = self._work.level(proof, path, request_hash) if proof else 0
                if not visit.priority:
                    raise self.work_required(visit, asked)
        return visit

    def work_required(self, visit: "Visit", bits: int) -> Refusal:
        """Says what to solve before the same call is made again."""
        bits = max(LEAST_BITS, min(bits, CAP_BITS))
        return Refusal(
            Kind.PROOF_OF_WORK_REQUIRED,
            "many come forward at once: solve the challenge (its metadata has it; see "
            f"{work.WORK}) and send the same request again, with the solution",
            metadata={
                "challenge": self._work.challenge(visit.path, visit.request_hash, bits),
                "bits": str(bits),
            },
        )

    def _address(self, peer: str) -> bytes | None:
        """What stands for the other end's address, None where that is no one caller's."""
        kind, _, rest = peer.partition(":")
        if kind not in ("ipv4", "ipv6"):
            return None
        try:
            found = ip_address(unquote(rest).rpartition(":")[0].strip("[]").partition("%")[0])
        except ValueError:
            return None
        if isinstance(found, IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        if found.is_private or found.is_loopback or any(found in one for one in self._shared):
            return None
        if self._clock() >= self._key_ends:
            self._address_key, self._key_ends = os.urandom(32), self._clock() + _KEY_SECONDS
        # Whoever has an IPv6 address has the 2^64 beside it.
        packed = found.packed if found.version == 4 else found.packed[:8]
        return hmac.new(self._address_key, packed, hashlib.sha256).digest()[:16]

    def _is_over(
        self, address: bytes | None, what: str, rate: Rate, now: float, *, take: bool = True
    ) -> bool:
        if address is None:
            return False
        if take:
            return self._rates.take((address, what), rate, now) > 0
        return self._rates.wait((address, what), rate, now) > 0


@dataclass
class Visit:
    """One call on its way in, until `leave`."""

    _limits: Limits
    limits: MethodLimits
    path: str
    address: bytes | None
    request_hash: bytes
    priority: int = 0
    """What it has paid, in bits."""
    _undo: list[Callable[[], None]] = field(default_factory=list)

    async def turn(self) -> None:
        """Returns when it may be worked on. Raises Refusal where too many wait."""
        gate = self._limits._cases if self.limits.opens_case else self._limits._calls
        try:
            await gate.enter(self.priority)
        except Crowded:
            if self.limits.opens_case:
                raise self._limits.work_required(self, gate.lowest + 1) from None
            raise _too_many("the service has as much in hand as it can take", _PAUSE) from None
        self._undo.append(gate.leave)

    def mistaken(self) -> None:
        """It carried no valid credential."""
        self._limits._is_over(self.address, "mistakes", _MISTAKES, self._limits._clock())

    def of(self, caller: Caller, *, stream: bool = False) -> None:
        """Counts it as this caller's. Raises Refusal where that is too much."""
        inner, name = self._limits, caller.name
        if caller.role == options.ROLE_PUBLIC:
            if inner._is_over(self.address, "calls", _ANONYMOUS, inner._clock()):
                raise _too_many("too many calls from your address", _PAUSE)
            name = self.address.hex() if self.address else ""
        elif wait := inner._rates.take((name, self.path), self.limits.rate, inner._clock()):
            rate = self.limits.rate
            raise _too_many(
                f"{self.path} takes {rate.burst} calls of one caller at once and "
                f"{rate.per_minute:g} per minute",
                wait,
            )
        if stream:
            self._open(name)
        elif name:
            self._begin(name)

    def _begin(self, name: str) -> None:
        running = self._limits._by_caller
        if running[name] >= CALLS:
            raise _too_many(f"{CALLS} calls of yours are being worked on", _PAUSE)
        running[name] += 1
        self._undo.append(lambda: _less(running, name))

    def _open(self, name: str) -> None:
        streams, key = self._limits._streams, (name, self.path)
        if name and streams[key] >= self.limits.streams:
            raise _too_many(f"{self.limits.streams} streams of yours are open", 10 * _PAUSE)
        if streams.total() >= self._limits._sizes.streams:
            raise _too_many("the service has as many streams open as it can", 10 * _PAUSE)
        streams[key] += 1
        self._undo.append(lambda: _less(streams, key))

    def leave(self) -> None:
        """Gives back what it took."""
        while self._undo:
            self._undo.pop()()


def _less(counter: Counter[K], key: K) -> None:
    """One less; nobody who has nothing open is remembered."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


def _too_many(what: str, wait: float) -> Refusal:
    return Refusal(
        Kind.EXHAUSTED, f"{what}: try again in {wait:.1f} s", retry_after=max(wait, 0.001)
    )
