"""Names that say nothing: stable for one recipient, unlinkable between two."""

from datetime import date
from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st

from services.notification import domain
from services.notification.domain import FeedEntry, FeedFilter

SECRET = b"secret"
words = st.text(max_size=6)


@given(words, words)
def test_a_recipient_knows_a_case_by_one_name(recipient: str, name: str) -> None:
    first = domain.pseudonym(SECRET, recipient, name)
    assert first == domain.pseudonym(SECRET, recipient, name)
    assert len(first) == 32
    assert set(first) <= set("0123456789abcdef")


@given(st.tuples(words, words), st.tuples(words, words))
def test_no_two_recipients_or_cases_share_a_name(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assume(one != other)
    assert domain.pseudonym(SECRET, *one) != domain.pseudonym(SECRET, *other)


@given(words, words)
def test_a_name_hangs_on_the_secret(recipient: str, name: str) -> None:
    assert domain.pseudonym(SECRET, recipient, name) != domain.pseudonym(b"s", recipient, name)


@given(words, st.integers(1, 2**63 - 1))
def test_an_event_id_is_a_uuid_that_holds_no_time(recipient: str, number: int) -> None:
    found = UUID(domain.event_id(SECRET, recipient, number))
    assert found.version == 8
    assert found.variant == "specified in RFC 4122"
    assert str(found) == domain.event_id(SECRET, recipient, number)


@given(st.tuples(words, st.integers(1, 99)), st.tuples(words, st.integers(1, 99)))
def test_no_two_events_or_recipients_share_an_event_id(
    one: tuple[str, int], other: tuple[str, int]
) -> None:
    assume(one != other)
    assert domain.event_id(SECRET, *one) != domain.event_id(SECRET, *other)


def test_event_ids_do_not_tell_which_came_first() -> None:
    ids = [domain.event_id(SECRET, "ngo", number) for number in range(1, 100)]
    assert ids != sorted(ids)
    assert len({name[:8] for name in ids}) == len(ids)


numbers = st.frozensets(st.integers(1, 4))
codes = st.frozensets(st.sampled_from("ABC"))
entries = st.builds(
    FeedEntry,
    number=st.just(1),
    day=st.just(date(2026, 3, 2)),
    line=st.just("line"),
    items=st.just(()),
    country=st.sampled_from("ABC"),
    sector=st.sampled_from("ABC"),
    kinds=numbers,
    states=numbers,
    event=st.just(b""),
)


@given(entries)
def test_an_empty_filter_wants_everything(entry: FeedEntry) -> None:
    assert FeedFilter().wants(entry)


@given(entries, codes, codes, numbers, numbers)
def test_a_filter_wants_what_meets_each_of_its_conditions(
    entry: FeedEntry,
    countries: frozenset[str],
    sectors: frozenset[str],
    kinds: frozenset[int],
    states: frozenset[int],
) -> None:
    met = [
        entry.country in countries or countries == frozenset(),
        entry.sector in sectors or sectors == frozenset(),
        any(kind in kinds for kind in entry.kinds) or kinds == frozenset(),
        any(state in states for state in entry.states) or states == frozenset(),
    ]
    assert FeedFilter(countries, sectors, kinds, states).wants(entry) == all(met)
