"""What every test may ask for: a running PostgreSQL and Kafka."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from deploy.embedded.stack import Stack
from tests.integration import servers


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """This worker's access to the servers that all workers of the run share."""
    base = tmp_path_factory.getbasetemp()
    # With several workers each has its own folder inside the run's.
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with servers.joined(run / "servers") as run_servers:
        async with run_servers.stack(base / "stack") as stack:
            yield stack
