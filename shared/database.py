"""PostgreSQL: the pool, and transactions that are tried again when that is safe."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import asyncpg

from shared.wakeups import Wakeups

T = TypeVar("T")
Connection = asyncpg.pool.PoolConnectionProxy
PATIENCE_SECONDS = 5.0

_PASSING = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # What asyncpg says where a connection ends between two steps of a query.
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.TooManyConnectionsError,
    OSError,
)


def is_passing(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is tried again.

    It left nothing behind, or its COMMIT went through unheard: then the second try meets what it
    left (a recorded answer, a mark, a newer revision) and does nothing twice.
    """
    # A value that cannot be sent is a ValueError of asyncpg's interface, and stays as it is.
    return isinstance(error, _PASSING) and not isinstance(error, ValueError)


class Conflict(asyncpg.SerializationError):
    """Another transaction wrote the same record first; read again and decide again."""


async def _keep_session(_: Any) -> None:
    """asyncpg resets a released connection with a round trip; no code here changes a session."""


class Database:
    """A service's own schema."""

    def __init__(self, pool: asyncpg.Pool, wakeups: Wakeups) -> None:
        self._pool = pool
        self.wakeups = wakeups

    @classmethod
    async def connect(
        cls, url: str, wakeups: Wakeups, *, size: int = 16, idle: int = 2
    ) -> "Database":
        """A pool of `idle` to `size` connections. Raises OSError or asyncpg errors if refused."""
        pool = await asyncpg.create_pool(
            url,
            min_size=idle,
            max_size=size,
            reset=_keep_session,
            # Every query here is short: compiling one would take longer than running it.
            server_settings={"jit": "off"},
        )
        return cls(pool, wakeups)

    async def close(self) -> None:
        """Waits for what is under way."""
        await self._pool.close()

    async def transaction(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """The result of `work`, run in one transaction and committed.

        Tried again with back-off for at most PATIENCE_SECONDS where the database asks for it,
        each time from the start and outside any earlier transaction. A commit wakes whoever
        waits for changes of this service.
        """

        async def transact(connection: Connection) -> T:
            async with connection.transaction():
                return await work(connection)

        return await self._persist(transact)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """The one value of a statement that writes, and is a transaction by itself.

        One round trip instead of three; tried again as `transaction` is.
        """
        return await self._persist(lambda connection: connection.fetchval(query, *arguments))

    async def _persist(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        pause = 0.005
        while True:
            try:
                async with self._pool.acquire() as connection:
                    result = await work(connection)
            except Exception as error:
                if not is_passing(error):
                    raise
                if asyncio.get_running_loop().time() + pause > deadline:
                    raise
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # jitter
                pause = min(pause * 2, 1.0)
            else:
                self.wakeups.committed()
                return result

    async def reading(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """The result of `work`, which reads several things as of one moment and wakes nobody."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await work(connection)

    async def execute(self, query: str, *arguments: Any) -> str:
        """Runs one statement that is a transaction of its own; what the server says it did."""
        async with self._alone() as connection:
            return str(await connection.execute(query, *arguments))

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows of a read outside any transaction."""
        async with self._alone() as connection:
            return list(await connection.fetch(query, *arguments))

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row of a read outside any transaction."""
        async with self._alone() as connection:
            return await connection.fetchrow(query, *arguments)

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[Connection]:
        """A connection for one statement outside any transaction."""
        async with self._pool.acquire() as connection:
            try:
                yield connection
            except BaseException:
                await _settle(connection)
                raise


async def _settle(connection: Connection) -> None:
    """Ends what a statement has begun that was prepared and not run: given up, or a bad value.

    asyncpg 0.32 prepares without ending the server's implicit transaction, and does not know of it:
    who used the connection next would be in the middle of one.
    """
    try:
        if not connection.is_closed():
            await asyncio.shield(connection.execute("SELECT"))
    except BaseException:
        connection.terminate()
        raise
