"""Makes erasure final: what must be erasable is wrapped under a key that lives elsewhere.

Each subject (a case) has one key. Keys are in a PostgreSQL database of their own, on a server that
is never backed up and archives no log; the service's database has only a key's id beside what the
key wraps. Erasing deletes the key, and with it every copy of what it wrapped: in the database, its
backups and its log.

What remains of an erased key, and for how long: its row's bytes in the store's table and log until
`scrub` (at most SCRUB_SECONDS, or as long as some transaction there is older than the erasure), on
a standby until its next restart point, in the memory of other processes at most CACHE_SECONDS, and
in what the disk keeps of deleted files, so that the store belongs on an encrypted volume.
"""

import asyncio
import logging
import os
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.database import Connection, Database
from shared.errors import Kind, Refusal
from shared.migrate import migrate

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations" / "keystore"
CACHE_SECONDS = 60.0
SCRUB_SECONDS = 10.0
"""How often a process should call `scrub`."""

_CACHED_KEYS = 4096
_BATCH = 256
"""Keys made ahead in one statement: a new subject takes one that is there already."""
_NONCE_BYTES = 12
_SCRUB_LOCK = 0x4572617365

_FIND = """
WITH found AS (
    SELECT key_id, erased_at FROM erasure_key WHERE subject = $1
), made AS (
    INSERT INTO erasure_key (subject, key_id)
    SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM found)
    RETURNING key_id, erased_at
)
SELECT * FROM found UNION ALL SELECT * FROM made
"""


class Erased(Refusal):
    """The subject's key is gone, and with it everything that was sealed."""

    def __init__(self) -> None:
        super().__init__(
            Kind.WRONG_STATE,
            "the case was erased: nothing that was sealed in it can be opened by anybody any more",
        )


@dataclass(frozen=True)
class ErasureKey:
    """A subject's key. A place names the table and the row, such as "receipt/HL-…/3": what was
    wrapped for one place opens at no other."""

    id: UUID
    key: bytes = field(repr=False)

    def wrap(self, place: str, data: bytes) -> bytes:
        """`data` as it may be stored."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, data, place.encode())

    def unwrap(self, place: str, wrapped: bytes) -> bytes:
        """The reverse of `wrap`. Raises ValueError where it was wrapped elsewhere or changed."""
        nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return AESGCM(self.key).decrypt(nonce, sealed, place.encode())
        except InvalidTag:
            raise ValueError(f"what is stored at {place} was not wrapped there") from None


class KeyStore:
    """A service's keys, in its own schema of the key store's database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool | None = None
        self._spare: deque[ErasureKey] = deque()
        self._filling: asyncio.Task[None] | None = None
        self._known: OrderedDict[UUID, tuple[float, ErasureKey]] = OrderedDict()

    async def start(self) -> None:
        """Connects, and makes the tables that are missing. Raises OSError or asyncpg errors."""
        await migrate(self._url, MIGRATIONS)
        self._pool = await asyncpg.create_pool(self._url, min_size=1, max_size=4)
        await self._fill()

    async def stop(self) -> None:
        """Gives back the keys that nobody took, and closes the connections."""
        if self._filling:
            await asyncio.gather(self._filling, return_exceptions=True)
        spare = [key.id for key in self._spare]
        self._spare.clear()
        if self._pool:
            await self._pool.execute("DELETE FROM key WHERE id = ANY($1)", spare)
            await self._pool.close()

    async def of(self, connection: Connection, subject: str) -> ErasureKey:
        """The subject's key, given to it now where it has none.

        `connection` is a transaction of the service's own database that has locked, or just
        saved, the subject's row. Raises Erased.
        """
        drawn = await self._draw()
        row = await connection.fetchrow(_FIND, subject, drawn.id)
        assert row is not None
        if row["key_id"] == drawn.id:
            return drawn
        self._spare.append(drawn)
        if row["erased_at"]:
            raise Erased
        return await self._get(row["key_id"])

    async def fresh(self) -> ErasureKey:
        """A key that is nobody's yet: a subject's once a row of `erasure_key` says so."""
        return await self._draw()

    async def give_back(self, database: Database, subject: str, key: ErasureKey) -> None:
        """Takes a fresh key back that was meant for the subject, unless the subject has got it.

        Call it once no transaction can give it any more: where the subject has a committed row.
        """
        row = await database.fetchrow(
            "SELECT FROM erasure_key WHERE subject = $1 AND key_id = $2", subject, key.id
        )
        if row is None:
            self._spare.append(key)

    async def find(self, connection: Connection | Database, subject: str) -> ErasureKey | None:
        """The subject's key, or None where it has none. Raises Erased."""
        row = await connection.fetchrow(
            "SELECT key_id, erased_at FROM erasure_key WHERE subject = $1", subject
        )
        if row is None:
            return None
        if row["erased_at"]:
            raise Erased
        return await self._get(row["key_id"])

    async def erase(self, connection: Connection, subject: str) -> None:
        """Deletes the subject's key, at once and for good, whatever becomes of the transaction.

        Call it last: where the transaction fails after it, what was wrapped is lost although
        nothing says so yet, and running it again says so. Can be repeated. A subject that had no
        key gets none later.
        """
        key_id = await connection.fetchval(
            "INSERT INTO erasure_key AS k (subject, key_id, erased_at) VALUES ($1, $2, now())"
            " ON CONFLICT (subject) DO UPDATE SET erased_at = coalesce(k.erased_at, now())"
            " RETURNING key_id",
            subject,
            uuid4(),
        )
        self._known.pop(key_id, None)
        await self._connected.execute(
            "WITH gone AS (DELETE FROM key WHERE id = $1 RETURNING id)"
            " INSERT INTO erased (id) SELECT id FROM gone",
            key_id,
        )

    async def scrub(self) -> None:
        """Takes the bytes of erased keys out of the store's files, where any were erased.

        A plain VACUUM leaves them in the free space of their page, so the table is written anew;
        then the log that has them ends and is removed by a checkpoint.
        """
        async with self._connected.acquire() as connection:
            due = [row["id"] for row in await connection.fetch("SELECT id FROM erased")]
            if not due or not await connection.fetchval(
                "SELECT pg_try_advisory_lock($1)", _SCRUB_LOCK
            ):
                return
            # The lock is the session's: the pool ends it with the connection's release.
            await connection.execute("VACUUM (FULL) key")
            await connection.execute("SELECT pg_switch_wal()")
            await connection.execute("CHECKPOINT")
            await connection.execute("DELETE FROM erased WHERE id = ANY($1)", due)
        log.info("scrubbed the key store of %d erased keys", len(due))

    @property
    def _connected(self) -> asyncpg.Pool:
        assert self._pool is not None, "the key store was not started"
        return self._pool

    async def _draw(self) -> ErasureKey:
        while not self._spare:
            await asyncio.shield(self._refill())
        if len(self._spare) <= _BATCH // 4:
            self._refill()
        return self._spare.popleft()

    def _refill(self) -> "asyncio.Task[None]":
        if self._filling is None or self._filling.done():
            self._filling = asyncio.create_task(self._fill())
            # Where it fails, whoever waits for a key hears it; where nobody waits, the next one.
            self._filling.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._filling

    async def _fill(self) -> None:
        made = [ErasureKey(uuid4(), AESGCM.generate_key(256)) for _ in range(_BATCH)]
        await self._connected.execute(
            "INSERT INTO key (id, key) SELECT * FROM unnest($1::uuid[], $2::bytea[])",
            [one.id for one in made],
            [one.key for one in made],
        )
        # Only now: what is wrapped under a key that was lost is lost.
        self._spare.extend(made)

    async def _get(self, key_id: UUID) -> ErasureKey:
        known = self._known.get(key_id)
        if known and known[0] > time.monotonic():
            return known[1]
        key = await self._connected.fetchval("SELECT key FROM key WHERE id = $1", key_id)
        if key is None:
            self._known.pop(key_id, None)
            raise Erased
        found = ErasureKey(key_id, key)
        self._known[key_id] = (time.monotonic() + CACHE_SECONDS, found)
        self._known.move_to_end(key_id)
        if len(self._known) > _CACHED_KEYS:
            self._known.popitem(last=False)
        return found
