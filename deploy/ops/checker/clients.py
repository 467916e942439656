"""What the clients themselves remember, against what is there.

A client log has one JSON object per line, written as things happen, and flushed:

    {"party": "company-7", "what": "sent", "method": "SubmitReport", "request_id": "…",
     "case": "HL-…", "emits": "harbourlight.reporting.v1.ReportFiled"}
    {"party": "company-7", "what": "acknowledged", "request_id": "…"}
    {"party": "company-7", "what": "refused", "request_id": "…", "status": "FAILED_PRECONDITION"}
    {"party": "company-7", "what": "saw", "stream": "notices", "case": "HL-…", "number": 3,
     "type": "harbourlight.triage.v1.ReferralAccepted"}
    {"party": "ngo-1", "what": "saw", "stream": "feed", "number": 12, "type": "…"}

`sent` comes before each first try of a command; `emits` (optional) is the event that it makes
when it is accepted. `refused` is a final answer that nothing was changed: not a timeout and not a
server that is away, after which nobody knows, and after which the client tries again under the
same request id. What was neither acknowledged nor refused may or may not be there. `saw` counts
from 1 per party, stream and case; a feed's entries are the party's own, so a filtered one is not
compared ("filtered": true).
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.ops.checker.model import Fault, Tables, Topics
from deploy.ops.site import Unusable


@dataclass
class Command:
    """One command of one client, over all its tries."""

    method: str
    case: str
    emits: str
    outcome: str = ""
    """acknowledged, refused, or empty where nobody knows."""


@dataclass
class Memory:
    """What all clients remember."""

    commands: dict[str, Command] = field(default_factory=dict)
    """By request id."""
    seen: dict[tuple[str, str, str], list[tuple[int, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Party, stream and case -> number and type of each, as they came."""
    filtered: set[tuple[str, str, str]] = field(default_factory=set)


def read(paths: Iterable[Path]) -> Memory:
    """Raises Unusable where a file is none of these. A last line cut short is left out."""
    found = Memory()
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
            for line in lines[:-1]:
                _take(found, json.loads(line))
        except (OSError, ValueError, KeyError) as error:
            raise Unusable(
                f"{path} is no client log ({type(error).__name__}: {error}): it has one JSON "
                "object per line, with what, party, and what deploy.ops.checker.clients says"
            ) from error
    return found


def _take(found: Memory, said: dict[str, Any]) -> None:
    what = said["what"]
    if what == "sent":
        command = Command(said["method"], said.get("case", ""), said.get("emits", ""))
        found.commands.setdefault(said["request_id"], command)
    elif what in ("acknowledged", "refused"):
        command = found.commands[said["request_id"]]
        # An acknowledgement outweighs whatever a try before or after it was told.
        if command.outcome != "acknowledged":
            command.outcome = what
    elif what == "saw":
        place = (said["party"], said["stream"], said.get("case", ""))
        found.seen[place].append((said["number"], said.get("type", "")))
        if said.get("filtered"):
            found.filtered.add(place)
    else:
        raise ValueError(f"what is {what!r}, not sent, acknowledged, refused or saw")


def check(memory: Memory, topics: Topics, after: Tables) -> Iterator[Fault]:
    """Every rule about clients."""
    yield from _commands(memory, after)
    yield from _effects(memory, topics, after)
    yield from _sights(memory, after)


def _commands(memory: Memory, after: Tables) -> Iterator[Fault]:
    """What was acknowledged is recorded once, and nothing is that was refused."""
    for request_id, command in memory.commands.items():
        recorded = after.answers[command.method, request_id]
        where = f"{command.method} {request_id} {command.case}".rstrip()
        if command.outcome == "acknowledged" and recorded != 1:
            yield Fault("acknowledged", where, f"it is recorded {recorded} times")
        if command.outcome == "refused" and recorded:
            yield Fault("refused", where, "it is recorded, although it was refused")


def _effects(memory: Memory, topics: Topics, after: Tables) -> Iterator[Fault]:
    """Each acknowledged command has made its event once, and no refused one has."""
    sure: Counter[tuple[str, str]] = Counter()
    maybe: Counter[tuple[str, str]] = Counter()
    for command in memory.commands.values():
        if command.emits:
            key = (command.case, command.emits)
            sure[key] += command.outcome == "acknowledged"
            maybe[key] += command.outcome == ""
    made = {(row.subject, row.type, row.topic, row.sequence) for row in after.outbox}
    made |= {(one.subject, one.type, one.topic, one.sequence) for one in topics.records}
    there = Counter((subject, kind) for subject, kind, _, _ in made)
    for (case, kind), count in sure.items():
        found, most = there[case, kind], count + maybe[case, kind]
        if not count <= found <= most:
            yield Fault(
                "acknowledged",
                case,
                f"{count} to {most} commands have made {found} {kind.rpartition('.')[2]}",
            )


def _sights(memory: Memory, after: Tables) -> Iterator[Fault]:
    """Each party saw what there is for it: once, in order, and what it is."""
    for place, seen in memory.seen.items():
        party, stream, case = place
        where = f"{party}: {stream} {case}".rstrip()
        numbers = [number for number, _ in seen]
        if numbers != list(range(1, len(numbers) + 1)):
            wrong = next(place for place, number in enumerate(numbers) if number != place + 1)
            yield Fault("saw", where, f"after {wrong} came number {numbers[wrong]}")
        if stream == "notices":
            there = after.notices.get(case, [])
        elif stream == "feed" and place not in memory.filtered:
            there = after.feed
        else:
            continue
        if len(seen) < len(there):
            yield Fault(
                "saw", where, f"{len(seen)} of {len(there)}: the rest did not come", passing=True
            )
        kinds = dict(there)
        for number, kind in seen:
            if number not in kinds or (kind and kinds[number] != kind):
                yield Fault("saw", where, f"number {number} is not what is kept under it")
