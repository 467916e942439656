"""A refusal as a gRPC client reads it."""

from collections.abc import Sequence
from typing import NamedTuple

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hypothesis import given
from hypothesis import strategies as st

from shared import errors
from shared.errors import Kind, Refusal, Violation
from shared.statuses import CODES, to_status


class Ended(NamedTuple):
    """A call as its client finds it ended."""

    status: grpc.Status

    def code(self) -> grpc.StatusCode:
        return self.status.code

    def details(self) -> str:
        return str(self.status.details)

    def trailing_metadata(self) -> Sequence[tuple[str, bytes]]:
        return list(self.status.trailing_metadata)


def read(refusal: Refusal, kind: type[Message]) -> list[Message]:
    """The details of this type that the status carries."""
    status = rpc_status.from_call(Ended(to_status(refusal)))
    assert status is not None
    found = []
    for packed in status.details:
        if packed.Is(kind.DESCRIPTOR):
            detail = kind()
            packed.Unpack(detail)
            found.append(detail)
    return found


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_refusal_has_its_code_and_reason(kind: Kind) -> None:
    refusal = Refusal(kind, "because")
    status = to_status(refusal)
    assert (status.code, status.details) == (CODES[kind], "because")
    assert status.code != grpc.StatusCode.OK
    assert read(refusal, error_details_pb2.ErrorInfo) == [
        error_details_pb2.ErrorInfo(reason=kind.name, domain="harbourlight")
    ]
    assert read(refusal, error_details_pb2.BadRequest) == []


texts = st.text(st.characters(codec="utf-8"), max_size=200)


def listed(refusal: Refusal) -> list[tuple[str, str]]:
    (bad,) = read(refusal, error_details_pb2.BadRequest)
    return [(one.field, one.description) for one in bad.field_violations]


@given(st.lists(st.builds(Violation, texts, texts), min_size=1, max_size=4))
def test_faults_arrive_as_they_are(violations: list[Violation]) -> None:
    assert listed(errors.invalid(violations)) == [tuple(one) for one in violations]


@given(st.integers(1, 5000), st.integers(0, 400))
def test_however_many_faults_there_are_the_status_fits_into_headers(count: int, size: int) -> None:
    violations = [Violation(f"items[{n}]", "x" * size) for n in range(count)]
    refusal = errors.invalid(violations)
    carried = to_status(refusal).trailing_metadata
    assert sum(len(name) + len(value) for name, value in carried) * 4 / 3 < 7 * 1024
    found = listed(refusal)
    shown = [one for one in found if one[0] != "(request)"]
    assert shown == [tuple(one) for one in violations[: len(shown)]]
    left = [("(request)", f"faults not listed: {count - len(shown)}")]
    assert found[len(shown) :] == (left if len(shown) < count else [])


def test_a_refused_request_names_its_first_faults() -> None:
    refusal = errors.invalid([Violation(f"field_{n}", "is required") for n in range(5)])
    assert refusal.message == (
        "the request is not valid: field_0: is required; field_1: is required; "
        "field_2: is required; and 2 more"
    )


@pytest.mark.parametrize(
    ("allowed", "choices"), [(["amend", "withdraw"], "amend, withdraw"), ([], "nothing more")]
)
def test_a_wrong_state_tells_what_is_allowed(allowed: list[str], choices: str) -> None:
    refusal = errors.wrong_state("the case", "FILED", "place a marker", allowed)
    assert refusal.kind == Kind.WRONG_STATE
    assert refusal.message == (
        f"the case is FILED: cannot place a marker; allowed from here: {choices}"
    )


def test_a_stale_etag_tells_the_current_one() -> None:
    refusal = errors.stale("3", "4")
    assert refusal.kind == Kind.STALE
    assert "the etag '3' is not the current '4'" in refusal.message
