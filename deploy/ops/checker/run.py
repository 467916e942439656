"""Runs the checker: reads, compares, and looks again while something may only be on its way."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from deploy.ops.checker import clients, inboxes, parties, topics
from deploy.ops.checker.model import Fault, Report, Tables, Topics
from deploy.ops.checker.reading import read_tables, read_topics
from deploy.ops.site import Site

_PAUSE_SECONDS = 1.0


async def verify(site: Site, client_logs: Sequence[Path] = (), *, settle: float = 30.0) -> Report:
    """Compares everything with everything.

    What may only be on its way counts as a fault once it has not arrived for `settle` seconds.
    Raises Unreachable, and Unusable where a client log is none.
    """
    deadline = time.monotonic() + settle
    while True:
        # What happens meanwhile is then neither missing from what was read first nor unknown to
        # what was read last.
        before = await read_tables(site)
        held = await read_topics(site)
        after = await read_tables(site)
        memory = clients.read(client_logs)
        found = compare(before, held, after, memory)
        late = time.monotonic() > deadline
        if late or not found or not all(fault.passing for fault in found):
            return Report(found, _looked_at(held, after, memory), _notes(held, after, memory))
        await asyncio.sleep(_PAUSE_SECONDS)


def compare(
    before: Tables, held: Topics, after: Tables, memory: clients.Memory | None = None
) -> list[Fault]:
    """Every fault; `before` was read before the topics, `after` after them."""
    found = [
        *topics.check(held, before, after),
        *inboxes.check(held, before, after),
        *parties.check(held, after),
    ]
    if memory is not None:
        found += clients.check(memory, held, after)
    return list(dict.fromkeys(found))


def _looked_at(held: Topics, after: Tables, memory: clients.Memory) -> dict[str, int]:
    return {
        "records": len(held.records),
        "lines": len(held.lines),
        "outbox rows": len(after.outbox),
        "marks": len(after.marks),
        "parked": len(after.parked),
        "dead letters": len(held.unreadable),
        "notices": sum(map(len, after.notices.values())),
        "feed entries": len(after.feed),
        "receipts": len(after.receipts),
        "commands of clients": len(memory.commands),
        "sights of clients": sum(map(len, memory.seen.values())),
    }


def _notes(held: Topics, after: Tables, memory: clients.Memory) -> list[str]:
    found = [
        f"{topic} has lost its beginning to retention: what it lacks is not counted as lost"
        for topic in sorted({topic for topic, _ in held.begins})
        if held.lost_to_retention(topic)
    ]
    if after.ledger is None:
        found.append("there is no ledger here to look commitments up in")
    if not memory.commands:
        found.append("no client told what it was acknowledged: give their logs by --clients")
    poison = [one for one in after.parked if one.reason == "poison"]
    if poison:
        found.append(f"{len(poison)} events are put aside for an operator: `dlq list`")
    return found


def grouped(faults: Iterable[Fault], most: int = 20) -> list[Fault]:
    """The first of each rule."""
    seen: dict[str, int] = {}
    found = []
    for one in faults:
        seen[one.rule] = seen.get(one.rule, 0) + 1
        if seen[one.rule] <= most:
            found.append(one)
    return found
