"""Wires the ledger."""

from pathlib import Path

from harbourlight import formats
from harbourlight.ledger.v1 import ledger_pb2, ledger_pb2_grpc
from services.ledger import consumers, signer
from services.ledger.api import LedgerApi
from services.ledger.handlers import Handlers
from services.ledger.settings import LedgerSettings
from shared.database import Database
from shared.service import Parts, run
from shared.settings import Settings
from shared.signed_tokens import SignedTokens


def build(settings: Settings, database: Database) -> Parts:
    """The service's parts over its database."""
    own = LedgerSettings.from_environment(settings.origin)
    floors = signer.floors(own)
    keys = {number: key.verifier for number, key in own.keys.items()}
    handlers = Handlers(database, keys, [one.key for one in own.witnesses], floors)
    api = LedgerApi(handlers, SignedTokens(settings.secret))
    name = ledger_pb2.DESCRIPTOR.services_by_name["LedgerService"].full_name
    return Parts(
        api=[(name, lambda s: ledger_pb2_grpc.add_LedgerServiceServicer_to_server(api, s))],
        subscriptions=[consumers.subscription(floors)],
        resources=[signer.Signer(own, settings.database_url, database.wakeups, floors)],
        is_healthy=handlers.is_healthy,
    )


if __name__ == "__main__":
    run("ledger", Path(__file__).parent / "migrations", formats.CHECKS, build)
