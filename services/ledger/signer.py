"""Signs checkpoints: one active signer per installation, and never two trees that disagree.

In this order: the checkpoint is written to the database, unpublished, in a transaction that holds
the log; it is remembered outside of the database; then it is published. Whatever dies in between,
what was served is known in both places, and the next signer goes on from there. Before anything is
signed, the entries must continue what was signed last, as any verifier would check it.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping

import asyncpg

from harbourlight.ledger.v1 import ledger_pb2 as pb
from harbourlight.proofs import merkle
from harbourlight.proofs.checkpoints import Checkpoint
from harbourlight.proofs.merkle import Span
from harbourlight.proofs.notes import SignerKey
from services.ledger import domain, store, witnesses
from services.ledger.anchor import Anchor, BadAnchor
from services.ledger.handlers import Floors, Halted, append, contradiction
from services.ledger.settings import LedgerSettings
from services.ledger.store import Head
from shared.cloudevents import COMMITMENT_BYTES
from shared.wakeups import Wakeups

log = logging.getLogger(__name__)

_RANDOM = secrets.SystemRandom()
SECONDS = 1.0
"""Shortest time between two checkpoints of a log."""
_LONGEST_WAIT_SECONDS = 1.0
_SHORTEST_WAIT_SECONDS = 0.02
_HOUSEKEEPING_SECONDS = 600.0
_KEEP_HOURS = 24
"""How long a checkpoint waits for its first witness."""


class Signer:
    """Waits while another process's signer is the active one."""

    def __init__(
        self, settings: LedgerSettings, database_url: str, wakeups: Wakeups, floors: Floors
    ) -> None:
        self._settings = settings
        self._url = database_url
        self._wakeups = wakeups
        self._floors = floors
        self._anchors = anchors(settings)
        self._signed_at: dict[int, float] = {}
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to lead, or to wait for it."""
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends at once: whatever was begun, the next signer finds."""
        if self._running:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        # It leads again after every failure.
        while True:
            try:
                await self._lead()
            except Exception as error:
                log.warning("signer interrupted, trying again: %r", error)
                await asyncio.sleep(0.5)

    async def _lead(self) -> None:
        # The lock lives and dies with this connection, and everything that is signed is written
        # through it: a signer that has lost the lock can sign nothing.
        connection = await asyncpg.connect(self._url, server_settings={"jit": "off"})
        try:
            await connection.execute(
                "SELECT pg_advisory_lock(hashtextextended('ledger/signer', 0))"
            )
            for number in self._settings.keys:
                await self._compare(connection, number)
            await self._sign_on(connection)
        finally:
            connection.terminate()

    async def _compare(self, connection: asyncpg.Connection, number: int) -> None:
        """Halts the log where the database contradicts what is known outside of it."""
        key = self._settings.keys[number].verifier
        try:
            remembered = await asyncio.to_thread(self._anchors[number].read)
        except BadAnchor as error:
            await self._halt(connection, number, str(error))
            return
        known = [remembered] if remembered else []
        known += await witnesses.seen(self._settings.witnesses, key)
        async with connection.transaction():
            size, _ = await store.lock(connection, number)
            newest = await store.newest(connection, number)
            if newest and newest.is_published and remembered is None:
                missing = (
                    f"{self._anchors[number].path} is missing, so nobody can say whether this "
                    f"database is the newest one of {key.name}: put the newest checkpoint there "
                    "that anybody has, such as a witness"
                )
                await store.set_conflict(connection, number, missing)
            if newest:
                known.append(newest.checkpoint)
            for one in known:
                if wrong := await contradiction(connection, number, size, one):
                    await store.set_conflict(connection, number, wrong)
            _, conflict = await store.lock(connection, number)
        for one in known:
            self._floors.raise_to(number, one.size)
        if conflict:
            log.critical("%s is halted and signs nothing: %s", key.name, conflict)

    async def _halt(self, connection: asyncpg.Connection, number: int, reason: str) -> None:
        await store.set_conflict(connection, number, reason)
        name = self._settings.keys[number].verifier.name
        log.critical("%s is halted and signs nothing: %s", name, reason)

    async def _sign_on(self, connection: asyncpg.Connection) -> None:
        loop = asyncio.get_running_loop()
        next_dummy = loop.time() + self._pause()
        next_housekeeping = loop.time()
        while True:
            changed = self._wakeups.next()
            if loop.time() >= next_dummy:
                await self._add_dummy(connection)
                next_dummy = loop.time() + self._pause()
            if loop.time() >= next_housekeeping:
                await store.forget(connection, _KEEP_HOURS)
                next_housekeeping = loop.time() + _HOUSEKEEPING_SECONDS
            due = [await self._look(connection, head) for head in await store.heads(connection)]
            wait = min(*due, _LONGEST_WAIT_SECONDS, max(0.0, next_dummy - loop.time()))
            # Commits that bring no entry wake this, too.
            await asyncio.sleep(_SHORTEST_WAIT_SECONDS)
            await self._wakeups.wait(changed, wait)

    async def _look(self, connection: asyncpg.Connection, head: Head) -> float:
        """Signs the log where something is new; seconds until there is something to do."""
        if head.conflict or (head.is_published and head.signed == head.size):
            return _LONGEST_WAIT_SECONDS
        left = self._signed_at.get(head.log, 0.0) + SECONDS - time.monotonic()
        if left > 0:
            return left
        if await self._sign(connection, head.log):
            self._signed_at[head.log] = time.monotonic()
            self._wakeups.committed()
        return _LONGEST_WAIT_SECONDS

    async def _sign(self, connection: asyncpg.Connection, number: int) -> bool:
        key = self._settings.keys[number]
        async with connection.transaction():
            size, conflict = await store.lock(connection, number)
            if conflict := self._floors.problem(number, size, conflict):
                reason: str | None = conflict
            else:
                signed, reason = await self._next(connection, number, key, size)
            if reason:
                await store.set_conflict(connection, number, reason)
        if reason:
            log.critical("%s is halted and signs nothing: %s", key.verifier.name, reason)
            return False
        # From here on it may be known to others after a crash, so it is remembered first.
        await asyncio.to_thread(self._anchors[number].write, signed.note)
        self._floors.raise_to(number, signed.size)
        await store.publish(connection, number, signed.size)
        return True

    async def _next(
        self, connection: asyncpg.Connection, number: int, key: SignerKey, size: int
    ) -> tuple[store.Signed, str | None]:
        """The checkpoint to publish next, written; and why there is none, where there is none."""
        last = await store.newest(connection, number)
        before = last.checkpoint if last else Checkpoint(key.verifier.name, 0, merkle.EMPTY_ROOT)
        nodes = domain.needed_to_compare(size, before.size)
        hashes = await store.hashes(connection, number, nodes)
        reason = domain.contradiction(size, hashes, before)
        root = b"" if reason else domain.fold(Span(0, size), hashes)
        if last and (reason or not last.is_published or last.size == size):
            return last, reason
        note = Checkpoint(key.verifier.name, size, root).sign(key)
        await store.add_checkpoint(connection, number, size, note, is_published=False)
        return store.Signed(size, note, False), reason

    def _pause(self) -> float:
        """Time to the next random entry: such entries come independently of each other."""
        mean = self._settings.dummy_seconds
        return _RANDOM.expovariate(1 / mean) if mean else float("inf")

    async def _add_dummy(self, connection: asyncpg.Connection) -> None:
        value = secrets.token_bytes(COMMITMENT_BYTES)
        try:
            async with connection.transaction():
                await append(connection, pb.LOG_RECEIPTS, [value], self._floors)
        except Halted:
            # It was said when it was halted.
            pass


def anchors(settings: LedgerSettings) -> Mapping[int, Anchor]:
    """Where each log's newest checkpoint is remembered."""
    return {number: Anchor(settings.anchor, key.verifier) for number, key in settings.keys.items()}


def floors(settings: LedgerSettings) -> Floors:
    """What is remembered when a process starts. What cannot be read halts the log, not this."""
    sizes = {}
    for number, anchor in anchors(settings).items():
        try:
            found = anchor.read()
        except BadAnchor as error:
            log.critical("%s", error)
            continue
        sizes[number] = found.size if found else 0
    return Floors(sizes)
