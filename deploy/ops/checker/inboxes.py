"""Marks and parked events against the topics that they speak of."""

from collections import defaultdict
from collections.abc import Iterator

from deploy import topology
from deploy.ops.checker.model import Fault, Line, Seen, Tables, Topics, Waiting
from services.notification import router


def check(topics: Topics, before: Tables, after: Tables) -> Iterator[Fault]:
    """Every rule about inboxes. `before` was read before the topics, `after` after them."""
    there = topics.streams
    letters = {one.id for one in topics.unreadable if one.id}
    letters |= {row.id for row in after.outbox if row.letter_digest}
    for service in topology.DATABASES:
        lines: dict[Line, dict[int, Seen]] = defaultdict(dict)
        for topic in topology.READERS.get(service, ()):
            for line, records in there[topic].items():
                lines[line] |= records
        yield from _not_ahead(service, lines, before)
        parked: dict[Line, list[Waiting]] = defaultdict(list)
        for one in after.parked:
            if one.service == service:
                parked[one.stream, one.subject].append(one)
        for line in lines.keys() | parked.keys():
            mark = after.marks.get((service, *line), 0)
            # The router stands between a source and notification: what it put aside is the cause.
            put_aside = topics.put_aside(router.GROUP if service == "notification" else service)
            if (*line, mark + 1) not in put_aside:
                yield from _line(
                    service, line, lines.get(line, {}), parked.get(line, []), mark, letters
                )


def _not_ahead(service: str, lines: dict[Line, dict[int, Seen]], before: Tables) -> Iterator[Fault]:
    """No mark is beyond what was written, or beyond what the topic was sent of it."""
    kept: dict[Line, int] = {}
    for row in before.outbox:
        line = (row.topic, row.subject)
        kept[line] = max(kept.get(line, 0), row.sequence)
    for (owner, stream, subject), mark in before.marks.items():
        if owner != service:
            continue
        drawn = before.drawn.get((stream.partition(".")[0], stream, subject), 0)
        held = max(lines.get((stream, subject), {}), default=0)
        # A line whose rows nobody keeps any more may have left its topic as well.
        if mark > drawn or (mark > held and kept.get((stream, subject), 0) > held):
            yield Fault(
                "ahead",
                f"{service}: {stream} {subject}",
                f"its mark is {mark}; {drawn} were written, and the topic ends at {held}",
                # A topic that is being made again may still come to there.
                passing=mark <= drawn,
            )


def _line(
    service: str,
    line: Line,
    records: dict[int, Seen],
    parked: list[Waiting],
    mark: int,
    letters: set[str],
) -> Iterator[Fault]:
    where = f"{service}: {line[0]} {line[1]}"
    waiting = {one.sequence: one for one in parked}
    for one in parked:
        if one.sequence <= mark:
            yield Fault("parked", where, f"{one.sequence} is parked, and the mark is {mark}")
        first = records.get(one.sequence)
        if first is not None and first.value_digest and first.digest != one.digest:
            yield Fault("differs", where, f"what is parked as {one.sequence} is not the topic's")
    head = waiting.get(mark + 1)
    beyond = [sequence for sequence in records if sequence > mark]
    if head is not None:
        if head.id not in letters:
            yield Fault(
                "parked",
                where,
                f"{head.sequence} waits ({head.reason}) and no dead letter tells of it",
                passing=head.reason != "poison",
            )
        unknown = [n for n in beyond if n not in waiting]
        if unknown:
            yield Fault("behind", where, f"{sorted(unknown)} are neither taken in nor parked", True)
    elif waiting and mark + 1 in records:
        yield Fault(
            "parked",
            where,
            f"{sorted(waiting)} wait for {mark + 1}, which is on the topic",
            passing=True,
        )
    elif waiting:
        yield Fault(
            "gap",
            where,
            f"{sorted(waiting)} wait for {mark + 1}, which is not on the topic",
            passing=True,
        )
    elif beyond:
        # Where the first was lost to retention before it was taken in, this is a loss as well.
        yield Fault(
            "behind",
            where,
            f"the mark is {mark}, and the topic has {min(beyond)} to {max(beyond)}",
            passing=True,
        )
