"""A restored backup, a lost memory, a changed entry: the ledger notices and signs nothing more."""

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import asyncpg
import pytest

from deploy.embedded.health import is_serving
from harbourlight import errors
from harbourlight.proofs.checkpoints import open_checkpoint
from services.ledger.handlers import Halted
from tests.integration import logs
from tests.integration.installation import Installation, Process
from tests.integration.logs import RECEIPTS
from tests.integration.waiting import eventually

HALTED = "is halted and signs nothing"


async def is_healthy(installation: Installation) -> bool:
    endpoints = installation.endpoints()
    return await is_serving(endpoints.services["ledger"], endpoints.ca)


class Backup:
    """A copy of an installation's database."""

    def __init__(self, installation: Installation, name: str = "copy") -> None:
        self._installation = installation
        self._copy = f"{installation.name}_{name}"

    async def take(self) -> None:
        """The services are stopped."""
        await self._run(f"CREATE DATABASE {self._copy} TEMPLATE {self._installation.name}")

    async def restore(self) -> None:
        """In place of what is there now; the copy stays."""
        name = self._installation.name
        await self._run(f"DROP DATABASE {name} WITH (FORCE)")
        await self._run(f"CREATE DATABASE {name} TEMPLATE {self._copy}")
        # Settings of a role within a database are not in the copy.
        await self._installation.stack.provision(database=name, prefix=self._installation.prefix)

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(self._installation.stack.admin_database_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


async def _grown(installation: Installation, *sizes: int) -> None:
    """Signs a tree of each of these sizes, and stops."""
    process = await logs.serve(installation)
    async with logs.client(installation) as ledger:
        for size in sizes:
            await logs.add(installation, logs.entries(size - await logs.size(installation)))
            await logs.reached(ledger, installation, size)
    await process.stop()


async def _refuses(installation: Installation, size: int, **settings: str) -> Process:
    """It starts, says why it signs nothing, is not healthy, and still shows what is there."""
    process = await logs.serve(installation, **settings)
    await process.said(HALTED)

    async def is_down() -> bool:
        return not await is_healthy(installation)

    await eventually(is_down)
    async with logs.client(installation) as ledger:
        assert (await logs.checkpoint(ledger, installation)).size == size
        await asyncio.sleep(2.5)
        assert (await logs.checkpoint(ledger, installation)).size == size
    with pytest.raises(Halted):
        await logs.add(installation, logs.entries(1))
    return process


async def test_a_restored_backup_is_noticed_and_the_newest_database_goes_on(
    installation: Installation,
) -> None:
    await _grown(installation, 5)
    old, new = Backup(installation, "old"), Backup(installation, "new")
    await old.take()
    await _grown(installation, 9)
    await new.take()
    await old.restore()
    process = await _refuses(installation, 5)
    assert process.says("the database has 5 entries")
    assert process.says("and 9 were signed")
    await process.stop()
    # Halted is what it stays, whoever starts it next.
    await (await _refuses(installation, 5)).stop()
    await new.restore()
    await _grown(installation, 12)


async def test_a_restored_backup_that_has_grown_since_is_noticed(
    installation: Installation,
) -> None:
    await _grown(installation, 5)
    backup = Backup(installation)
    await backup.take()
    await _grown(installation, 9)
    await backup.restore()
    await logs.add(installation, logs.entries(20))
    process = await _refuses(installation, 5)
    assert process.says("are not the 9 that were signed")


async def test_a_lost_memory_is_no_fresh_start(installation: Installation) -> None:
    await _grown(installation, 5)
    remembered = logs.anchor(installation).read_text()
    logs.anchor(installation).unlink()
    process = await _refuses(installation, 5)
    assert process.says("put the newest checkpoint there")
    await process.stop()
    logs.anchor(installation).write_text("damaged")
    await installation.ask("UPDATE ledger.log SET conflict = NULL RETURNING 1")
    await (await _refuses(installation, 5)).stop()
    logs.anchor(installation).write_text(remembered)
    await installation.ask("UPDATE ledger.log SET conflict = NULL RETURNING 1")
    await _grown(installation, 6)


async def test_a_changed_entry_is_noticed_before_anything_more_is_signed(
    installation: Installation,
) -> None:
    await _grown(installation, 5)
    await installation.ask(
        "UPDATE ledger.entry SET leaf = sha256('forged') WHERE log = 1 AND index = 4 RETURNING 1"
    )
    process = await _refuses(installation, 5)
    assert process.says("are not the 5 that were signed")


async def _both_restored(installation: Installation) -> str:
    """Database and memory of an earlier day; the newest checkpoint, which a witness has."""
    await _grown(installation, 5)
    backup, remembered = Backup(installation), logs.anchor(installation).read_text()
    await backup.take()
    await _grown(installation, 9)
    newest = logs.anchor(installation).read_text()
    await backup.restore()
    logs.anchor(installation).write_text(remembered)
    return newest


async def test_a_witness_that_knows_more_halts_it(installation: Installation) -> None:
    newest = await _both_restored(installation)
    process = await logs.serve(installation)
    async with logs.client(installation) as anybody:
        await logs.reached(anybody, installation, 5)
        with pytest.raises(errors.WrongState, match="contradicts the log, which is halted"):
            await anybody.add_cosignature(RECEIPTS, newest)
        with pytest.raises(Halted):
            await logs.add(installation, logs.entries(1))
    await process.stop()
    await _refuses(installation, 5)


@contextlib.contextmanager
def told(origin: str, checkpoint: str) -> Iterator[str]:
    """Address of a witness that tells what it saw, as C2SP's tlog-witness has it."""
    path = f"/w/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == path else 404)
            self.end_headers()
            self.wfile.write(checkpoint.encode() if self.path == path else b"")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/w"
    finally:
        server.shutdown()
        server.server_close()


async def test_it_asks_the_witnesses_that_can_be_asked(
    installation: Installation, tmp_path: Path
) -> None:
    newest = await _both_restored(installation)
    log = logs.key(installation).verifier
    assert open_checkpoint(newest, log).checkpoint.size == 9
    with told(log.name, newest) as url:
        file = tmp_path / "witnesses"
        file.write_text(f"# ours\n{logs.witness_key(installation).verifier} {url}\n")
        await _refuses(installation, 5, HARBOURLIGHT_WITNESSES=str(file))
