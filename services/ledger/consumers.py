"""What the ledger listens to: every event that may carry the commitment of a receipt.

Acknowledgement: after the transaction that took the batch in (shared.consumer).
"""

from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.reporting.v1 import events_pb2 as reporting
from harbourlight.triage.v1 import events_pb2 as triage
from services.ledger.handlers import Collector, Floors
from shared import contract
from shared.consumer import Subscription

TOPICS = tuple(sorted({kind.topic for kind in contract.event_types(reporting, triage, remedy)}))


def subscription(floors: Floors) -> Subscription:
    """All events; those without a commitment pass."""
    return Subscription("ledger", TOPICS, lambda: Collector(floors))
