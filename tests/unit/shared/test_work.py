"""Proof of work: what counts, how often, for how long; and what it costs."""

import hashlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harbourlight import work
from shared.gates import Gate
from shared.work import CAP_BITS, LEAST_BITS, QUIET, Price, Spent, Work

METHOD = "/package.Service/Open"
HASH = hashlib.sha256(b"request").digest()


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def solved(judge: Work, bits: int = 5, method: str = METHOD, request: bytes = HASH) -> str:
    return work.solve(work.read_challenge(judge.challenge(method, request, bits)), bits)


def test_a_solution_counts_once() -> None:
    judge = Work(b"secret")
    entry = solved(judge)
    assert judge.level(entry, METHOD, HASH) >= 5
    assert judge.level(entry, METHOD, HASH) == 0


def test_what_was_solved_beyond_is_seen() -> None:
    judge = Work(b"secret")
    challenge = work.read_challenge(judge.challenge(METHOD, HASH, 4))
    assert judge.level(work.solve(challenge, 9), METHOD, HASH) >= 9


def test_it_is_for_one_method_one_request_and_one_service() -> None:
    judge = Work(b"secret")
    for method, request, other in (
        ("/package.Service/Other", HASH, judge),
        (METHOD, hashlib.sha256(b"another").digest(), judge),
        (METHOD, HASH, Work(b"of another")),
    ):
        assert other.level(solved(judge), method, request) == 0
    # Another process of the same service.
    assert Work(b"secret").level(solved(judge), METHOD, HASH)


def test_it_expires() -> None:
    clock = Clock()
    judge = Work(b"secret", clock)
    entry = solved(judge)
    clock.now += 121
    assert judge.level(entry, METHOD, HASH) == 0


def test_a_challenge_cannot_be_made_easier() -> None:
    judge = Work(b"secret")
    challenge = bytearray(work.read_challenge(judge.challenge(METHOD, HASH, 20)))
    challenge[1] = 4
    assert judge.level(work.solve(bytes(challenge), 4), METHOD, HASH) == 0


def test_less_than_was_asked_for_is_nothing() -> None:
    judge = Work(b"secret")
    challenge = work.read_challenge(judge.challenge(METHOD, HASH, 20))
    assert judge.level(work.solve(challenge, 4), METHOD, HASH) == 0


@given(st.text(max_size=400))
def test_what_is_none_counts_for_nothing(entry: str) -> None:
    assert Work(b"secret").level(entry, METHOD, HASH) == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10))
def test_every_number_counts_for_its_own_piece(bits: int) -> None:
    challenge = bytes([1, bits]) + os.urandom(40)
    read, numbers = work.read_solution(work.solve(challenge, bits))
    assert read == challenge
    assert work.level(challenge, numbers) >= bits


def test_a_solution_for_others_to_check_their_solver_by() -> None:
    challenge = bytes([1, 11]) + bytes(40)
    entry = work.solve(challenge, 11)
    _, numbers = work.read_solution(entry)
    assert [int.from_bytes(one, "big") for one in numbers] == [300, 647, 9, 68, 66, 50, 199, 382]


def test_it_can_be_given_up_and_tells_how_far_it_is() -> None:
    with pytest.raises(work.Stopped):
        work.solve(bytes(42), 60, stopped=lambda: True)
    told: list[int] = []
    work.solve(bytes([1]) + bytes(41), 5, progress=told.append)
    assert told == list(range(1, 9))


@pytest.mark.parametrize("text", ["", "AAAA", work.encode(bytes([2]) + bytes(41))])
def test_what_is_no_challenge_is_refused(text: str) -> None:
    with pytest.raises(work.BadWork):
        work.read_challenge(text)


def test_nobody_is_made_to_work_without_end() -> None:
    with pytest.raises(work.BadWork, match="25 bits"):
        work.read_challenge(work.encode(bytes([1, 25]) + bytes(40)))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 100), st.floats(0, 5)), max_size=80))
def test_none_is_used_twice_however_few_are_remembered(
    uses: list[tuple[int, int, float]],
) -> None:
    spent, now, used = Spent(most=4), 0.0, set()
    expiry: dict[int, float] = {}
    for name, life, pause in uses:
        now += pause
        expires = expiry.setdefault(name, now + life)
        if expires > now and spent.use(bytes([name]), expires, now):
            assert name not in used
            used.add(name)
        assert len(spent._until) <= 5


async def test_the_price_is_nothing_in_quiet_grows_with_the_crowd_and_has_an_end() -> None:
    class Crowded(Gate):
        pressure = 0.0

    gate = Crowded(1, 1)
    price = Price(gate)
    assert price.bits(0.0) == 0
    gate.pressure = QUIET
    assert price.bits(1.0) == 0
    asked = []
    for gate.pressure in (0.2, 0.5, 0.9, 1.0):
        asked.append(price.bits(2.0))
    assert asked == sorted(asked)
    assert asked[0] >= LEAST_BITS
    assert asked[-1] == CAP_BITS
    gate.pressure = 0.0
    assert LEAST_BITS < price.bits(4.0) < CAP_BITS
    assert price.bits(60.0) == 0
