"""The ledger with a million entries: appending a batch, and proving an entry."""

import asyncio
import contextlib
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from statistics import median

import asyncpg

import services.ledger
from bench.figures import Effort, Figure, percentile, turns
from bench.rig import Rig, Room
from harbourlight import Endpoints, Ledger
from harbourlight.ledger.v1 import ledger_pb2 as pb
from services.ledger.handlers import Floors, append
from shared.migrate import SHARED, migrate

ENTRIES = 1_000_000
BATCH = 1_000
_LOAD = 20_000
_PROOFS = 500
Turns = list[list[float]]
_BARE = "INSERT INTO bare SELECT * FROM unnest($1::bigint[], $2::bytea[])"


async def measure(rig: Rig, effort: Effort) -> list[Figure]:
    """Appends against bare inserts, proofs over gRPC against the look-up of one row."""
    room = await rig.room()
    url = rig.stack.environment("ledger", database=room.database, prefix=room.prefix)[
        "HARBOURLIGHT_DATABASE_URL"
    ]
    await migrate(url, SHARED, Path(services.ledger.__file__).parent / "migrations")
    async with _connected(url) as connection:
        await connection.execute("CREATE TABLE bare (id bigint PRIMARY KEY, value bytea NOT NULL)")
        begun = time.monotonic()
        count = effort.of(ENTRIES)
        for _ in range(0, count, _LOAD):
            await _append(connection, _LOAD)
        loaded = count / (time.monotonic() - begun)
        floors, values = await turns(
            Effort(effort.seconds / 2, effort.size),
            lambda: _timed(lambda: _insert(connection), 10),
            lambda: _timed(lambda: _append(connection, BATCH), 10),
        )
        bare_load = BATCH / median(one for turn in floors for one in turn) * 1000
        # As every table is after a while; the services' own are by the server itself.
        await connection.execute("ANALYZE entry")
        bare_proofs, proofs = await _proofs(
            rig, room, connection, Effort(effort.seconds / 2, effort.size)
        )
    return [
        Figure("ledger_load", loaded, "entries/s", bare_load, ">= 0.2"),
        *_percentiles("ledger_append_1000", floors, values, "<= 100 ms"),
        *_percentiles("ledger_proof", bare_proofs, proofs, "<= 5 ms"),
    ]


async def _proofs(
    rig: Rig, room: Room, connection: asyncpg.Connection, effort: Effort
) -> tuple[Turns, Turns]:
    async with rig.service("ledger", room) as address:
        endpoints = Endpoints(
            rig.stack.endpoints["origin"], {"ledger": address}, ca=Path(rig.stack.ca)
        )
        async with Ledger(endpoints) as ledger:
            size = 0
            while not size:
                # Until its first checkpoint, which it signs as soon as it runs.
                await asyncio.sleep(0.1)
                size = (await ledger.get_consistency_proof(pb.LOG_RECEIPTS, 0)).new_size

            async def look_up() -> None:
                await connection.fetchrow(
                    "SELECT value FROM entry WHERE log = 1 AND index = $1", random.randrange(size)
                )

            async def prove() -> None:
                await ledger.get_inclusion_proof(pb.LOG_RECEIPTS, random.randrange(size))

            await _timed(prove, 50)
            return await turns(
                effort, lambda: _timed(look_up, _PROOFS), lambda: _timed(prove, _PROOFS)
            )


def _percentiles(name: str, floors: Turns, values: Turns, budget: str) -> list[Figure]:
    """Of each turn, and of these the median."""
    return [
        Figure(
            f"{name}_p{percent}",
            median(percentile(turn, percent / 100) for turn in values),
            "ms",
            median(percentile(turn, percent / 100) for turn in floors),
            budget,
        )
        for percent in (50, 95)
    ]


async def _timed(work: Callable[[], Awaitable[None]], times: int) -> list[float]:
    """How long each of so many runs took, in milliseconds."""
    found = []
    for _ in range(times):
        begun = time.monotonic()
        await work()
        found.append(1000 * (time.monotonic() - begun))
    return found


async def _append(connection: asyncpg.Connection, count: int) -> None:
    async with connection.transaction():
        values = [os.urandom(32) for _ in range(count)]
        await append(connection, pb.LOG_RECEIPTS, values, Floors({}))


async def _insert(connection: asyncpg.Connection) -> None:
    first = random.getrandbits(62)
    ids = list(range(first, first + BATCH))
    await connection.execute(_BARE, ids, [os.urandom(32) for _ in ids])


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()
