"""Files of a case: declared once, taken in order, whole or not at all."""

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.model import Case, CaseState
from services.reporting.domain.sealed import Lodged
from services.reporting.evidence import domain
from services.reporting.evidence.domain import Declared, Evidence, EvidenceState
from shared.errors import Kind, Refusal

NOW = datetime(2026, 11, 24, tzinfo=UTC)
FILED = Case("HL-X", CaseState.FILED, filed_at=NOW, desk="POLICE", company_number=1, key_epoch=1)
LODGED = Lodged(number=2, epoch=1)


def _declared(data: bytes) -> Declared:
    return Declared(2, b"h" * 32, len(data), hashlib.sha256(data).digest())


def _refused(kind: Kind, call: object, *arguments: object, **named: object) -> str:
    with pytest.raises(Refusal) as refused:
        call(*arguments, **named)  # type: ignore[operator]
    assert refused.value.kind is kind
    return refused.value.message


def test_a_declaration_takes_the_companys_next_number() -> None:
    case = domain.declare(FILED, _declared(b"x"), LODGED, kept_bytes=0)
    assert case.company_number == 2
    third = Lodged(number=3, epoch=1)
    assert "is 2" in _refused(
        Kind.STALE, domain.declare, FILED, _declared(b"x"), third, kept_bytes=0
    )


@pytest.mark.parametrize("state", [CaseState.MARKED, CaseState.ERASED])
def test_a_case_without_a_report_takes_no_file(state: CaseState) -> None:
    case = Case("HL-X", state)
    _refused(Kind.WRONG_STATE, domain.declare, case, _declared(b"x"), LODGED, kept_bytes=0)
    _refused(Kind.NOT_FOUND, domain.declare, None, _declared(b"x"), LODGED, kept_bytes=0)


def test_a_case_holds_no_more_than_its_share() -> None:
    domain.declare(FILED, _declared(b"x"), LODGED, kept_bytes=domain.MOST_BYTES - 1)
    full = domain.MOST_BYTES
    said = _refused(
        Kind.WRONG_STATE, domain.declare, FILED, _declared(b"x"), LODGED, kept_bytes=full
    )
    assert "in another way" in said


def test_a_file_goes_on_under_its_own_declaration_alone() -> None:
    evidence = Evidence(_declared(b"one"), 2)
    domain.go_on(evidence, _declared(b"one"))
    _refused(Kind.REUSED_REQUEST_ID, domain.go_on, evidence, _declared(b"two"))


@given(data=st.binary(min_size=1, max_size=40), cuts=st.lists(st.integers(0, 40), max_size=6))
def test_chunks_that_follow_on_each_other_are_taken_and_no_others(
    data: bytes, cuts: list[int]
) -> None:
    evidence = Evidence(_declared(data), 2)
    ends = sorted({min(cut, len(data)) for cut in cuts} - {0} | {len(data)})
    arrived = 0
    for end in ends:
        for offset in {0, end, len(data)} - {arrived}:
            _refused(Kind.INVALID, domain.place_chunk, evidence, offset, 1, arrived=arrived)
        too_much = len(data) - arrived + 1
        _refused(Kind.INVALID, domain.place_chunk, evidence, arrived, too_much, arrived=arrived)
        _refused(Kind.INVALID, domain.place_chunk, evidence, arrived, 0, arrived=arrived)
        domain.place_chunk(evidence, arrived, end - arrived, arrived=arrived)
        arrived = end


@given(data=st.binary(max_size=40), other=st.binary(max_size=40))
def test_a_file_is_complete_exactly_when_it_is_the_declared_one(data: bytes, other: bytes) -> None:
    evidence = Evidence(_declared(data), 2)
    decision = domain.complete(evidence, "HL-X", hashlib.sha256(data).digest())
    assert decision.state.state is EvidenceState.COMPLETE
    assert [type(event).__name__ for event in decision.events] == ["EvidenceAdded"]
    if other != data:
        _refused(Kind.INVALID, domain.complete, evidence, "HL-X", hashlib.sha256(other).digest())
