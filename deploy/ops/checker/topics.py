"""Topics against each other and against the outboxes that they were filled from."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from deploy import topology
from deploy.ops.checker.model import Fault, Line, Seen, Tables, Topics, Written
from services.notification import router


def check(topics: Topics, before: Tables, after: Tables) -> Iterator[Fault]:
    """Every rule about topics. `before` was read before the topics, `after` after them."""
    yield from _order(topics, after)
    yield from _sent_rows(topics, before)
    yield from _records_without_row(topics, after)
    yield from _lines_of_outbox(after)
    yield from _doubled(after)
    yield from _routed(topics)
    yield from _letters(topics, before, after)
    yield from _commitments(topics, after)


def _place(topic: str, subject: str, sequence: int | str) -> str:
    return f"{topic} {subject} {sequence}"


def _order(topics: Topics, after: Tables) -> Iterator[Fault]:
    """Each line is gap-free and in order; a repeat is the same and comes after the first."""
    for (topic, subject), records in topics.lines.items():
        derived = topic == router.ROUTED
        if len({one.partition for one in records}) > 1:
            yield Fault("order", f"{topic} {subject}", "its records are in several partitions")
        if any(one.key != subject for one in records):
            yield Fault("order", f"{topic} {subject}", "a record's key is not its case")
        firsts: dict[tuple[str, int], Seen] = {}
        last: dict[str, int] = {}
        # What an operator sent again stands behind what was there already.
        refilled = after.refilled(None if derived else topic.partition(".")[0])
        for one in records:
            first = firsts.setdefault((one.stream, one.sequence), one)
            if first is not one:
                same = (
                    first.kept_digest == one.kept_digest if derived else first.digest == one.digest
                )
                if not same:
                    yield Fault(
                        "differs",
                        _place(topic, subject, one.sequence),
                        f"offsets {first.offset} and {one.offset} hold different records",
                    )
                continue
            previous = last.get(one.stream, 0)
            if one.sequence < previous and not refilled:
                yield Fault(
                    "order",
                    _place(topic, subject, one.sequence),
                    f"it comes after {previous} for the first time, at offset {one.offset}",
                )
            last[one.stream] = max(previous, one.sequence)
        by_stream: dict[str, list[int]] = defaultdict(list)
        for stream, sequence in firsts:
            by_stream[stream].append(sequence)
        for stream, sequences in by_stream.items():
            missing = sorted(set(range(min(sequences), max(sequences))) - set(sequences))
            # A dead letter of the router, say: told by the rules that know about it.
            if missing and not derived and not topics.lost_to_retention(topic):
                yield Fault("gap", f"{stream} {subject}", f"the topic lacks {missing}")


def _sent_rows(topics: Topics, before: Tables) -> Iterator[Fault]:
    """What an outbox counts as sent is on the topic, the same."""
    there = topics.streams
    for row in before.outbox:
        if row.letter_digest is not None:
            continue
        place = _place(row.topic, row.subject, row.sequence)
        record = there[row.topic][row.topic, row.subject].get(row.sequence)
        if not row.is_sent:
            yield Fault("unsent", place, f"{row.service} has not sent it", passing=True)
        elif record is None:
            if not topics.lost_to_retention(row.topic):
                yield Fault("lost", place, f"{row.service} has sent it, and the topic lacks it")
        elif (record.id, record.type, record.cause, record.commitment, record.value_digest) != (
            *(row.id, row.type, row.cause, row.commitment),
            row.value_digest,
        ):
            yield Fault("differs", place, f"the topic's is not what {row.service} wrote")


def _records_without_row(topics: Topics, after: Tables) -> Iterator[Fault]:
    """What is on a topic was written by the service that owns it."""
    rows: dict[Line, set[int]] = defaultdict(set)
    for row in after.outbox:
        rows[row.topic, row.subject].add(row.sequence)
    for (topic, subject), records in topics.lines.items():
        service = topic.partition(".")[0]
        if topic == router.ROUTED:
            continue
        kept = rows.get((topic, subject), set())
        drawn = after.drawn.get((service, topic, subject), 0)
        for sequence in {one.sequence for one in records}:
            is_kept_no_more = sequence <= drawn and (not kept or sequence < min(kept))
            if sequence not in kept and not is_kept_no_more:
                yield Fault(
                    "unknown",
                    _place(topic, subject, sequence),
                    f"{service} never wrote it: it has drawn up to {drawn}",
                )


def _lines_of_outbox(after: Tables) -> Iterator[Fault]:
    """What an outbox keeps of a line is gap-free up to the last number drawn."""
    kept: dict[tuple[str, str, str], list[Written]] = defaultdict(list)
    for row in after.outbox:
        kept[row.service, row.topic, row.subject].append(row)
    for line, rows in kept.items():
        sequences = sorted(row.sequence for row in rows)
        if sequences != list(range(sequences[0], sequences[0] + len(sequences))):
            yield Fault("lost", " ".join(line), f"the outbox has {_short(sequences)}")
        if sequences[-1] != after.drawn.get(line):
            yield Fault(
                "lost",
                " ".join(line),
                f"the outbox ends at {sequences[-1]}, and {after.drawn.get(line)} were drawn",
            )


def _short(numbers: list[int]) -> str:
    text = ", ".join(map(str, numbers[:12]))
    return text if len(numbers) <= 12 else f"{text}, … ({len(numbers)} in all)"


def _doubled(after: Tables) -> Iterator[Fault]:
    """No event is written twice, and none has the same effect twice."""
    ids = Counter((row.service, row.id) for row in after.outbox)
    for (service, event_id), count in ids.items():
        if count > 1:
            yield Fault("doubled", service, f"event {event_id} is in the outbox {count} times")
    effects = Counter(
        (row.service, row.topic, row.subject, row.cause, row.type, row.value_digest)
        for row in after.outbox
        if row.cause
    )
    for (service, topic, subject, cause, kind, _), count in effects.items():
        if count > 1:
            yield Fault(
                "doubled",
                f"{topic} {subject}",
                f"{service} made the same {kind} {count} times of one event, {cause}",
            )


def _routed(topics: Topics) -> Iterator[Fault]:
    """The router made one record of each source record, and of nothing else."""
    there = topics.streams
    routed = there[router.ROUTED]
    put_aside = topics.put_aside(router.GROUP)
    if topics.lost_to_retention(router.ROUTED):
        return
    for source in topology.READERS[router.GROUP]:
        for line, records in there[source].items():
            for sequence, record in records.items():
                made = routed.get(line, {}).get(sequence)
                place = _place(*line, sequence)
                if made is None and (*line, sequence) not in put_aside:
                    yield Fault("routed", place, "the router made nothing of it", passing=True)
                elif made is not None and made.cause and made.cause != record.id:
                    yield Fault("routed", place, f"what was made of it says {made.cause}")
    for (stream, subject), made_of in routed.items():
        if topics.lost_to_retention(stream):
            continue
        for sequence in made_of.keys() - there[stream][stream, subject].keys():
            yield Fault("routed", _place(stream, subject, sequence), "made of nothing")


def _letters(topics: Topics, before: Tables, after: Tables) -> Iterator[Fault]:
    """Dead letters are on their topics, and nothing else is that cannot be read."""
    there = Counter((one.topic, one.digest) for one in topics.unreadable)
    sent = Counter(
        (row.topic, row.letter_digest) for row in before.outbox if row.letter_digest and row.is_sent
    )
    for (topic, letter), count in sent.items():
        if there[topic, letter] < count and not topics.lost_to_retention(topic):
            yield Fault("lost", topic, f"it lacks a dead letter that was sent {count} times")
    for row in before.outbox:
        if row.letter_digest and not row.is_sent:
            yield Fault("unsent", row.topic, f"{row.service} has not sent a letter", passing=True)
    written = {(row.topic, row.letter_digest) for row in after.outbox}
    dropped = any(row.letter_digest for row in after.outbox)
    for one in topics.unreadable:
        if not one.topic.endswith(".dlq"):
            yield Fault(
                "unreadable", f"{one.topic}[{one.partition}]@{one.offset}", "it is no event"
            )
        elif (
            not one.topic.endswith(f".{router.GROUP}.dlq")
            and dropped
            and (one.topic, one.digest) not in written
        ):
            yield Fault("unknown", f"{one.topic}@{one.offset}", "nobody wrote this letter")


def _commitments(topics: Topics, after: Tables) -> Iterator[Fault]:
    """Each receipt is of an event that carries a commitment, and the ledger has what is carried."""
    for row in after.outbox:
        if row.id in after.receipts and not row.commitment:
            yield Fault("receipt", row.id, "a receipt was given of it, and it carries none")
    if after.ledger is not None:
        for one in topics.records:
            if one.commitment and one.commitment not in after.ledger:
                yield Fault("ledger", one.id, "its commitment is not in the ledger", passing=True)
