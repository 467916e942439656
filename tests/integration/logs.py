"""The ledger of an installation, as its tests see it: files, appends, and what was served."""

import asyncio
import secrets
from pathlib import Path

import asyncpg

from harbourlight import Ledger
from harbourlight.errors import Error
from harbourlight.ledger.v1 import ledger_pb2 as pb
from harbourlight.proofs import merkle
from harbourlight.proofs.checkpoints import Checkpoint, open_checkpoint
from harbourlight.proofs.notes import SignerKey
from harbourlight.proofs.policy import LogPolicy
from services.ledger.handlers import Floors, append
from tests.integration.installation import Installation, Process

RECEIPTS, DIRECTORY = pb.LOG_RECEIPTS, pb.LOG_DIRECTORY
QUIET = {"HARBOURLIGHT_DUMMY_SECONDS": "0"}
"""Settings of a ledger that adds nothing by itself."""


def key(installation: Installation, name: str = "receipts") -> SignerKey:
    """The key of a log."""
    return SignerKey.parse(_file(installation, f"{name.upper()}_KEY").read_text())


def witness_key(installation: Installation) -> SignerKey:
    """The key of the witness that the ledger knows."""
    return SignerKey.parse((_file(installation, "WITNESSES").parent / "witness.key").read_text())


def policy(installation: Installation) -> LogPolicy:
    """Whom a holder of receipts believes."""
    return LogPolicy(key(installation).verifier, (witness_key(installation).verifier,), 1)


def anchor(installation: Installation, name: str = "receipts") -> Path:
    """Where the newest checkpoint of a log is remembered."""
    return _file(installation, "ANCHOR") / f"{name}.checkpoint"


def _file(installation: Installation, setting: str) -> Path:
    return Path(installation.environment("ledger")[f"HARBOURLIGHT_{setting}"])


async def serve(installation: Installation, **settings: str) -> Process:
    """Starts a ledger without entries of its own, and returns when it serves."""
    process = await installation.run("ledger", settings=QUIET | settings)
    await process.said("serving on port")
    return process


def client(installation: Installation, *, patience: float = 30) -> Ledger:
    """Anybody."""
    return Ledger(installation.endpoints(), patience=patience)


def entries(count: int) -> list[bytes]:
    """Commitments that nobody has made before."""
    return [secrets.token_bytes(32) for _ in range(count)]


async def add(installation: Installation, values: list[bytes], log: int = RECEIPTS) -> None:
    """Appends to a log, as the service does."""
    connection = await asyncpg.connect(installation.database_url("ledger"))
    try:
        async with connection.transaction():
            await append(connection, log, values, Floors({}))
            await connection.execute("SELECT pg_notify('ledger', '')")
    finally:
        await connection.close()


async def checkpoint(ledger: Ledger, installation: Installation, log: int = RECEIPTS) -> Checkpoint:
    """The newest checkpoint, with its signature checked."""
    name = "receipts" if log == RECEIPTS else "directory"
    answer = await ledger.get_checkpoint(log)
    return open_checkpoint(answer.checkpoint, key(installation, name).verifier).checkpoint


async def reached(
    ledger: Ledger, installation: Installation, size: int, log: int = RECEIPTS
) -> Checkpoint:
    """The first checkpoint seen that has so many entries."""
    async with asyncio.timeout(60):
        while True:
            try:
                found = await checkpoint(ledger, installation, log)
            except Error:
                found = None
            if found and found.size >= size:
                return found
            await asyncio.sleep(0.02)


async def agree(ledger: Ledger, one: Checkpoint, other: Checkpoint, log: int = RECEIPTS) -> None:
    """Raises BadProof where two checkpoints are not of one tree."""
    old, new = sorted((one, other), key=lambda found: found.size)
    answer = await ledger.get_consistency_proof(log, old.size, new.size)
    hashes = list(answer.hashes) if new.size else []
    merkle.verify_consistency(old.size, old.root, new.size, new.root, hashes)


async def size(installation: Installation) -> int:
    """Entries in the database of the log of receipts, signed or not."""
    ((found,),) = await installation.ask("SELECT size FROM ledger.log WHERE log = 1")
    return int(found)
