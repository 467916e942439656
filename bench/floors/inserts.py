"""Floor of intake: a gRPC handler with one `asyncpg` insert."""

import asyncio
from typing import Any

import asyncpg
import grpc
import uvloop

from bench import tasks


async def _keep_session(_: Any) -> None:
    """A released connection is not reset, which would be a round trip."""


class _Insert(grpc.GenericRpcHandler):
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    def service(self, _: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(self._insert)

    async def _insert(self, request: bytes, _: grpc.aio.ServicerContext) -> bytes:
        await self._pool.execute("INSERT INTO bare (body) VALUES ($1)", request)
        return request


async def _run(given: dict[str, Any]) -> None:
    pool = await asyncpg.create_pool(
        given["database_url"], min_size=2, max_size=16, reset=_keep_session
    )
    await pool.execute(
        "CREATE TABLE IF NOT EXISTS bare"
        " (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL)"
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([_Insert(pool)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    tasks.ready(f"127.0.0.1:{port}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_run(tasks.arguments()))
