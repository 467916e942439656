"""A real server in this process, behind the real doorkeeper, whose methods tell who got in."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor import ServiceDescriptor

from harbourlight import CaseKey, formats
from shared.callers import Callers
from shared.server import Server
from shared.validation import Validator
from tests.contract import everything
from tests.contract.installation import (
    ORIGIN,
    Installation,
    Reached,
    Serve,
    Services,
    key_file,
    servicer,
)


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Puts services behind a doorkeeper, on a free port, until the test ends."""
    jwks = tmp_path / "jwks.json"
    jwks.write_text(key_file())
    async with AsyncExitStack() as stack:

        async def start(services: Services) -> Installation:
            server = Server(Callers(ORIGIN, jwks), Validator(formats.CHECKS))
            await server.start("127.0.0.1:0", services)
            stack.push_async_callback(server.stop, grace=0)
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.port}")
            await stack.enter_async_context(channel)
            return Installation(channel, [], CaseKey.generate())

        yield start


@pytest.fixture
async def installation(serve: Serve) -> Installation:
    """Every service of the contract."""
    reached: list[Reached] = []

    def adder(service: ServiceDescriptor) -> Callable[[grpc.aio.Server], None]:
        add = everything.ADD_TO_SERVER[service.full_name]
        return lambda server: add(servicer(service, reached), server)

    started = await serve([(one.full_name, adder(one)) for one in everything.SERVICES])
    return started._replace(reached=reached)
