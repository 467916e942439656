"""Wires the reporting service."""

from pathlib import Path
from typing import Any

from harbourlight import formats
from harbourlight.reporting.v1 import (
    content_pb2,
    content_pb2_grpc,
    evidence_pb2,
    evidence_pb2_grpc,
    reporting_pb2,
    reporting_pb2_grpc,
)
from services.reporting import consumers
from services.reporting.api import ContentApi, ReportingApi
from services.reporting.contents import Contents
from services.reporting.evidence.api import EvidenceApi
from services.reporting.evidence.handlers import Evidences
from services.reporting.handlers import Handlers
from services.reporting.sealing import Sealing
from shared import blobs
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
    tokens = SignedTokens(settings.secret)
    sealing = Sealing(keys)
    handlers = Handlers(database, receipts, tokens, sealing)
    kept = blobs.at(settings.blobs, database)
    evidences = Evidences(database, keys, sealing, kept, tokens)
    contents = Contents(database, keys, receipts, tokens, sealing, evidences.erase)
    api = ReportingApi(handlers, database.wakeups)
    content_api = ContentApi(contents, database.wakeups)
    name = reporting_pb2.DESCRIPTOR.services_by_name["ReportingService"].full_name
    content = content_pb2.DESCRIPTOR.services_by_name["ContentService"].full_name
    evidence = evidence_pb2.DESCRIPTOR.services_by_name["EvidenceService"].full_name
    add_evidence: Any = evidence_pb2_grpc.add_EvidenceServiceServicer_to_server
    evidence_api = EvidenceApi(evidences)
    add_content: Any = content_pb2_grpc.add_ContentServiceServicer_to_server
    return Parts(
        api=[
            (name, lambda s: reporting_pb2_grpc.add_ReportingServiceServicer_to_server(api, s)),
            (content, lambda s: add_content(content_api, s)),
            (evidence, lambda s: add_evidence(evidence_api, s)),
        ],
        subscriptions=[consumers.SUBSCRIPTION],
        timers=[
            Timer(5.0, handlers.lapse_markers),
            Timer(60.0, handlers.review_retention),
            Timer(SCRUB_SECONDS, keys.scrub),
        ],
        resources=[keys],
    )


if __name__ == "__main__":
    run("reporting", MIGRATIONS, formats.CHECKS, build, keystore=True)
