"""What the notification service listens to.

Acknowledgement: after the transaction that took the batch in (shared.consumer). The sources are
read by the router (services.notification.router), which sends what each audience may see.
"""

from collections.abc import Mapping

from harbourlight.notification.v1 import events_pb2
from services.notification.handlers import Notifier
from shared.consumer import Subscription

REACTIONS: Mapping[type, type[Notifier]] = {events_pb2.EventRouted: Notifier}


def subscription(secret: bytes) -> Subscription:
    """The routed events, with pseudonyms under `secret`."""
    return Subscription.of("notification", REACTIONS, lambda _: Notifier(secret))
