"""Wires the triage service."""

from pathlib import Path
from typing import Any

from harbourlight import formats
from harbourlight.triage.v1 import (
    triage_pb2,
    triage_pb2_grpc,
    unsealing_pb2,
    unsealing_pb2_grpc,
)
from services.triage import consumers
from services.triage.api import TriageApi, UnsealingApi
from services.triage.handlers import Handlers
from services.triage.queue import Queue
from services.triage.unsealing import Unsealings
from shared.database import Database
from shared.erasure import SCRUB_SECONDS, KeyStore
from shared.receipts import Receipts
from shared.service import Parts, Timer, run
from shared.settings import Settings
from shared.signed_tokens import SignedTokens


def build(settings: Settings, database: Database) -> Parts:
    """The service's parts over its database."""
    keys = KeyStore(settings.keystore_url)
    handlers = Handlers(database, Receipts(keys))
    tokens = SignedTokens(settings.secret)
    api = TriageApi(handlers, Queue(database, tokens), database.wakeups)
    name = triage_pb2.DESCRIPTOR.services_by_name["TriageService"].full_name
    unsealing = UnsealingApi(Unsealings(database, tokens, keys))
    unsealing_name = unsealing_pb2.DESCRIPTOR.services_by_name["UnsealingService"].full_name
    add_unsealing: Any = unsealing_pb2_grpc.add_UnsealingServiceServicer_to_server
    return Parts(
        api=[
            (name, lambda s: triage_pb2_grpc.add_TriageServiceServicer_to_server(api, s)),
            (unsealing_name, lambda s: add_unsealing(unsealing, s)),
        ],
        subscriptions=[consumers.subscription(keys)],
        timers=[Timer(5.0, handlers.sweep), Timer(SCRUB_SECONDS, keys.scrub)],
        resources=[keys],
    )


if __name__ == "__main__":
    run("triage", Path(__file__).parent / "migrations", formats.CHECKS, build, keystore=True)
