"""Wires the notification service."""

from pathlib import Path
from typing import Any

from harbourlight import formats
from harbourlight.notification.v1 import notification_pb2, notification_pb2_grpc
from harbourlight.remedy.v1 import events_pb2 as remedy
from harbourlight.reporting.v1 import events_pb2 as reporting
from harbourlight.triage.v1 import events_pb2 as triage
from services.notification import consumers
from services.notification.api import NotificationApi
from services.notification.feed import Feed
from services.notification.handlers import Notices
from shared.database import Database
from shared.service import Parts, run
from shared.settings import Settings
from shared.signed_tokens import SignedTokens

# Loaded so that notices and the feed can open the events that they carry.
SOURCES = (reporting, triage, remedy)


def build(settings: Settings, database: Database) -> Parts:
    """The service's parts over its database."""
    feed = Feed(database, settings.secret)
    tokens = SignedTokens(settings.secret)
    api = NotificationApi(Notices(database), feed, tokens, database.wakeups)
    name = notification_pb2.DESCRIPTOR.services_by_name["NotificationService"].full_name
    add: Any = notification_pb2_grpc.add_NotificationServiceServicer_to_server
    return Parts(
        api=[(name, lambda server: add(api, server))],
        subscriptions=[consumers.subscription(settings.secret)],
    )


if __name__ == "__main__":
    run("notification", Path(__file__).parent / "migrations", formats.CHECKS, build)
