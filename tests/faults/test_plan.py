"""What a plan promises, whatever the seed."""

from hypothesis import given
from hypothesis import strategies as st

from tests.faults.plan import LONG, SERVICES, SHORT, draw

SEEDS = st.integers(min_value=0, max_value=2**31)


@given(SEEDS)
def test_the_same_seed_gives_the_same_plan(seed: int) -> None:
    assert draw(seed, kinds=LONG, seconds=120, kills=20) == draw(
        seed, kinds=LONG, seconds=120, kills=20
    )


@given(SEEDS, st.sampled_from([SHORT, LONG]))
def test_each_kind_and_each_process_has_its_turn(seed: int, kinds: tuple) -> None:  # type: ignore[type-arg]
    plan = draw(seed, kinds=kinds, seconds=20, kills=20)
    assert len(plan.kills) >= 20
    assert {step.target for step in plan.kills[: len(SERVICES)]} == set(SERVICES)
    assert {step.what for step in plan.others} == {what for what, _, _, _ in kinds}
    done = [(step.what, step.target) for step in plan.others]
    for what, targets, _, _ in kinds:
        assert any((what, target) in done for target in targets)


@given(SEEDS)
def test_ten_minutes_have_two_hundred_kills(seed: int) -> None:
    assert len(draw(seed, kinds=LONG, seconds=600, kills=20).kills) >= 200
