"""What companies hold in the end: receipts that prove to anybody when they came forward."""

import asyncio
import contextlib
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from deploy.embedded.bootstrap import ROOT
from deploy.embedded.processes import Child, Program
from examples.demo.parties import PATIENCE_SECONDS, Reporter
from harbourlight import Endpoints, Ledger
from harbourlight.collecting import Standing, collect
from harbourlight.keys.trust import Trust
from harbourlight.proofs.policy import LogPolicy
from harbourlight.proofs.receipts import BadReceipt, verify
from harbourlight.receiptfolder import ReceiptFolder

FOLDER = "receipts"
PROOFS = "*.tlog-proof"
_LONGEST_SECONDS = 75.0
"""For a receipt to be in the ledger (promised within 60 s) and seen by the witness."""


def policy(data: Path) -> LogPolicy:
    """Whom who is shown a receipt believes: the ledger's key, and one witness's."""
    log, witness = (
        (data / f"{name}.vkey").read_text(encoding="ascii") for name in ("ledger", "witness")
    )
    return LogPolicy.of(log, [witness])


@contextlib.asynccontextmanager
async def witness(data: Path, endpoints: Path) -> AsyncIterator[Child]:
    """Somebody else, such as an NGO, who sees to it that the ledger shows everybody the same."""
    keys = (data / "ledger.vkey", data / "directory.vkey")

    async def runs() -> bool:
        return True

    child = Child(
        Program(
            name="witness",
            argv=[
                *(sys.executable, "-m", "harbourlight", "witness"),
                *("--endpoints", str(endpoints), "--every", "1"),
                *("--key", str(data / "ledger" / "witness.key")),
                *(f"--log-key={key}" for key in keys),
            ],
            environment={k: v for k, v in os.environ.items() if not k.startswith("HARBOURLIGHT_")},
            cwd=ROOT,
            log=data / "logs" / "witness.log",
            ready=runs,
        )
    )
    await child.start()
    try:
        yield child
    finally:
        await child.stop()


async def gather(companies: Sequence[Reporter], endpoints: Endpoints, data: Path) -> int:
    """Each company collects its receipts; their proofs go to one folder. How many there are."""
    count = 0
    deadline = time.monotonic() + _LONGEST_SECONDS
    into = data / FOLDER
    into.mkdir()
    async with Ledger(endpoints, patience=PATIENCE_SECONDS) as ledger:
        for company in companies:
            held = await _proven(company.receipts, ledger, endpoints.trusted(), deadline)
            count += len(held)
            for path in held:
                shutil.copy(path, into)
    return count


async def _proven(
    folder: ReceiptFolder, ledger: Ledger, trust: Trust, deadline: float
) -> list[Path]:
    while True:
        held = await collect(folder, folder.all(), ledger, trust.receipts, trust=trust)
        proven = [one.path for one in held if one.path and one.standing == Standing.PROVEN]
        if len(proven) == len(held) or time.monotonic() > deadline:
            return proven
        await asyncio.sleep(0.2)


def proves_coming_forward(data: Path, companies: Sequence[Reporter], reported: int) -> bool:
    """Whether every company can prove each of the `reported` things, with nobody left to ask."""
    try:
        found = [verify(path.read_bytes(), policy(data)) for path in (data / FOLDER).glob(PROOFS)]
    except BadReceipt:
        return False
    lodged = {one.text for company in companies for one in company.receipts.all()}
    return (
        len(found) == reported
        and all(one.is_witnessed for one in found)
        and {one.text for one in found} == lodged
        and {one.text.handle for one in found} == {one.client.handle for one in companies}
    )
