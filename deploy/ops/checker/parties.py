"""What each party was told, against the events that it may know of."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf import descriptor_pool

from deploy import topology
from deploy.ops.checker.model import Fault, Seen, Tables, Topics
from harbourlight.options.v1 import options_pb2 as options
from services.notification import router

NOTIFIED = "notification"


@cache
def may_know(type_name: str, audience: int) -> bool:
    """Whether the contract lets this audience know that an event of this type happened."""
    try:
        descriptor: Any = descriptor_pool.Default().FindMessageTypeByName(type_name)
    except KeyError:
        return False
    declared = descriptor.GetOptions()
    return (
        declared.HasExtension(options.event)
        and audience in declared.Extensions[options.event].audience
    )


def check(topics: Topics, after: Tables) -> Iterator[Fault]:
    """Every company has its notices and every NGO the feed: each event once, none else."""
    yield from _notices(topics, after)
    yield from _feed(topics, after)


def _taken_in(topics: Topics, after: Tables) -> list[Seen]:
    """The source events that notification counts as taken in, each once."""
    skipped = {
        (one.stream, one.subject, one.sequence)
        for one in after.actions
        if one.service == NOTIFIED and one.action == "discard"
    }
    found = []
    for source in topology.READERS[router.GROUP]:
        for (stream, subject), records in topics.streams[source].items():
            mark = after.marks.get((NOTIFIED, stream, subject), 0)
            found += [
                record
                for sequence, record in records.items()
                if sequence <= mark and (stream, subject, sequence) not in skipped
            ]
    return found


def _is_whole(topics: Topics) -> bool:
    """Whether the sources still have all that there ever was."""
    sources = topology.READERS[router.GROUP]
    return not any(topics.lost_to_retention(source) for source in sources) and all(
        min(records) == 1 for source in sources for records in topics.streams[source].values()
    )


def _notices(topics: Topics, after: Tables) -> Iterator[Fault]:
    wanted: dict[str, Counter[str]] = {}
    for one in _taken_in(topics, after):
        if may_know(one.type, options.AUDIENCE_COMPANY):
            wanted.setdefault(one.subject, Counter())[one.type] += 1
    whole = _is_whole(topics)
    for handle in wanted.keys() | after.notices.keys() | after.notice_counts.keys():
        told = after.notices.get(handle, [])
        numbers = [number for number, _ in told]
        if numbers != list(range(1, after.notice_counts.get(handle, 0) + 1)):
            yield Fault(
                "notices",
                handle,
                f"they are numbered {numbers}, and {after.notice_counts.get(handle, 0)} were drawn",
            )
        types = Counter(kind for _, kind in told)
        yield from _compare("notices", handle, wanted.get(handle, Counter()), types, whole)


def _feed(topics: Topics, after: Tables) -> Iterator[Fault]:
    numbers = [number for number, _ in after.feed]
    if numbers != list(range(1, after.feed_count + 1)):
        yield Fault(
            "feed",
            "feed",
            f"{len(numbers)} entries up to {max(numbers, default=0)}, "
            f"and {after.feed_count} numbers were drawn",
        )
    wanted = Counter(
        one.type for one in _taken_in(topics, after) if may_know(one.type, options.AUDIENCE_NGO)
    )
    logged = Counter(kind for _, kind in after.feed)
    yield from _compare("feed", "feed", wanted, logged, _is_whole(topics))
    sent = sum(drawn for (_, topic, _), drawn in after.drawn.items() if topic == topology.FEED)
    if sent != after.feed_count:
        yield Fault("feed", topology.FEED, f"{after.feed_count} entries, and {sent} were written")


def _compare(
    rule: str, where: str, wanted: Counter[str], told: Counter[str], whole: bool
) -> Iterator[Fault]:
    for kind, count in (wanted - told).items():
        yield Fault(rule, where, f"{count} {kind.rpartition('.')[2]} too few")
    # Of a line whose beginning is gone, nobody knows any more what it had.
    for kind, count in (told - wanted).items() if whole else ():
        yield Fault(rule, where, f"{count} {kind.rpartition('.')[2]} too many")
