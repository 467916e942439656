"""A whole network of its own, and the installed command line as its users run it."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio

from deploy.embedded.stack import Stack

HARBOURLIGHT = Path(sys.executable).parent / "harbourlight"


@dataclass(frozen=True)
class Network:
    """A running stack."""

    stack: Stack
    data: Path

    def run(
        self, *arguments: str, token: str = "", **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Runs `harbourlight` with these arguments."""
        environment = {
            **os.environ,
            "HARBOURLIGHT_ENDPOINTS": str(self.data / "endpoints.json"),
            "COLUMNS": "200",
        }
        if token:
            environment["HARBOURLIGHT_TOKEN"] = token
        options.setdefault("cwd", self.data.parent)
        return subprocess.run(
            [str(HARBOURLIGHT), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **options,
        )

    def json(self, *arguments: str, token: str = "") -> Any:
        """The JSON answer of a command that must succeed."""
        done = self.run(*arguments, "--json", token=token)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def lines(self, *arguments: str, token: str = "") -> list[Any]:
        """What a command that streams printed: one JSON object per line."""
        done = self.run(*arguments, "--json", token=token)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory: Any) -> AsyncIterator[Network]:
    """Started once for the module that uses it."""
    data = tmp_path_factory.mktemp("network") / "data"
    async with Stack(data, fresh=True, publish=data / "endpoints.json") as stack:
        yield Network(stack, data)
