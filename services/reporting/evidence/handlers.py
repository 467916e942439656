"""Files come in and go out part by part; what is kept of them is noted after each part."""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from harbourlight.reporting.v1 import evidence_pb2 as pb
from services.reporting.contents import readable
from services.reporting.domain.sealed import place
from services.reporting.evidence import domain, store
from services.reporting.evidence.domain import Declared, Evidence, EvidenceState
from services.reporting.handlers import EMITTER
from services.reporting.sealing import Sealing, lodged_with
from services.reporting.store import CASES, messages_at
from services.reporting.wrapping import Wrapping
from shared import blobs, outbox
from shared.blobs import PART_BYTES, Blobs
from shared.commands import Call
from shared.database import Connection, Database
from shared.erasure import KeyStore
from shared.errors import Kind, Refusal, Violation, invalid, not_found
from shared.signed_tokens import SignedTokens

_PAGE, _MOST = 50, 200
_PIECE = 256 * 1024
"""Bytes of a response's chunk."""
_MOST_ARRIVING = 16
"""Files that a process takes in at once; each holds some parts in memory."""
_PAUSE_SECONDS = 5.0

_STATES = {
    EvidenceState.ARRIVING: pb.EVIDENCE_STATE_ARRIVING,
    EvidenceState.COMPLETE: pb.EVIDENCE_STATE_COMPLETE,
}


def _blob(handle: str, number: int) -> str:
    return f"{handle}/{number}"


class Evidences:
    """The service's commands and queries about files."""

    def __init__(
        self,
        database: Database,
        keys: KeyStore,
        sealing: Sealing,
        kept: Blobs,
        tokens: SignedTokens,
    ) -> None:
        self._database = database
        self._keys = keys
        self._sealing = sealing
        self._blobs = kept
        self._tokens = tokens
        self._arriving = 0

    async def add(
        self, call: Call, first: pb.AddEvidenceRequest, rest: AsyncIterator[pb.AddEvidenceRequest]
    ) -> bytes:
        """Takes a file in, from where an earlier try stopped. Raises Refusal."""
        declared = Declared(first.content.number, call.request_hash, first.size, first.sha256)
        evidence = await self._declare(first, declared)
        if evidence.state is EvidenceState.ARRIVING:
            if self._arriving >= _MOST_ARRIVING:
                raise Refusal(
                    Kind.EXHAUSTED,
                    f"{_MOST_ARRIVING} files arrive here already, and each takes memory: "
                    "begin again in a while",
                    retry_after=_PAUSE_SECONDS,
                )
            self._arriving += 1
            try:
                await self._take(first.handle, evidence, rest)
                await self._complete(first.handle, evidence)
            finally:
                self._arriving -= 1

        async def read(connection: Connection) -> pb.Evidence:
            found = await store.find(connection, first.handle, declared.number)
            if found is None:
                raise not_found("file")
            (seen,) = await self._views(connection, first.handle, [found])
            return seen

        added = await self._database.reading(read)
        return pb.AddEvidenceResponse(evidence=added).SerializeToString()

    async def _declare(self, first: pb.AddEvidenceRequest, declared: Declared) -> Evidence:
        """The file, which begins here where the company has not sent this before."""
        lodged, handle = lodged_with(first), first.handle

        async def work(connection: Connection) -> Evidence:
            locked = await CASES.lock(connection, handle)
            if found := await store.find(connection, handle, declared.number):
                domain.go_on(found, declared)
                return found
            kept = await store.kept_bytes(connection, handle)
            stored = locked[1] if locked else None
            case = domain.declare(
                stored.state if stored else None, declared, lodged, kept_bytes=kept
            )
            assert stored is not None
            await CASES.save(connection, [(handle, case, stored.revision)])
            write = self._sealing.evidence(first, lodged)
            assert write is not None
            await write(connection, case, None)
            evidence = Evidence(declared, place(case))
            await store.insert(connection, handle, evidence)
            return evidence

        return await self._database.transaction(work)

    async def _take(
        self, handle: str, evidence: Evidence, rest: AsyncIterator[pb.AddEvidenceRequest]
    ) -> None:
        """Keeps what comes, a part at a time, until all of it is there. Raises Refusal."""
        size, kept = evidence.declared.size, evidence.received
        part = bytearray()
        while kept < size:
            message = await anext(rest, None)
            if message is None:
                fault = (
                    f"the stream ended after {kept + len(part)} of {size} bytes: begin again, and "
                    f"go on with byte {kept}; what is before it is kept"
                )
                raise invalid([Violation("chunk", fault)])
            data = message.chunk.data
            domain.place_chunk(evidence, message.chunk.offset, len(data), arrived=kept + len(part))
            part += data
            while len(part) >= PART_BYTES or (part and kept + len(part) == size):
                kept = await self._keep(handle, evidence, kept, bytes(part[:PART_BYTES]))
                del part[:PART_BYTES]

    async def _keep(self, handle: str, evidence: Evidence, kept: int, part: bytes) -> int:
        number = evidence.declared.number
        await self._blobs.put(_blob(handle, number), kept // PART_BYTES, part)
        after = kept + len(part)
        if not await store.move(self._database, handle, number, kept, after):
            if not await store.exists(self._database, handle, number):
                # Erased meanwhile, and this part may have come behind the deletion.
                await self._blobs.delete(_blob(handle, number))
                raise not_found("file")
            raise Refusal(
                Kind.STALE,
                f"another stream brings file {number} at the same time: let that one end, "
                "or begin again where it stands",
            )
        return after

    async def _complete(self, handle: str, evidence: Evidence) -> None:
        """Reads what is kept, and so knows that it can be read, before it says that it is."""
        declared = evidence.declared
        digest, blob = hashlib.sha256(), _blob(handle, declared.number)
        # Where a part is missing, it is not what was declared, and is sent anew.
        with contextlib.suppress(blobs.MissingPart):
            async for part in blobs.read(self._blobs, blob, declared.size):
                digest.update(part)

        async def work(connection: Connection) -> None:
            await CASES.lock(connection, handle)
            found = await store.find(connection, handle, declared.number)
            if found is None or found.state is EvidenceState.COMPLETE:
                # Erased meanwhile, or another try was first.
                return
            decision = domain.complete(found, handle, digest.digest())
            await store.set_state(connection, handle, declared.number, decision.state.state)
            now = datetime.now(UTC)
            await outbox.append(
                connection,
                [EMITTER.outgoing(event, handle, now) for event in decision.events],
            )

        try:
            await self._database.transaction(work)
        except Refusal:
            # Who is second finds it begun anew already, and deletes nothing of that.
            if await store.move(self._database, handle, declared.number, declared.size, 0):
                await self._blobs.delete(blob)
            raise

    async def page(self, call: Call, request: pb.ListEvidenceRequest) -> pb.ListEvidenceResponse:
        """One page of the case's files. Raises Refusal."""
        scope = "\0".join((call.method, call.caller.name, request.handle)).encode()
        after = 0
        if request.page_token:
            (after,) = self._tokens.decode(scope, request.page_token, "page_token")
        size = min(request.page_size or _PAGE, _MOST)

        async def read(connection: Connection) -> pb.ListEvidenceResponse:
            await readable(connection, call.caller, request.handle)
            found = await store.page(connection, request.handle, after, size + 1)
            views = await self._views(connection, request.handle, found[:size])
            response = pb.ListEvidenceResponse(evidence=views)
            if len(found) > size:
                last = found[size - 1].declared.number
                response.next_page_token = self._tokens.encode(scope, [last])
            return response

        return await self._database.reading(read)

    async def read(
        self, call: Call, request: pb.GetEvidenceRequest
    ) -> AsyncIterator[pb.GetEvidenceResponse]:
        """A file's description, then its bytes from an offset on. Raises Refusal."""

        async def find(connection: Connection) -> tuple[Evidence, pb.Evidence]:
            await readable(connection, call.caller, request.handle)
            found = await store.find(connection, request.handle, request.number)
            if found is None or found.state is not EvidenceState.COMPLETE:
                raise not_found("complete file")
            (seen,) = await self._views(connection, request.handle, [found])
            return found, seen

        found, seen = await self._database.reading(find)
        yield pb.GetEvidenceResponse(evidence=seen)
        offset, blob = request.offset, _blob(request.handle, request.number)
        async for part in blobs.read(self._blobs, blob, found.declared.size, offset):
            for start in range(0, len(part), _PIECE):
                piece = part[start : start + _PIECE]
                yield pb.GetEvidenceResponse(chunk=pb.EvidenceChunk(offset=offset, data=piece))
                offset += len(piece)

    async def erase(self, connection: Connection, handle: str) -> None:
        """Removes the case's files."""
        for number in await store.delete(connection, handle):
            await self._blobs.delete(_blob(handle, number))

    async def _views(
        self, connection: Connection, handle: str, files: Sequence[Evidence]
    ) -> list[pb.Evidence]:
        """Files as their company and desk see them."""
        if not files:
            return []
        key = await self._keys.find(connection, handle)
        if key is None:
            raise not_found("file")
        wrapping = Wrapping(key, handle)
        rows = await messages_at(connection, handle, [one.place for one in files])
        return [
            pb.Evidence(
                description=wrapping.open_message(rows[one.place]),
                state=_STATES[one.state],
                size=one.declared.size,
                sha256=one.declared.sha256,
                received=one.received,
            )
            for one in files
        ]
