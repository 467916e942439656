"""One run: a load, what goes wrong meanwhile, and the verdict."""

import asyncio
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deploy.embedded.postgres import with_database
from deploy.embedded.stack import DATABASE, Stack
from deploy.ops.checker import clients
from deploy.ops.checker.run import grouped
from deploy.ops.site import Site
from examples.demo import proof
from harbourlight import Endpoints
from tests.faults import judge, resources
from tests.faults.load import Load
from tests.faults.mischief import Mischief
from tests.faults.plan import LONG, SHORT, Kind, draw


@dataclass(frozen=True)
class Form:
    """How much is done."""

    kinds: Sequence[Kind]
    seconds: float
    """How long things go wrong, roughly."""
    kills: int
    """At least, of services and the router."""
    companies: int
    """At a time."""
    settle: float
    """Seconds until what has not arrived counts as lost."""
    hurry_after: float = math.inf
    """Seconds until what is left of the plan is done without pauses."""

    @classmethod
    def short(cls) -> "Form":
        """For every run of the tests: as little as still says something."""
        return cls(SHORT, seconds=20, kills=20, companies=2, settle=120, hurry_after=45)

    @classmethod
    def long(cls, minutes: float) -> "Form":
        """For who has the time."""
        return cls(LONG, seconds=60 * minutes, kills=20, companies=3, settle=300)


@dataclass
class Verdict:
    """What came out of a run."""

    seed: int
    kills: dict[str, int]
    done: dict[str, int]
    outcomes: dict[str, int]
    """acknowledged, refused and unknown commands."""
    stories: int
    receipts: int
    """Proven offline."""
    looked_at: dict[str, int]
    notes: list[str]
    seconds: dict[str, float] = field(default_factory=dict)
    """What took how long."""
    holdings: dict[str, Any] = field(default_factory=dict)
    """Of each process, before and after."""
    wrong: list[str] = field(default_factory=list)
    """All that is not as it must be; empty where the run has passed."""


async def run(seed: int, form: Form, data: Path, *, say: Callable[[str], None] = print) -> Verdict:
    """A run on a stack of its own in the folder `data`, which is emptied first."""
    began = time.monotonic()
    seconds: dict[str, float] = {}

    def lap(what: str) -> None:
        nonlocal began
        seconds[what] = round(time.monotonic() - began, 1)
        began = time.monotonic()

    say(f"seed {seed}")
    published = data / "endpoints.json"
    async with (
        Stack(data, fresh=True, publish=published, say=say) as stack,
        proof.witness(data, published),
    ):
        endpoints = Endpoints.load(published)
        folder = data / "clients"
        folder.mkdir(mode=0o700)
        load = Load(stack, endpoints, folder, seed, say)
        site = Site(with_database(stack.admin_database_url, DATABASE), stack.kafka_admin)
        mischief = Mischief(stack, seed, say)
        async with load.everybody():
            lap("start")
            # So that what is compared with has done everything once.
            await load.story(random.Random(seed))
            before = await resources.measure(stack)
            lap("first case")
            await _while_things_go_wrong(load, mischief, form, seed)
            lap("faults")
            report = await judge.settled(site, load, mischief.planted, seconds=form.settle)
            lap("settling")
            proven, unproven = await judge.receipts(load.stories.values(), endpoints, data)
            lap("receipts")
        after, beyond = await resources.back_to(stack, before)
        lap("resources")
        memory = clients.read(load.logs)
    outcomes = [one.outcome or "unknown" for one in memory.commands.values()]
    faults = [f"{one.rule}: {one.where}: {one.what}" for one in grouped(report.faults)]
    return Verdict(
        seed,
        dict(sorted(mischief.kills.items())),
        dict(sorted(mischief.done.items())),
        {kind: outcomes.count(kind) for kind in ("acknowledged", "refused", "unknown")},
        len(load.stories),
        proven,
        report.looked_at,
        report.notes,
        seconds,
        {"before": asdict(before), "after": asdict(after)},
        [*load.trouble, *faults, *unproven, *beyond],
    )


async def _while_things_go_wrong(load: Load, mischief: Mischief, form: Form, seed: int) -> None:
    """Returns when all of the plan is done, everything runs again and each story has ended."""
    plan = draw(seed, kinds=form.kinds, seconds=form.seconds, kills=form.kills)
    enough = asyncio.Event()
    using = asyncio.create_task(load.companies(form.companies, enough))
    try:
        await mischief.run(plan, hurry_after=form.hurry_after)
    except BaseException:
        using.cancel()
        await asyncio.gather(using, return_exceptions=True)
        raise
    enough.set()
    await using
