"""Nothing is lost, doubled or reordered, whatever is killed, stopped, frozen or sent twice."""

import os
from pathlib import Path

import pytest

from tests.faults.__main__ import show
from tests.faults.run import Form, run

SEED = int(os.environ.get("HARBOURLIGHT_FAULTS_SEED", "20261124"))

pytestmark = pytest.mark.xdist_group("faults")


@pytest.mark.timeout(600)
async def test_nothing_is_lost_while_everything_is_killed(tmp_path: Path) -> None:
    verdict = await run(SEED, Form.short(), tmp_path / "data")
    # Said also where it passes, so that a run can be repeated.
    print(show(verdict))
    assert verdict.wrong == []
    assert sum(verdict.kills.values()) >= 20
    assert verdict.outcomes["acknowledged"] >= 20
    assert verdict.receipts >= verdict.stories
