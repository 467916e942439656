"""Whatever way events arrive, each takes effect once, in its line's order, behind what it needs."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.cloudevents import Incoming
from shared.decisions import NotYet
from shared.inbox import ATTEMPTS, settle
from shared.inbox_tables import Held, Line

STREAMS = ("a.events.v1", "b.events.v1", "c.events.v1")
Place = tuple[str, str, int]
"""Subject, stream, sequence."""


def incoming(place: Place, error: str | None = None) -> Incoming:
    subject, stream, sequence = place
    return Incoming(
        stream=stream,
        subject=subject,
        sequence=sequence,
        id=f"{subject}/{stream}/{sequence}",
        type="type",
        source="/source",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        traceparent=None,
        event=None,
        error=error,
        topic=stream,
        value=b"",
        headers=[],
    )


@dataclass(frozen=True)
class Plan:
    """What happened at the sources, in an order that respects every line, and how it behaves."""

    order: tuple[Place, ...]
    needs: dict[Place, frozenset[Place]]
    """Earlier events of the same subject without which one is not yet to be handled."""
    failures: dict[Place, int]
    """How often handling one fails before it succeeds."""

    def reachable(self, delivered: Iterable[Place]) -> set[Place]:
        """What must have taken effect in the end where exactly these events arrived."""
        arrived, done = set(delivered), set[Place]()
        for place in self.order:
            subject, stream, sequence = place
            before = sequence == 1 or (subject, stream, sequence - 1) in done
            poison = self.failures.get(place, 0) >= ATTEMPTS
            if place in arrived and before and self.needs[place] <= done and not poison:
                done.add(place)
        return done


@st.composite
def plans(draw: st.DrawFn, most_failures: int = 0) -> Plan:
    lines = st.tuples(st.sampled_from(["X", "Y"]), st.sampled_from(STREAMS))
    drawn = draw(st.lists(lines, min_size=1, max_size=14))
    counted: Counter[tuple[str, str]] = Counter()
    order: list[Place] = []
    needs: dict[Place, frozenset[Place]] = {}
    for line in drawn:
        counted[line] += 1
        place = (*line, counted[line])
        earlier = [one for one in order if one[0] == line[0]]
        needs[place] = frozenset(
            draw(st.sets(st.sampled_from(earlier), max_size=2)) if earlier else ()
        )
        order.append(place)
    failing = st.dictionaries(st.sampled_from(order), st.integers(1, most_failures or 1))
    return Plan(tuple(order), needs, draw(failing) if most_failures else {})


def deliveries(draw: st.DrawFn, events: Iterable[Place]) -> list[list[Place]]:
    """These events in any order, some twice, split into batches anywhere."""
    arriving = list(events)
    again = draw(st.lists(st.sampled_from(arriving), max_size=6)) if arriving else []
    arriving = draw(st.permutations([*arriving, *again]))
    cuts = sorted(draw(st.sets(st.integers(0, len(arriving)), max_size=5)))
    edges = [0, *cuts, len(arriving)]
    return [arriving[start:end] for start, end in pairwise(edges)]


@st.composite
def delivered_plans(
    draw: st.DrawFn, *, most_failures: int = 0, missing: bool = False
) -> tuple[Plan, list[list[Place]]]:
    plan = draw(plans(most_failures))
    lost = draw(st.sets(st.sampled_from(plan.order), max_size=3)) if missing else set()
    return plan, deliveries(draw, [place for place in plan.order if place not in lost])


@dataclass
class Reader:
    """A consumer between batches: its marks and what is parked; and the reactor that it feeds."""

    plan: Plan
    marks: Counter[tuple[str, str]] = field(default_factory=Counter)
    parked: dict[str, list[Held]] = field(default_factory=lambda: defaultdict(list))
    effects: list[Place] = field(default_factory=list)
    tries: Counter[Place] = field(default_factory=Counter)

    async def load(self, connection: object, subjects: Iterable[str]) -> None: ...

    async def save(self, connection: object) -> None: ...

    def react(self, event: Incoming) -> None:
        place = (event.subject, event.stream, event.sequence)
        if not self.plan.needs[place] <= set(self.effects):
            raise NotYet("something else comes first")
        self.tries[place] += 1
        if self.tries[place] <= self.plan.failures.get(place, 0):
            raise RuntimeError("it fails")
        self.effects.append(place)

    def take(self, batch: Iterable[Place]) -> None:
        """Takes a batch in, and what is parked of its subjects."""
        arrived: dict[str, list[Place]] = defaultdict(list)
        for place in batch:
            arrived[place[0]].append(place)
        for subject, places in arrived.items():
            self.settle(subject, [Held(incoming(place)) for place in places])

    def settle(self, subject: str, new: Iterable[Held] = ()) -> None:
        """Settles one subject's lines."""
        lines: dict[str, Line] = {}
        for held in (*self.parked[subject], *new):
            stream, sequence = held.incoming.stream, held.incoming.sequence
            line = lines.setdefault(stream, Line(self.marks[subject, stream]))
            if sequence > line.mark:
                line.waiting.setdefault(sequence, held)
        before = len(self.effects)
        settled = settle(lines, self)
        assert [one.id for one in settled.handled] == [
            incoming(place).id for place in self.effects[before:]
        ]
        self.parked[subject] = settled.held
        for stream, line in lines.items():
            assert line.mark >= self.marks[subject, stream]
            self.marks[subject, stream] = line.mark

    def finish(self) -> None:
        """Tries what is parked until nothing can change any more."""
        before = None
        while before != (before := (len(self.effects), self.tries.total())):
            for subject in list(self.parked):
                self.settle(subject)

    def check(self, delivered: Iterable[Place]) -> None:
        """Holds of every way to deliver."""
        assert len(self.effects) == len(set(self.effects))
        assert set(self.effects) == self.plan.reachable(delivered)
        for number, (subject, stream, sequence) in enumerate(self.effects):
            earlier = self.effects[:number]
            assert sequence == 1 + sum(one[:2] == (subject, stream) for one in earlier)
            assert self.plan.needs[subject, stream, sequence] <= set(earlier)
        for (subject, stream), mark in self.marks.items():
            assert mark == sum(one[:2] == (subject, stream) for one in self.effects)


@given(delivered_plans())
def test_everything_takes_effect_once_and_in_order_as_soon_as_all_is_there(
    case: tuple[Plan, list[list[Place]]],
) -> None:
    plan, batches = case
    reader = Reader(plan)
    for batch in batches:
        reader.take(batch)
    reader.check(plan.order)
    assert set(reader.effects) == set(plan.order)
    assert not any(reader.parked.values())


@given(delivered_plans(missing=True))
def test_nothing_behind_a_gap_takes_effect_and_everything_else_does(
    case: tuple[Plan, list[list[Place]]],
) -> None:
    plan, batches = case
    reader = Reader(plan)
    delivered: set[Place] = set()
    for batch in batches:
        reader.take(batch)
        delivered |= set(batch)
        reader.check(delivered)


@given(delivered_plans(missing=True), st.data())
def test_what_was_missing_makes_up_for_it_when_it_arrives(
    case: tuple[Plan, list[list[Place]]], data: st.DataObject
) -> None:
    plan, batches = case
    reader = Reader(plan)
    for batch in batches:
        reader.take(batch)
    lost = set(plan.order) - {place for batch in batches for place in batch}
    for batch in deliveries(data.draw, sorted(lost)):
        reader.take(batch)
    assert set(reader.effects) == set(plan.order)


@given(delivered_plans(most_failures=ATTEMPTS + 1))
def test_a_failing_event_holds_up_its_own_line_alone(
    case: tuple[Plan, list[list[Place]]],
) -> None:
    plan, batches = case
    reader = Reader(plan)
    for batch in batches:
        reader.take(batch)
    reader.finish()
    reader.check(plan.order)


@given(delivered_plans(most_failures=ATTEMPTS + 1))
def test_attempts_count_failures_alone_and_stop_at_poison(
    case: tuple[Plan, list[list[Place]]],
) -> None:
    plan, batches = case
    reader = Reader(plan)
    for batch in batches:
        reader.take(batch)
    reader.finish()
    for held in (one for parked in reader.parked.values() for one in parked):
        event = held.incoming
        place = (event.subject, event.stream, event.sequence)
        failures = min(plan.failures.get(place, 0), reader.tries[place])
        assert held.attempts == failures
        assert (held.reason == "poison") == (failures == ATTEMPTS)
        assert reader.tries[place] <= ATTEMPTS
        if held.reason != "poison":
            assert held.reason == ("not_yet" if reader.marks[place[:2]] + 1 == place[2] else "gap")


def only(place: Place, failures: int = 0) -> Plan:
    return Plan((place,), {place: frozenset()}, {place: failures})


def test_an_event_that_cannot_be_decoded_counts_as_failing_and_reaches_no_handler() -> None:
    place = ("X", "a.events.v1", 1)
    reader = Reader(only(place))
    reader.settle("X", [Held(incoming(place, error="the value is not an event"))])
    for attempts in range(1, ATTEMPTS + 1):
        (held,) = reader.parked["X"]
        assert held.attempts == attempts
        assert held.error == "ValueError: the value is not an event"
        assert held.reason == ("poison" if attempts == ATTEMPTS else "failed")
        reader.settle("X")
    assert reader.parked["X"][0].attempts == ATTEMPTS
    assert not reader.tries


def test_a_failing_event_is_tried_once_a_batch() -> None:
    place = ("X", "a.events.v1", 1)
    other = ("X", "b.events.v1", 1)
    plan = Plan((place, other), {place: frozenset(), other: frozenset()}, {place: 9})
    reader = Reader(plan)
    reader.take([place, other])
    assert reader.tries == {place: 1, other: 1}
    reader.take([place])
    assert reader.tries == {place: 2, other: 1}


def test_waiting_for_another_event_never_counts_as_an_attempt() -> None:
    place, first = ("X", "a.events.v1", 1), ("X", "b.events.v1", 1)
    plan = Plan((first, place), {first: frozenset(), place: frozenset([first])}, {})
    reader = Reader(plan)
    for _ in range(ATTEMPTS * 2):
        reader.take([place])
    (held,) = reader.parked["X"]
    assert (held.reason, held.attempts) == ("not_yet", 0)
    reader.take([first])
    assert reader.effects == [first, place]
