import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight.keys import entries
from harbourlight.keys.entries import KeyEntry, Kind, Reason, Revocation, RoutingEntry
from harbourlight.proofs.notes import BadNote

TEXT = (
    "harbourlight.key.v1\n"
    "kind officer\n"
    "name ana@labour.example\n"
    "jurisdiction MY\n"
    "organisation ministry\n"
    "number 2\n"
    "not-before 2026-11-24T00:00:00Z\n"
    "not-after 2027-11-24T00:00:00Z\n"
    "signing AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
)
ENTRY = KeyEntry(
    Kind.OFFICER,
    "ana@labour.example",
    "MY",
    "ministry",
    2,
    datetime(2026, 11, 24, tzinfo=UTC),
    datetime(2027, 11, 24, tzinfo=UTC),
    bytes(32),
)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(
    lambda text: text == text.strip() and text.isprintable()
)
times = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def test_an_entry_is_written_as_the_reference_says() -> None:
    assert str(ENTRY) == TEXT
    assert entries.parse(TEXT) == ENTRY
    assert ENTRY.key_id == hashlib.sha256(TEXT.encode()).hexdigest()[:16]


@given(
    st.sampled_from(Kind), names, st.sampled_from(["*", "MY"]), names, st.integers(1, 999), times
)
def test_an_entry_has_one_spelling(
    kind: Kind, name: str, jurisdiction: str, organisation: str, number: int, begin: datetime
) -> None:
    sealing = bytes(entries.SEALING_BYTES) if kind.seals else b""
    entry = KeyEntry(
        kind,
        name,
        jurisdiction,
        organisation,
        number,
        begin,
        begin + timedelta(days=1),
        bytes(32),
        sealing,
    )
    assert entries.parse(str(entry)) == entry
    assert str(entries.parse(str(entry))) == str(entry)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind officer", "kind boss"),
        ("kind officer", "kind desk"),
        ("name ana@labour.example\n", ""),
        ("name ana@labour.example", "name "),
        ("name ana@labour.example", "name  ana"),
        ("name ana@labour.example", "name a\tb"),
        ("jurisdiction MY", "jurisdiction my"),
        ("jurisdiction MY", "jurisdiction MYS"),
        ("number 2", "number 02"),
        ("number 2", "number 0"),
        ("number 2", "number -1"),
        ("number 2", "number ٢"),
        ("2026-11-24T00:00:00Z", "2026-11-24T00:00:00+00:00"),
        ("2026-11-24T00:00:00Z", "2026-11-24"),
        ("2026-11-24T00:00:00Z", "2028-11-24T00:00:00Z"),
        ("AAA=\n", "AA==\n"),
        ("AAA=\n", "AAB=\n"),
        ("AAA=\n", "AAA=\nsealing AAAA\n"),
        ("AAA=\n", "AAA="),
        ("AAA=\n", "AAA=\n\n"),
        ("kind officer\nname ana@labour.example", "name ana@labour.example\nkind officer"),
    ],
)
def test_what_is_written_otherwise_is_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(BadNote):
        entries.parse(TEXT.replace(old, new))


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for label in (KeyEntry.LABEL, Revocation.LABEL, RoutingEntry.LABEL):
        with pytest.raises(BadNote):
            entries.parse(f"{label}\n{text}")
    assert entries.parse(f"x{text}") is None


def test_revocations_and_routing_are_written_as_the_reference_says() -> None:
    revocation = Revocation("0123456789abcdef", datetime(2026, 11, 24, tzinfo=UTC), Reason.LEFT)
    text = (
        "harbourlight.revocation.v1\nkey 0123456789abcdef\ntime 2026-11-24T00:00:00Z\nreason LEFT\n"
    )
    assert (str(revocation), entries.parse(text)) == (text, revocation)
    routing = RoutingEntry("routing/2026-1", "0" * 64)
    text = f"harbourlight.routing.v1\nversion routing/2026-1\nsha256 {'0' * 64}\n"
    assert (str(routing), entries.parse(text)) == (text, routing)
    for bad in (
        str(revocation).replace("LEFT", "GONE"),
        str(revocation).replace("abcdef", "ABCDEF"),
        str(routing).replace("0" * 64, "0" * 63),
        str(routing) + "more x\n",
    ):
        with pytest.raises(BadNote):
            entries.parse(bad)


def test_a_key_counts_from_its_beginning_until_its_end() -> None:
    assert ENTRY.covers(ENTRY.not_before)
    assert not ENTRY.covers(ENTRY.not_after)
    assert not ENTRY.covers(ENTRY.not_before - timedelta(seconds=1))
    with pytest.raises(BadNote, match="ends before"):
        replace(ENTRY, not_after=ENTRY.not_before)
