"""What a receipt is of, and that it is the same whenever it is asked for."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

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
from shared.erasure import Erased, ErasureKey
from shared.errors import Kind, Refusal
from shared.outbox import Outgoing
from shared.receipts import Lodged, Promiser, Receipt, Receipts
from shared.settings import MissingSetting, Settings

KEY = CaseKey.generate()
PROMISER = Promiser(
    "harbourlight.test", SignerKey.of("harbourlight.test/reporting", bytes(range(32)))
)
SUBMIT = "/harbourlight.reporting.v1.ReportingService/SubmitReport"
NOW = datetime(2026, 11, 24, 10, 0, 0, 1, tzinfo=UTC)
OPENING = Opening(bytes(32), KEY.public_bytes, bytes(32))
thirty_two = st.binary(min_size=32, max_size=32)
openings = st.builds(Opening, thirty_two, thirty_two, thirty_two)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
times = st.integers(0, 7 * 10**15).map(lambda micros: EPOCH + timedelta(microseconds=micros))


def emitted(time: datetime) -> list[Outgoing]:
    return [
        Outgoing(events.ReportFiled(handle=KEY.handle), KEY.handle, time),
        Outgoing(events.ReportAmended(handle=KEY.handle), KEY.handle, time),
    ]


class Keys:
    """A key store with one key, or with none any more."""

    def __init__(self) -> None:
        self.key: ErasureKey | None = ErasureKey(uuid4(), bytes(range(32)))

    async def of(self, connection: Any, subject: str) -> ErasureKey:
        if self.key is None:
            raise Erased
        return self.key

    find = of


RECEIPTS = Receipts(Keys(), PROMISER)  # type: ignore[arg-type]


def lodge(time: datetime, opening: Opening, keys: Keys) -> tuple[Lodged, list[Outgoing]]:
    found = Receipts(keys, PROMISER)  # type: ignore[arg-type]
    return asyncio.run(found.lodge(object(), emitted(time), opening))  # type: ignore[arg-type]


def opened(lodged: Lodged, keys: Keys, **changed: Any) -> list[Receipt]:
    """What is read of its row."""
    row = dict(zip(receipts.COLUMNS.split(", "), lodged.columns, strict=True)) | changed
    found = Receipts(keys, PROMISER)  # type: ignore[arg-type]
    return asyncio.run(found.opened(None, [row]))  # type: ignore[arg-type, list-item]


@given(times, openings)
def test_the_first_event_carries_the_commitment_to_the_receipts_text(
    time: datetime, opening: Opening
) -> None:
    lodged, (first, second) = lodge(time, opening, Keys())
    text = lodged.receipt.text
    assert ReceiptText.parse(str(text)) == text
    assert (first.commitment, first.event_id) == (text.commitment, text.event_id)
    assert (second.commitment, second.event_id) == (None, None)
    assert (text.time, text.salt) == (time, opening.salt)
    assert (text.handle, text.event_type) == (KEY.handle, "harbourlight.reporting.v1.ReportFiled")


@given(times, openings)
def test_a_receipt_from_its_row_is_the_same_to_the_byte(time: datetime, opening: Opening) -> None:
    keys = Keys()
    lodged, _ = lodge(time, opening, keys)
    (again,) = opened(lodged, keys)
    assert again == lodged.receipt
    assert PROMISER.promise(again) == PROMISER.promise(lodged.receipt)


def test_without_the_key_of_the_case_there_is_no_receipt() -> None:
    keys = Keys()
    lodged, _ = lodge(NOW, OPENING, keys)
    keys.key = None
    assert opened(lodged, keys) == []
    with pytest.raises(Refusal, match="erased"):
        lodge(NOW, OPENING, keys)


def test_what_is_kept_of_one_receipt_opens_no_other() -> None:
    keys = Keys()
    lodged, _ = lodge(NOW, OPENING, keys)
    with pytest.raises(ValueError, match="was not wrapped there"):
        opened(lodged, keys, event_id=uuid4())


@given(times, openings, openings)
def test_no_other_key_nonce_or_request_has_that_commitment(
    time: datetime, opening: Opening, other: Opening
) -> None:
    lodged, (first, *_) = lodge(time, opening, Keys())
    commitment = Receipt.of(first, other).text.commitment
    assert (commitment == lodged.receipt.text.commitment) == (other == opening)


@given(times)
def test_an_id_is_a_uuid_of_its_time(time: datetime) -> None:
    drawn = UUID(receipts.new_event_id(time))
    assert (drawn.version, drawn.variant) == (7, "specified in RFC 4122")
    assert drawn.int >> 80 == (time - EPOCH) // timedelta(milliseconds=1)
    assert drawn != UUID(receipts.new_event_id(time))
    later = UUID(receipts.new_event_id(time + timedelta(microseconds=1)))
    assert later.int >> 64 > drawn.int >> 64


def test_the_promise_is_added_to_the_answer_and_ends_a_minute_after_the_event() -> None:
    receipt = lodge(NOW, OPENING, Keys())[0].receipt
    recorded = pb.SubmitReportResponse(case=pb.Case(handle=KEY.handle, etag="1"))
    given = RECEIPTS.added(SUBMIT, recorded.SerializeToString(), receipt)
    answer = pb.SubmitReportResponse.FromString(given)
    assert answer.case == recorded.case
    assert answer.receipt.text == str(receipt.text)
    promise = open_promise(answer.receipt.promise, [PROMISER.key.verifier])
    assert promise.commitment == receipt.text.commitment
    assert promise.include_by == datetime(2026, 11, 24, 10, 1, 1, tzinfo=UTC)


def test_a_service_that_promises_nothing_gives_the_text_alone() -> None:
    receipt = lodge(NOW, OPENING, Keys())[0].receipt
    bare = Receipts(Keys())  # type: ignore[arg-type]
    answer = pb.SubmitReportResponse.FromString(bare.added(SUBMIT, b"", receipt))
    assert (answer.receipt.text, answer.receipt.promise) == (str(receipt.text), "")


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
