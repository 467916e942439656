"""What a receipt is of, and that it is the same whenever it is asked for."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harbourlight import CaseKey
from harbourlight.proofs.challenges import Opening
from harbourlight.proofs.notes import SignerKey
from harbourlight.proofs.promises import open_promise
from harbourlight.proofs.receipts import ReceiptText
from harbourlight.reporting.v1 import events_pb2 as events
from harbourlight.reporting.v1 import reporting_pb2 as pb
from shared import receipts
from shared.errors import Kind, Refusal
from shared.outbox import Outgoing
from shared.receipts import Promiser, Receipt
from shared.settings import MissingSetting, Settings

KEY = CaseKey.generate()
PROMISER = Promiser(
    "harbourlight.test", SignerKey.of("harbourlight.test/reporting", bytes(range(32)))
)
SUBMIT = "/harbourlight.reporting.v1.ReportingService/SubmitReport"
thirty_two = st.binary(min_size=32, max_size=32)
openings = st.builds(Opening, thirty_two, thirty_two, thirty_two)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
times = st.integers(0, 7 * 10**15).map(lambda micros: EPOCH + timedelta(microseconds=micros))


def emitted(time: datetime) -> list[Outgoing]:
    return [
        Outgoing(events.ReportFiled(handle=KEY.handle), KEY.handle, time),
        Outgoing(events.ReportAmended(handle=KEY.handle), KEY.handle, time),
    ]


def row_of(receipt: Receipt) -> Any:
    return dict(zip(receipts.COLUMNS.split(", "), receipt.columns, strict=True))


@given(times, openings)
def test_the_first_event_carries_the_commitment_to_the_receipts_text(
    time: datetime, opening: Opening
) -> None:
    receipt, (first, second) = receipts.lodged(emitted(time), opening)
    assert ReceiptText.parse(str(receipt.text)) == receipt.text
    assert first.commitment == receipt.text.commitment
    assert first.event_id == receipt.text.event_id
    assert (second.commitment, second.event_id) == (None, None)
    assert receipt.text.time == time
    assert receipt.text.salt == opening.salt
    assert receipt.text.event_type == "harbourlight.reporting.v1.ReportFiled"


@given(times, openings)
def test_a_receipt_from_its_row_is_the_same_to_the_byte(time: datetime, opening: Opening) -> None:
    receipt, _ = receipts.lodged(emitted(time), opening)
    again = receipts.read(row_of(receipt))
    assert again == receipt
    assert again is not None
    assert PROMISER.message(again) == PROMISER.message(receipt)


@given(times, openings)
def test_an_erased_opening_leaves_no_receipt(time: datetime, opening: Opening) -> None:
    receipt, _ = receipts.lodged(emitted(time), opening)
    assert receipts.read({**row_of(receipt), "opening": None}) is None  # type: ignore[arg-type]


@given(times, openings, openings)
def test_no_other_key_nonce_or_request_has_that_commitment(
    time: datetime, opening: Opening, other: Opening
) -> None:
    receipt, (first, *_) = receipts.lodged(emitted(time), opening)
    of_other = Receipt.of(first, other)
    assert (of_other.text.commitment == receipt.text.commitment) == (other == opening)


@given(times)
def test_an_id_is_a_uuid_of_its_time(time: datetime) -> None:
    drawn = UUID(receipts.new_event_id(time))
    assert (drawn.version, drawn.variant) == (7, "specified in RFC 4122")
    assert drawn.int >> 80 == (time - EPOCH) // timedelta(milliseconds=1)
    assert drawn != UUID(receipts.new_event_id(time))
    later = UUID(receipts.new_event_id(time + timedelta(microseconds=1)))
    assert later.int >> 64 > drawn.int >> 64


def test_the_promise_is_added_to_the_answer_and_ends_a_minute_after_the_event() -> None:
    time = datetime(2026, 11, 24, 10, 0, 0, 1, tzinfo=UTC)
    receipt, _ = receipts.lodged(emitted(time), Opening(bytes(32), KEY.public_bytes, bytes(32)))
    recorded = pb.SubmitReportResponse(case=pb.Case(handle=KEY.handle, etag="1"))
    given = receipts.added(SUBMIT, recorded.SerializeToString(), PROMISER.message(receipt))
    answer = pb.SubmitReportResponse.FromString(given)
    assert answer.case == recorded.case
    assert answer.receipt.text == str(receipt.text)
    promise = open_promise(answer.receipt.promise, [PROMISER.key.verifier])
    assert promise.commitment == receipt.text.commitment
    assert promise.include_by == datetime(2026, 11, 24, 10, 1, 1, tzinfo=UTC)


def test_who_asks_for_no_receipt_gets_none_and_who_signed_nothing_is_refused() -> None:
    nonce, hashed = bytes(range(32)), b"h" * 32
    asking = pb.SubmitReportRequest(receipt_nonce=nonce)
    assert receipts.asked(pb.SubmitReportRequest(), KEY.public_bytes, hashed) is None
    assert receipts.asked(pb.GetCaseRequest(), b"", hashed) is None
    assert receipts.asked(asking, KEY.public_bytes, hashed) == Opening(
        nonce, KEY.public_bytes, hashed
    )
    with pytest.raises(Refusal) as refused:
        receipts.asked(asking, b"", hashed)
    assert refused.value.kind == Kind.INVALID


def test_a_service_without_a_key_for_its_promises_does_not_start() -> None:
    settings = Settings.from_environment(
        {f"HARBOURLIGHT_{name}": "00" for name in ("DATABASE_URL", "KAFKA", "SECRET")}
    )
    with pytest.raises(MissingSetting, match="HARBOURLIGHT_PROMISE_KEY"):
        Promiser.load(settings)
