"""A witness against a real ledger: it cosigns, remembers, and says loudly what it must not sign."""

import asyncio
import json
import sys
from pathlib import Path
from typing import NamedTuple

import asyncpg

from deploy.embedded.bootstrap import ROOT
from harbourlight.proofs.checkpoints import open_checkpoint
from harbourlight.proofs.receipts import ReceiptText, verify
from services.ledger.settings import Witness
from services.ledger.witnesses import seen
from tests.integration import logs
from tests.integration.installation import ORIGIN, Installation
from tests.integration.logs import RECEIPTS
from tests.integration.test_ledger_restored import Backup


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    output: str
    errors: str


class Ngo:
    """Who runs a witness: its folder, and the command line in it."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self._folder = folder
        endpoints = installation.endpoints()
        content = {
            "origin": ORIGIN,
            "services": dict(endpoints.services),
            "ca": str(endpoints.ca) if endpoints.ca else None,
        }
        (folder / "endpoints.json").write_text(json.dumps(content))
        (folder / "witness.key").write_text(logs.witness_key(installation).write())
        for name in ("receipts", "directory"):
            key = logs.key(installation, name).verifier
            (folder / f"{name}.vkey").write_text(str(key))

    @property
    def seen(self) -> Path:
        """What the witness remembers."""
        return self._folder / "witness.key.seen"

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """`harbourlight witness` with these."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "harbourlight", "witness"),
            *("--endpoints", "endpoints.json", "--key", "witness.key"),
            *("--log-key", "receipts.vkey", "--log-key", "directory.vkey", *arguments),
            cwd=self._folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        )

    async def look_once(self) -> Ran:
        """One look, to its end."""
        process = await self.start("--once")
        output, errors = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return Ran(process.returncode, output.decode(), errors.decode())


async def test_a_receipt_that_a_witness_saw_says_since_when(
    installation: Installation, tmp_path: Path
) -> None:
    await logs.serve(installation)
    ngo = Ngo(installation, tmp_path)
    text = ReceiptText.parse(
        "harbourlight.receipt.v1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
        "HL-00000000000000000\nan-id\na.Type\n2026-01-02T03:04:05.000006Z\n"
    )
    async with logs.client(installation) as ledger:
        await logs.reached(ledger, installation, 0)
        first = await ngo.look_once()
        assert first.code == 0, first.errors
        assert first.output == f"{ORIGIN}/receipts: cosigned 0 entries\n" + (
            f"{ORIGIN}/directory: cosigned 0 entries\n"
        )
        await logs.add(installation, [*logs.entries(4), text.commitment])
        await logs.reached(ledger, installation, 5)
        unseen = verify(
            (await ledger.get_receipt(text.commitment)).proof,
            logs.policy(installation),
            text=str(text),
        )
        assert unseen.verdict.startswith("UNWITNESSED")
        assert (await ngo.look_once()).output == f"{ORIGIN}/receipts: cosigned 5 entries\n"
        found = verify(
            (await ledger.get_receipt(text.commitment)).proof,
            logs.policy(installation),
            text=str(text),
        )
        assert found.is_witnessed
        assert "seen by 1 witness" in found.verdict
        served = (await ledger.get_checkpoint(RECEIPTS, witnesses=1)).checkpoint
        assert open_checkpoint(served, logs.key(installation).verifier).checkpoint.size == 5


async def test_a_witness_that_was_killed_goes_on_and_one_works_at_a_time(
    installation: Installation, tmp_path: Path
) -> None:
    await logs.serve(installation)
    ngo = Ngo(installation, tmp_path)
    async with logs.client(installation) as ledger:
        size = 0
        for _ in range(3):
            running = await ngo.start("--every", "0.1")
            assert running.stdout
            size += 3
            await logs.add(installation, logs.entries(3))
            await logs.reached(ledger, installation, size)
            expected = f"{ORIGIN}/receipts: cosigned {size} entries\n"
            async with asyncio.timeout(60):
                while (await running.stdout.readline()).decode() != expected:
                    pass
            second = await ngo.look_once()
            assert second.code == 2
            assert "another witness is at work" in second.errors
            running.kill()
            await running.wait()
    assert (await ngo.look_once()).code == 0


async def test_a_log_that_forgot_or_forked_is_called_out(
    installation: Installation, tmp_path: Path
) -> None:
    process = await logs.serve(installation)
    ngo, backup = Ngo(installation, tmp_path), Backup(installation)
    async with logs.client(installation) as ledger:
        await logs.add(installation, logs.entries(5))
        await logs.reached(ledger, installation, 5)
    await process.stop()
    remembered = logs.anchor(installation).read_text()
    await backup.take()
    process = await logs.serve(installation)
    async with logs.client(installation) as ledger:
        await logs.add(installation, logs.entries(4))
        await logs.reached(ledger, installation, 9)
        assert (await ngo.look_once()).code == 0
    await process.stop()
    before = ngo.seen.read_text()

    # An operator who restores everything that the platform has, and goes on from there.
    await backup.restore()
    logs.anchor(installation).write_text(remembered)
    await _forget_the_witness(installation)
    await logs.serve(installation)
    async with logs.client(installation) as ledger:
        await logs.reached(ledger, installation, 5)
        await logs.add(installation, logs.entries(7))
        await logs.reached(ledger, installation, 12)
        forked = await ngo.look_once()
        assert forked.code == 6
        assert f"THE LOG {ORIGIN}/receipts CONTRADICTS ITSELF" in forked.errors
        assert "has stopped signing" in forked.errors
        assert "cosigned" not in forked.output.replace("directory", "")
        # It signs nothing, however often it is asked, and remembers what it saw.
        assert (await ngo.look_once()).code == 6
        assert ngo.seen.read_text() == before
        evidence = json.loads((tmp_path / "witness.key.seen.receipts.evidence").read_text())
        log = logs.key(installation).verifier
        shown = [open_checkpoint(evidence[name], log).checkpoint for name in ("seen", "shown")]
        assert [one.size for one in shown] == [9, 12]
        # The log was shown its own word and is halted: this is as far as it came.
        await asyncio.sleep(1.5)
        assert (await logs.checkpoint(ledger, installation)).size == 12


async def _forget_the_witness(installation: Installation) -> None:
    """As if the backup had been taken before the witness came."""
    connection = await asyncpg.connect(installation.database_url("ledger"))
    try:
        await connection.execute("DELETE FROM cosignature")
    finally:
        await connection.close()


async def test_it_tells_what_it_saw(installation: Installation, tmp_path: Path) -> None:
    await logs.serve(installation)
    ngo = Ngo(installation, tmp_path)
    async with logs.client(installation) as ledger:
        await logs.add(installation, logs.entries(2))
        await logs.reached(ledger, installation, 2)
    running = await ngo.start("--listen", "127.0.0.1:0")
    assert running.stderr
    assert running.stdout
    port = (await running.stderr.readline()).decode().split()[3]
    assert b"cosigned 2 entries" in await running.stdout.readline()
    # The ledger asks there when it starts; here it is what the ledger's own code gets.
    key = logs.witness_key(installation).verifier
    asked = Witness(key, f"http://127.0.0.1:{port}")
    (found,) = await seen([asked], logs.key(installation).verifier)
    assert found.size == 2
    running.terminate()
    await running.wait()
    assert await seen([asked], logs.key(installation).verifier) == []
