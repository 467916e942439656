"""An S3 server in a process of its own."""

import asyncio
import contextlib
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.embedded.folder import Folder
from deploy.embedded.processes import launcher
from tests.integration.waiting import eventually

BUCKET = "evidence"


@contextlib.asynccontextmanager
async def bucket(folder: Path) -> AsyncIterator[str]:
    """URL of an empty bucket, with the environment that reaches it set meanwhile."""
    address = f"http://127.0.0.1:{Folder(folder).port('s3')}"
    settings = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch, (folder / "s3.log").open("wb") as log:
        for name, value in settings.items():
            patch.setenv(name, value)
        server = await asyncio.create_subprocess_exec(
            *launcher(signal.SIGKILL),
            *(sys.executable, "-m", "moto.server", "-H", "127.0.0.1"),
            *("-p", address.rpartition(":")[2]),
            stdout=log,
            stderr=log,
            env=dict(os.environ),
        )

        async def is_made() -> bool:
            return await asyncio.to_thread(_make, f"{address}/{BUCKET}")

        try:
            await eventually(is_made)
            yield f"s3://{BUCKET}/parts"
        finally:
            server.kill()
            await server.wait()


def _make(url: str) -> bool:
    scope = "Credential=tests/20260101/us-east-1/s3/aws4_request"
    request = urllib.request.Request(
        url, method="PUT", headers={"Authorization": f"AWS4-HMAC-SHA256 {scope}"}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False
