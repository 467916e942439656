"""Wires the remedy service."""

from pathlib import Path

from harbourlight import formats
from harbourlight.remedy.v1 import remedy_pb2, remedy_pb2_grpc
from services.remedy import consumers
from services.remedy.api import RemedyApi
from services.remedy.handlers import Handlers
from shared.database import Database
from shared.service import Parts, run
from shared.settings import Settings
from shared.signed_tokens import SignedTokens


def build(settings: Settings, database: Database) -> Parts:
    """The service's parts over its database."""
    handlers = Handlers(database, SignedTokens(settings.secret))
    api = RemedyApi(handlers, database.wakeups)
    name = remedy_pb2.DESCRIPTOR.services_by_name["RemedyService"].full_name
    return Parts(
        api=[(name, lambda s: remedy_pb2_grpc.add_RemedyServiceServicer_to_server(api, s))],
        subscriptions=[consumers.SUBSCRIPTION],
    )


if __name__ == "__main__":
    run("remedy", Path(__file__).parent / "migrations", formats.CHECKS, build)
