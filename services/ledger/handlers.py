"""What the ledger does: appends, proves, keeps cosignatures, and halts where it is contradicted."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence

from harbourlight.ledger.v1 import ledger_pb2 as pb
from harbourlight.proofs import merkle
from harbourlight.proofs.checkpoints import Checkpoint, Opened, open_checkpoint
from harbourlight.proofs.merkle import Span
from harbourlight.proofs.notes import BadNote, Note, VerifierKey
from harbourlight.proofs.prooffile import ProofFile
from services.ledger import domain, store
from services.ledger.store import Reader, Signed, Writer
from shared.cloudevents import Incoming
from shared.commands import Answer, Call, answered_once, record_answer
from shared.database import Connection, Database
from shared.errors import Kind, Refusal, Violation, invalid, not_found

log = logging.getLogger(__name__)


class Halted(OSError):
    """The log is halted, and nothing is appended. It passes: what waits is taken in afterwards."""


class Floors:
    """The size that each log had when it was signed last, as far as this process knows.

    A smaller log in the database is a restored backup, whose entries must not go on growing.
    """

    def __init__(self, sizes: Mapping[int, int]) -> None:
        self._sizes = dict(sizes)

    def raise_to(self, number: int, size: int) -> None:
        """The log was signed with this size."""
        self._sizes[number] = max(size, self._sizes.get(number, 0))

    def problem(self, number: int, size: int, conflict: str | None) -> str | None:
        """Why a log of this size takes nothing in, or None."""
        floor = self._sizes.get(number, 0)
        if conflict is None and size < floor:
            return f"the database has {size} entries, and {floor} were signed: it is an older one"
        return conflict


async def append(
    connection: Writer, number: int, values: Iterable[bytes], floors: Floors
) -> dict[bytes, int]:
    """Appends what the log has not yet, in this transaction; leaf hash -> index of all of it.

    It holds the log until the transaction ends, so call it last. Raises Halted.
    """
    by_leaf = {merkle.leaf_hash(value): value for value in values}
    if not by_leaf:
        return {}
    size, conflict = await store.lock(connection, number)
    if problem := floors.problem(number, size, conflict):
        raise Halted(f"log {number} takes nothing in: {problem}")
    places = await store.places(connection, number, list(by_leaf))
    fresh = [value for leaf, value in by_leaf.items() if leaf not in places]
    if fresh:
        edge = await store.hashes(connection, number, domain.edge_nodes(size))
        rows = domain.grown(size, edge, fresh)
        await store.add(connection, number, rows)
        places |= {row.leaf: row.index for row in rows}
    return places


async def contradiction(reader: Reader, number: int, size: int, old: Checkpoint) -> str | None:
    """Why the entries in the database do not continue `old`; None where they do."""
    nodes = domain.needed_to_compare(size, old.size)
    return domain.contradiction(size, await store.hashes(reader, number, nodes), old)


class Collector:
    """A reactor (see shared.inbox) that appends the commitments that events carry."""

    def __init__(self, floors: Floors) -> None:
        self._floors = floors
        self._commitments: list[bytes] = []

    async def load(self, connection: Connection, subjects: Iterable[str]) -> None:
        """Begins a batch; nothing is read."""
        self._commitments = []

    def react(self, incoming: Incoming) -> None:
        """Notes the commitment of an event that has one."""
        if incoming.commitment is not None:
            self._commitments.append(incoming.commitment)

    async def save(self, connection: Connection) -> None:
        """Appends them, each once however often it comes."""
        await append(connection, pb.LOG_RECEIPTS, self._commitments, self._floors)


class Handlers:
    """The service's queries and commands."""

    def __init__(
        self,
        database: Database,
        keys: Mapping[int, VerifierKey],
        witnesses: Sequence[VerifierKey],
        floors: Floors,
    ) -> None:
        self._database = database
        self._keys = keys
        self._witnesses = witnesses
        self._floors = floors

    async def is_healthy(self) -> bool:
        """Whether both logs go on."""
        heads = await store.heads(self._database)
        return not any(self._floors.problem(one.log, one.size, one.conflict) for one in heads)

    async def checkpoint(self, number: int, witnesses: int) -> Note:
        """The newest checkpoint that so many witnesses cosigned, with their last word."""
        found = await store.published(self._database, number, witnesses)
        if found is None:
            raise not_found(f"checkpoint of this log that {witnesses} witnesses cosigned")
        return await self._cosigned(number, found, last=True)

    async def receipt(self, commitment: bytes, witnesses: int) -> ProofFile:
        """The proof of an entry, under a checkpoint with the witnesses' first word."""
        number = pb.LOG_RECEIPTS
        leaf = merkle.leaf_hash(commitment)
        index = (await store.places(self._database, number, [leaf])).get(leaf)
        found = (
            None
            if index is None
            else await store.covering(self._database, number, index, max(1, witnesses))
        )
        if index is None or found is None:
            raise not_found(
                "commitment under a checkpoint: what was lodged just now is there within a minute"
            )
        hashes = await self._inclusion(number, index, found.size)
        return ProofFile(index, tuple(hashes), await self._cosigned(number, found, last=False))

    async def inclusion(
        self, number: int, entry: int | bytes, size: int
    ) -> tuple[int, int, list[bytes]]:
        """Index, size of the tree, and the proof of an entry, given by index or leaf hash."""
        tree_size = await self._size(number, size, "tree_size")
        if isinstance(entry, bytes):
            places = await store.places(self._database, number, [entry])
            if entry not in places or places[entry] >= tree_size:
                raise not_found(f"entry in the first {tree_size} of this log")
            entry = places[entry]
        elif entry >= tree_size:
            raise invalid([Violation("index", f"the tree has {tree_size} entries, from 0 on")])
        return entry, tree_size, await self._inclusion(number, entry, tree_size)

    async def consistency(self, number: int, old: int, new: int) -> tuple[int, list[bytes]]:
        """Size of the new tree, and the proof that it continues the old one."""
        size = await self._size(number, new, "new_size")
        if old > size:
            raise invalid([Violation("old_size", f"it is above the new size, {size}")])
        return size, await self._fold(number, merkle.consistency_spans(old, size))

    async def entries(
        self, number: int, start: int, most: int
    ) -> tuple[list[tuple[int, bytes]], bool]:
        """Index and value of up to `most` entries from `start` on, and whether there are more."""
        size = await self._size(number, 0, "")
        end = min(size, start + most)
        return await store.values(self._database, number, start, end), end < size

    async def publish(self, call: Call, request: pb.PublishEntryRequest) -> bytes:
        """Appends a note to the directory. The answer of a repeated call is the recorded one."""
        if problem := domain.problem_of_entry(request.entry):
            raise invalid([Violation("entry", problem)])

        async def work(connection: Connection) -> Answer:
            try:
                places = await append(connection, pb.LOG_DIRECTORY, [request.entry], self._floors)
            except Halted as halted:
                raise Refusal(Kind.WRONG_STATE, str(halted)) from None
            ((leaf, index),) = places.items()
            response = pb.PublishEntryResponse(index=index, leaf_hash=leaf)
            answer = response.SerializeToString()
            await record_answer(connection, call, request.request_id, answer, None)
            return Answer(answer)

        answer = await answered_once(self._database, call, request.request_id, work, None)
        return answer.response

    async def add_cosignature(self, number: int, written: bytes) -> list[str]:
        """Keeps what the witnesses signed; the names of those that did.

        A checkpoint that the log signed and that the database contradicts halts the log.
        """
        try:
            opened = open_checkpoint(written, self._keys[number], self._witnesses)
        except BadNote as error:
            raise invalid([Violation("checkpoint", str(error))]) from None
        if any(
            one.time.timestamp() > time.time() + domain.LATEST_COSIGNATURE_SECONDS
            for one in opened.cosigned
        ):
            raise invalid([Violation("checkpoint", "a witness's clock is ahead of time")])
        # Anybody may call this, so the log is locked where something is wrong alone.
        if await self._contradicted(self._database, number, opened.checkpoint):
            await self._halt(number, opened)
        if opened.cosigned:
            await self._database.transaction(lambda c: self._keep(c, number, opened))
        return [one.witness.name for one in opened.cosigned]

    async def _contradicted(self, reader: Reader, number: int, shown: Checkpoint) -> str | None:
        """What is wrong with the database, if the log has signed this checkpoint."""
        newest = await store.newest(reader, number)
        signed = -1 if newest is None else newest.size
        if shown.size > signed:
            return (
                f"a checkpoint of size {shown.size} was signed, and the database knows none above "
                f"{signed}: it is an older one"
            )
        return await contradiction(reader, number, signed, shown)

    async def _halt(self, number: int, opened: Opened) -> None:
        """Halts a log that is contradicted. Raises Refusal, unless it is not after all."""

        async def work(connection: Connection) -> str | None:
            await store.lock(connection, number)
            reason = await self._contradicted(connection, number, opened.checkpoint)
            if reason:
                await store.set_conflict(connection, number, f"{reason}; {opened.note.text!r}")
            return reason

        if reason := await self._database.transaction(work):
            log.critical("log %d is halted and signs nothing more: %s", number, reason)
            raise Refusal(Kind.WRONG_STATE, f"this contradicts the log, which is halted: {reason}")

    async def _keep(self, connection: Connection, number: int, opened: Opened) -> None:
        """Keeps what witnesses signed, and the checkpoint where it was dropped meanwhile."""
        size, key = opened.checkpoint.size, self._keys[number]
        own = [one for one in opened.note.signatures if one.is_by(key)][:1]
        note = Note(opened.note.text, tuple(own))
        await store.add_checkpoint(connection, number, size, note, is_published=True)
        found = opened.note.verified(self._witnesses)
        await store.add_cosignatures(connection, number, size, found)

    async def _cosigned(self, number: int, signed: Signed, *, last: bool) -> Note:
        lines = await store.cosignatures(self._database, number, signed.size, last=last)
        return Note.parse(str(signed.note) + "".join(lines))

    async def _size(self, number: int, asked: int, name: str) -> int:
        """The size asked for, or the newest published; nothing beyond that is shown."""
        size = await store.published_size(self._database, number)
        if asked > size:
            raise invalid([Violation(name, f"the newest checkpoint has {size} entries")])
        return asked or size

    async def _inclusion(self, number: int, index: int, size: int) -> list[bytes]:
        return await self._fold(number, merkle.inclusion_spans(index, size))

    async def _fold(self, number: int, spans: Sequence[Span]) -> list[bytes]:
        hashes = await store.hashes(self._database, number, domain.nodes_of(spans))
        return [domain.fold(span, hashes) for span in spans]
