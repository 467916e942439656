"""After the load: what the checker, the receipts and the processes themselves say."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from deploy import topology
from deploy.ops import checker
from deploy.ops.checker import Fault, Report
from deploy.ops.site import Site
from examples.demo import proof
from harbourlight import Endpoints, Ledger
from harbourlight.collecting import Standing, collect
from harbourlight.proofs.receipts import BadReceipt, verify
from shared.inbox import dead_letter_topic
from tests.faults.load import Load
from tests.faults.parties import PATIENCE, Story

_PAUSE_SECONDS = 0.5


async def settled(site: Site, load: Load, planted: set[bytes], *, seconds: float) -> Report:
    """What the checker finds once nothing is on its way any more, but for what was planted.

    Nothing is taken for lost before `seconds` have passed.
    """
    deadline = time.monotonic() + seconds
    while True:
        await load.catch_up()
        report = await checker.verify(site, load.logs, settle=0)
        places, unsaid = await asyncio.to_thread(_planted, site, planted)
        report.faults = [one for one in report.faults if not _is_planted(one, places)]
        report.faults += unsaid
        late = time.monotonic() > deadline
        if late or not report.faults or not all(one.passing for one in report.faults):
            return report
        await asyncio.sleep(_PAUSE_SECONDS)


def _is_planted(fault: Fault, places: set[str]) -> bool:
    return fault.rule == "unreadable" and fault.where in places


def _planted(site: Site, planted: set[bytes]) -> tuple[set[str], list[Fault]]:
    """Where the planted records are, as the checker writes it; and whose dead letters lack one.

    Each group that reads what was planted has put it aside, and said so.
    """
    readers = [
        (group, topic, dead_letter_topic(topic, group))
        for group, topics in topology.READERS.items()
        for topic in topics
    ]
    sources = {topic for _, topic, _ in readers}
    there: dict[str, set[bytes]] = defaultdict(set)
    places = set()
    for one in site.topics().read_to_end(sorted(sources | {letters for *_, letters in readers})):
        if one.value in planted:
            there[one.topic].add(one.value)
            if one.topic in sources:
                places.add(f"{one.topic}[{one.partition}]@{one.offset}")
    return places, [
        Fault("poison", topic, f"{group} has no dead letter of it", passing=True)
        for group, topic, letters in readers
        for _ in there[topic] - there[letters]
    ]


async def receipts(
    stories: Iterable[Story], endpoints: Endpoints, data: Path
) -> tuple[int, list[str]]:
    """How many receipts are proven with nobody left to ask, and what is wrong with the others."""
    count, wrong = 0, []
    deadline = time.monotonic() + PATIENCE
    policy = proof.policy(data)
    trust = endpoints.trusted()
    async with Ledger(endpoints, patience=PATIENCE) as ledger:
        for story in stories:
            kept = story.receipts.all()
            while True:
                held = await collect(story.receipts, kept, ledger, trust.receipts, trust=trust)
                done = all(one.standing == Standing.PROVEN for one in held)
                if done or time.monotonic() > deadline:
                    break
                await asyncio.sleep(_PAUSE_SECONDS)
            # An answer that never came may have left nothing here.
            if len(kept) < story.lodged:
                wrong.append(f"{story.handle} keeps {len(kept)} of {story.lodged} receipts")
            for one in held:
                text = one.lodged.text
                if one.standing != Standing.PROVEN or one.path is None:
                    wrong.append(f"the receipt {text.event_id} is {one.standing}")
                    continue
                try:
                    verified = verify(one.path.read_bytes(), policy)
                except BadReceipt as error:
                    wrong.append(f"the receipt {text.event_id} does not hold: {error}")
                    continue
                if verified.text != text or not verified.is_witnessed:
                    wrong.append(f"the receipt {text.event_id} proves something else")
                count += 1
    return count, wrong
