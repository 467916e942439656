"""Remedy events as they arrive, and what a transaction would write."""

from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message

from harbourlight.notification.v1 import events_pb2
from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.types.v1 import types_pb2 as types
from services.notification import router
from services.notification.handlers import Notifier
from shared import cloudevents
from shared.cloudevents import Headers, Incoming

SECRET = b"secret of the notification service"
HANDLE = "HL-SECRETSECRETHERE*"
MOMENT = datetime(2026, 3, 2, 13, 14, 15, 161718, tzinfo=UTC)
SOURCE_ID = "0195d5f0-0000-7000-8000-00000000cafe"
TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
EXACT, AMOUNT = 987_654_321, "734512.25"
ITEM_IDS = ["0195d5f0-0000-7000-8000-000000000001", "0195d5f0-0000-7000-8000-000000000002"]


def item(number: int = 0) -> remedy.RemedyItemFacts:
    """An item with everything that NGOs may know of it, and everything that they may not."""
    return remedy.RemedyItemFacts(
        item_id=ITEM_IDS[number],
        kind=types.REMEDY_KIND_BACK_WAGES,
        indicator=types.INDICATOR_DEBT_BONDAGE,
        state=types.REMEDY_ITEM_STATE_DELIVERED,
        beneficiaries=types.Headcount(exact=EXACT, band="100-499"),
        amount=types.Money(currency_code="EUR", amount=AMOUNT, band="100000-999999"),
        due_date="2027-01-31",
    )


_CASE: dict[str, Any] = {"handle": HANDLE, "country": "MY", "sector": "ISIC_C"}
REMEDY_EVENTS: list[Message] = [
    remedy.RemedyOpened(**_CASE, indicators=[9]),
    remedy.RemedyReopened(**_CASE, indicators=[9]),
    remedy.RemedyPlanProposed(**_CASE, items=[item(0), item(1)]),
    remedy.RemedyPlanAgreed(**_CASE, items=[item(0), item(1)]),
    remedy.RemedyItemStarted(**_CASE, item=item()),
    remedy.RemedyItemDelivered(**_CASE, item=item()),
    remedy.RemedyItemVerified(**_CASE, item=item(), method=1, verifier=2),
    remedy.RemedyItemDisputed(**_CASE, item=item(), reason=1, disputant=2),
    remedy.RemedyItemCancelled(**_CASE, item=item(), reason=1),
    remedy.RemedyClosed(**_CASE, indicators=[9]),
]


def record(event: Message, **changed: Any) -> tuple[str, bytes, Headers]:
    """The event as a record of its source's topic."""
    said: dict[str, Any] = {
        "event_id": SOURCE_ID,
        "source": "/services/remedy",
        "event_type": event.DESCRIPTOR.full_name,
        "subject": HANDLE,
        "sequence": 41,
        "time": MOMENT,
        "traceparent": TRACE,
    }
    headers = cloudevents.headers(**(said | changed))
    return "remedy.events.v1", event.SerializeToString(), headers


def routed(event: Message, **changed: Any) -> Incoming:
    """The event as the router sent it on."""
    topic, _, value, headers = router.prepare(*record(event, **changed))
    return cloudevents.decode(topic, value, headers)


class Written:
    """Stands for a connection: takes the rows down, and counts feed numbers from 100."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, tuple[Any, ...]]] = []

    async def execute(self, query: str, *arguments: Any) -> str:
        self.statements.append((query, arguments))
        return "INSERT"

    async def executemany(self, query: str, rows: list[tuple[Any, ...]]) -> None:
        self.statements.append((query, tuple(zip(*rows, strict=True))))

    async def fetchval(self, query: str, *arguments: Any) -> int:
        self.statements.append((query, arguments))
        return 99 + int(arguments[0])

    def columns(self, table: str) -> tuple[Any, ...]:
        """The columns that were written into the table."""
        found = [args for query, args in self.statements if f"INSERT INTO {table} " in query]
        return found[0] if found else ()


async def noted(*events: Incoming) -> Written:
    """What one batch of these events writes."""
    written = Written()
    notifier = Notifier(SECRET)
    await notifier.load(written, [])  # type: ignore[arg-type]
    for event in events:
        notifier.react(event)
    await notifier.save(written)  # type: ignore[arg-type]
    return written


def feed_event(value: bytes) -> events_pb2.RemedyFeedEvent:
    """An event of the feed from its bytes."""
    return events_pb2.RemedyFeedEvent.FromString(value)
