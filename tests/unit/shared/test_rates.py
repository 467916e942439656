"""Token buckets: what gets through in any stretch of time, and how many are remembered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rates import Rate, Rates

rates = st.builds(Rate, st.integers(1, 20), st.floats(1, 6000))
pauses = st.lists(st.floats(0, 5), max_size=60)


@given(rates, pauses)
def test_no_stretch_of_time_holds_more_than_the_burst_and_what_the_rate_gives(
    rate: Rate, pauses: list[float]
) -> None:
    buckets, now, let_in = Rates(), 1000.0, []
    for pause in pauses:
        now += pause
        if not buckets.take("one", rate, now):
            let_in.append(now)
    for first in range(len(let_in)):
        for last in range(first, len(let_in)):
            seconds = let_in[last] - let_in[first]
            most = rate.burst + seconds / rate.interval
            assert last - first + 1 <= most + 1e-3


@given(rates)
def test_a_burst_gets_through_and_the_wait_told_is_enough(rate: Rate) -> None:
    buckets = Rates()
    assert [buckets.take("one", rate, 5.0) for _ in range(rate.burst)] == [0.0] * rate.burst
    wait = buckets.take("one", rate, 5.0)
    assert 0 < wait <= rate.interval + 1e-6
    assert not buckets.take("one", rate, 5.0 + wait)


def test_who_waits_at_the_rate_is_never_refused() -> None:
    buckets, rate = Rates(), Rate(1, 60)
    assert not any(buckets.take("one", rate, now) for now in range(1000))


def test_one_takes_nothing_from_another() -> None:
    buckets, rate = Rates(), Rate(1, 1)
    assert not buckets.take("one", rate, 0)
    assert buckets.take("one", rate, 0)
    assert not buckets.take("other", rate, 0)


def test_however_many_come_only_so_many_are_remembered() -> None:
    buckets, rate = Rates(most=100), Rate(1, 1)
    for number in range(10_000):
        buckets.take(number, rate, 0.0)
    assert len(buckets) == 100
    assert buckets.take(9_999, rate, 0.0)


def test_asking_takes_nothing() -> None:
    buckets, rate = Rates(), Rate(1, 60)
    assert buckets.wait("one", rate, 0) == 0
    assert buckets.take("one", rate, 0) == 0
    assert buckets.wait("one", rate, 0) == pytest.approx(1)
