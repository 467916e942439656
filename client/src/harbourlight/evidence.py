"""Files of a case: encrypted on this machine, sent and fetched piece by piece.

An upload that was cut goes on where it stopped, also in another process and after a restore from
the words: the service is asked what has arrived, and the same file makes the same bytes.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from harbourlight.casework.written import Letter
from harbourlight.connection import Connection
from harbourlight.errors import BadFile, CannotOpen
from harbourlight.privatefile import private_temporary
from harbourlight.reporting.v1 import evidence_pb2 as pb
from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.sealing import stream
from harbourlight.types.v1 import sealed_pb2 as types

Progress = Callable[[int, int], None]
"""Is told how many bytes of how many have passed."""


def silent(done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Described:
    """A file of the case, with what its sealed description says."""

    evidence: pb.Evidence
    description: sealed.EvidenceDescription | None
    """None where it is not shown."""
    problem: str = ""
    """Why it is not shown; empty where it is."""

    @classmethod
    def of(cls, evidence: pb.Evidence, letter: Letter) -> "Described":
        """With the letter that its description is."""
        body = letter.body if isinstance(letter.body, sealed.EvidenceDescription) else None
        return cls(evidence, body, letter.problem)

    @property
    def number(self) -> int:
        """Names the file within the case."""
        return self.evidence.description.content.number

    @property
    def epoch(self) -> int:
        """Of the content key that the file's key is made from."""
        return self.evidence.description.content.epoch

    @property
    def is_complete(self) -> bool:
        """Whether all of it has arrived."""
        return self.evidence.state == pb.EVIDENCE_STATE_COMPLETE


async def listed(connection: Connection, handle: str) -> list[pb.Evidence]:
    """Every file of the case, those that are still arriving among them, oldest first."""
    request = pb.ListEvidenceRequest(handle=handle)
    pages = connection.pages(request, pb.ListEvidenceResponse)
    return [one async for page in pages for one in page.evidence]


async def send(
    connection: Connection,
    handle: str,
    description: types.SealedContent,
    content_key: types.ContentKey | None,
    file: BinaryIO,
    plan: stream.Plan,
    *,
    progress: Progress = silent,
) -> pb.AddEvidenceResponse:
    """Sends a planned file under its sealed description; goes on where an earlier try stopped.

    `content_key` is there where this is the first content of its epoch.
    """
    first = pb.AddEvidenceRequest(
        handle=handle,
        content=description,
        content_key=content_key,
        size=plan.sealed_size,
        sha256=plan.sealed_sha256,
    )

    async def rest() -> AsyncGenerator[pb.AddEvidenceRequest, None]:
        offset = await _arrived(connection, handle, description.number)
        number, skip = divmod(offset, stream.SEALED_CHUNK)
        for chunk in stream.encrypt(file, plan, start=number):
            data, skip = chunk[skip:], 0
            yield pb.AddEvidenceRequest(chunk=pb.EvidenceChunk(offset=offset, data=data))
            offset += len(data)
            progress(offset, plan.sealed_size)

    return await connection.upload(first, rest, pb.AddEvidenceResponse)


async def _arrived(connection: Connection, handle: str, number: int) -> int:
    for one in await listed(connection, handle):
        if one.description.content.number == number:
            return one.received
    return 0


async def fetch(
    connection: Connection,
    handle: str,
    described: Described,
    key: bytes,
    into: Path,
    *,
    progress: Progress = silent,
) -> None:
    """Fetches a file and decrypts it to `into`, which is there only if all of it is genuine.

    `key` is the file's own. Raises BadFile where `into` exists or cannot be written, CannotOpen
    where what came is not the file that was described.
    """
    said = described.description
    if said is None:
        raise CannotOpen(f"file {described.number} of {handle} is not shown: {described.problem}")
    decryption = stream.Decryption(key, size=said.size, sha256=said.sha256)
    evidence = described.evidence
    if not described.is_complete:
        raise CannotOpen(
            f"file {described.number} of {handle} is still arriving "
            f"({evidence.received} of {evidence.size} bytes): try again later"
        )

    def request() -> pb.GetEvidenceRequest:
        decryption.cut()
        return pb.GetEvidenceRequest(
            handle=handle, number=described.number, offset=decryption.resume_at
        )

    if await asyncio.to_thread(into.exists):
        raise BadFile(f"{into} exists already and is never replaced: name another file")
    try:
        with private_temporary(into) as file:
            done = 0
            answers = connection.watch(request, pb.GetEvidenceResponse)
            async with aclosing(answers):
                async for answer in answers:
                    if not answer.HasField("chunk"):
                        continue
                    file.write(decryption.feed(answer.chunk.data))
                    done = answer.chunk.offset + len(answer.chunk.data)
                    progress(done, evidence.size)
                    if done == evidence.size:
                        break
            decryption.finish()
    except FileExistsError:
        raise BadFile(f"{into} exists already and is never replaced: name another file") from None
    except OSError as error:
        raise BadFile(f"cannot write {into}: {error.strerror}") from error


async def numbered(connection: Connection, handle: str, number: int) -> pb.Evidence:
    """One file of the case. Raises CannotOpen where there is none of this number."""
    for one in await listed(connection, handle):
        if one.description.content.number == number:
            return one
    raise CannotOpen(f"case {handle} has no file {number}: see the numbers with `evidence list`")
