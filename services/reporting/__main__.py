"""Wires the reporting service."""

from pathlib import Path

from harbourlight import formats
from harbourlight.reporting.v1 import reporting_pb2, reporting_pb2_grpc
from services.reporting import consumers
from services.reporting.api import ReportingApi
from services.reporting.handlers import Handlers
from shared.database import Database
from shared.erasure import SCRUB_SECONDS, KeyStore
from shared.receipts import Promiser, Receipts
from shared.service import Parts, Timer, run
from shared.settings import Settings
from shared.signed_tokens import SignedTokens

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings, database: Database) -> Parts:
    """The service's parts over its database."""
    keys = KeyStore(settings.keystore_url)
    receipts = Receipts(keys, Promiser.load(settings))
    handlers = Handlers(database, receipts, SignedTokens(settings.secret))
    api = ReportingApi(handlers, database.wakeups)
    name = reporting_pb2.DESCRIPTOR.services_by_name["ReportingService"].full_name
    return Parts(
        api=[
            (name, lambda s: reporting_pb2_grpc.add_ReportingServiceServicer_to_server(api, s)),
        ],
        subscriptions=[consumers.SUBSCRIPTION],
        timers=[Timer(5.0, handlers.lapse_markers), Timer(SCRUB_SECONDS, keys.scrub)],
        resources=[keys],
    )


if __name__ == "__main__":
    run("reporting", MIGRATIONS, formats.CHECKS, build, keystore=True)
