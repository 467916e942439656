"""Each test has an installation of its own, so that tests run beside each other."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.embedded.stack import Stack
from tests.integration.installation import Installation
from tests.integration.waiting import eventually


@pytest.fixture
async def installation(stack: Stack, tmp_path: Path) -> AsyncIterator[Installation]:
    """A database and topics that nothing has used before."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await stack.provision(database=name, prefix=f"{name}.")
    installation = Installation(stack, name, tmp_path)
    await eventually(installation.is_guarded)
    try:
        yield installation
    finally:
        await installation.close()
