"""Files of a case arrive whole or not at all, through little memory, whatever is cut or killed."""

import asyncio
import contextlib
import hashlib
import io
import os
import resource
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harbourlight import evidence
from harbourlight.connection import Connection
from harbourlight.errors import AlreadyExists, Error, InvalidArgument, NotFound
from harbourlight.evidence import Described
from harbourlight.reporting.v1 import evidence_pb2 as pb
from harbourlight.sealed.v1 import sealed_pb2 as plain
from harbourlight.sealing import stream
from harbourlight.types.v1 import sealed_pb2 as sealed
from shared.blobs import PART_BYTES
from tests.integration.installation import Installation, Process
from tests.integration.parties import DESK, OTHER_DESK, Case, Parties, at
from tests.integration.s3 import bucket

MIB = 1024 * 1024


@dataclass
class File:
    """A file that a company adds."""

    case: Case
    plan: stream.Plan
    data: bytes
    description: sealed.SealedContent

    @classmethod
    def of(cls, parties: Parties, case: Case, data: bytes, number: int = 2) -> "File":
        """With a random key."""
        plan = stream.plan(io.BytesIO(data), os.urandom(32))
        return cls(case, plan, data, parties.secrets.content(number))

    def first(self, **changes: object) -> pb.AddEvidenceRequest:
        """What its upload begins with, but for the changes."""
        fields = {
            "handle": self.case.handle,
            "content": self.description,
            "size": self.plan.sealed_size,
            "sha256": self.plan.sealed_sha256,
        }
        return pb.AddEvidenceRequest(**{**fields, **changes})  # type: ignore[arg-type]

    async def add(self, progress: evidence.Progress = evidence.silent) -> pb.Evidence:
        """Sends it."""
        answer = await evidence.send(
            self.case.company,
            self.case.handle,
            self.description,
            None,
            io.BytesIO(self.data),
            self.plan,
            progress=progress,
        )
        return answer.evidence

    async def fetched(self, by: Connection, folder: Path) -> bytes:
        """Its content, as this reader gets it."""
        found = await evidence.listed(by, self.case.handle)
        described = Described(
            next(one for one in found if one.description.content == self.description),
            plain.EvidenceDescription(size=self.plan.size, sha256=self.plan.sha256),
        )
        into = folder / f"{described.number}-{os.urandom(4).hex()}"
        await evidence.fetch(by, self.case.handle, described, self.plan.key, into)
        return into.read_bytes()


async def _send(
    by: Connection, first: pb.AddEvidenceRequest, *chunks: tuple[int, bytes]
) -> pb.AddEvidenceResponse:
    async def rest() -> AsyncGenerator[pb.AddEvidenceRequest, None]:
        for offset, data in chunks:
            yield pb.AddEvidenceRequest(chunk=pb.EvidenceChunk(offset=offset, data=data))

    return await by.upload(first, rest, pb.AddEvidenceResponse)


@pytest.fixture(params=["database", "s3"])
async def service(
    request: pytest.FixtureRequest, installation: Installation, tmp_path: Path
) -> AsyncIterator[Callable[[], "asyncio.Future[Process]"]]:
    """Starts the service, with one store of files or the other."""
    async with contextlib.AsyncExitStack() as stack:
        settings = {}
        if request.param == "s3":
            settings["HARBOURLIGHT_BLOBS"] = await stack.enter_async_context(bucket(tmp_path))

        async def start() -> Process:
            process = await installation.run("reporting", settings=settings)
            await process.said("serving on port")
            return process

        yield lambda: asyncio.ensure_future(start())


async def test_a_file_goes_to_the_desk_and_back_to_the_company_and_to_nobody_else(
    service: Callable[[], "asyncio.Future[Process]"], installation: Installation, tmp_path: Path
) -> None:
    await service()
    async with at(installation) as parties:
        case = await parties.report()
        small = File.of(parties, case, os.urandom(700))
        large = File.of(parties, case, os.urandom(2 * PART_BYTES + 12345), number=3)
        for file in (small, large):
            added = await file.add()
            assert added.state == pb.EVIDENCE_STATE_COMPLETE
            assert added.received == added.size == file.plan.sealed_size
            # Sent again, it is the same file.
            assert await file.add() == added
        for reader in (case.company, parties.officer(DESK, country="MY")):
            for file in (small, large):
                assert await file.fetched(reader, tmp_path) == file.data
        for stranger in (parties.officer(OTHER_DESK), parties.officer(DESK, country="TH")):
            with pytest.raises(NotFound):
                await evidence.listed(stranger, case.handle)
            with pytest.raises(NotFound):
                await small.fetched(stranger, tmp_path)
        events = await installation.ask(
            "SELECT type FROM reporting.outbox WHERE type LIKE '%EvidenceAdded'"
        )
        assert len(events) == 2


async def test_an_upload_goes_on_after_the_service_was_killed(
    service: Callable[[], "asyncio.Future[Process]"], installation: Installation, tmp_path: Path
) -> None:
    process = await service()
    async with at(installation) as parties:
        case = await parties.report()
        file = File.of(parties, case, os.urandom(6 * PART_BYTES))
        passed: list[int] = []
        halfway = asyncio.Event()

        def progress(done: int, total: int) -> None:
            passed.append(done)
            if done > total // 2:
                halfway.set()

        adding = asyncio.create_task(file.add(progress))
        await halfway.wait()
        await process.kill()
        kept = (await installation.ask("SELECT received FROM reporting.evidence"))[0][0]
        await service()
        assert (await adding).state == pb.EVIDENCE_STATE_COMPLETE
        assert await file.fetched(case.company, tmp_path) == file.data
        again = [n for n, m in zip(passed[1:], passed, strict=False) if n <= m]
        assert kept % PART_BYTES == 0
        assert all(n > kept for n in again)


async def test_what_is_not_the_declared_file_is_refused_and_not_kept(
    service: Callable[[], "asyncio.Future[Process]"], installation: Installation, tmp_path: Path
) -> None:
    await service()
    async with at(installation) as parties:
        case = await parties.report()
        file = File.of(parties, case, os.urandom(3000))
        sent = b"".join(stream.encrypt(io.BytesIO(file.data), file.plan))
        other = bytes(len(sent))

        async def refused(kind: type[Error], *parts: tuple[int, bytes]) -> str:
            with pytest.raises(kind) as told:
                await _send(case.company, file.first(), *parts)
            return str(told.value)

        assert "SHA-256" in await refused(InvalidArgument, (0, other))
        assert "0 bytes have arrived" in await refused(InvalidArgument, (1, sent))
        assert "goes on to byte" in await refused(InvalidArgument, (0, sent + b"more"))
        assert "is empty" in await refused(InvalidArgument, (0, b""))
        assert "the stream ended after 10" in await refused(InvalidArgument, (0, sent[:10]))
        with pytest.raises(AlreadyExists, match="is another file"):
            await _send(case.company, file.first(size=len(sent) + 1), (0, sent))
        chunk = pb.EvidenceChunk(offset=0, data=sent)
        with pytest.raises(InvalidArgument, match="say first what comes"):
            await _send(case.company, file.first(chunk=chunk))
        listed = await evidence.listed(case.company, case.handle)
        assert [(one.state, one.received) for one in listed] == [(pb.EVIDENCE_STATE_ARRIVING, 0)]
        assert (await _send(case.company, file.first(), (0, sent))).evidence.state == 2
        assert await file.fetched(case.company, tmp_path) == file.data


async def test_a_number_is_not_skipped_and_another_case_is_not_written_to(
    installation: Installation,
) -> None:
    await installation.serve("reporting")
    async with at(installation) as parties:
        case, other = await parties.report(), await parties.report()
        file = File.of(parties, case, b"ledger", number=4)
        with pytest.raises(Error, match="next number of the company in this case is 2"):
            await file.add()
        theirs = File.of(parties, other, b"ledger")
        with pytest.raises(NotFound):
            await _send(case.company, theirs.first(), (0, b"x"))
        assert await evidence.listed(other.company, other.handle) == []


async def test_a_file_takes_little_memory_whatever_its_size(
    installation: Installation, tmp_path: Path
) -> None:
    process = await installation.serve("reporting")
    async with at(installation) as parties:
        case = await parties.report()
        with (tmp_path / "film").open("w+b") as film:
            digest = hashlib.sha256()
            for _ in range(160):
                block = os.urandom(MIB)
                digest.update(block)
                film.write(block)
            plan = stream.plan(film, os.urandom(32))
            description = parties.secrets.content(2)
            before = process.peak_memory(), _own_peak()
            await evidence.send(case.company, case.handle, description, None, film, plan)
            (listed,) = await evidence.listed(case.company, case.handle)
            said = plain.EvidenceDescription(size=plan.size, sha256=plan.sha256)
            described = Described(listed, said)
            into = tmp_path / "back"
            await evidence.fetch(case.company, case.handle, described, plan.key, into)
            after = process.peak_memory(), _own_peak()
        with into.open("rb") as back:
            assert hashlib.file_digest(back, "sha256").digest() == digest.digest()
        for was, now in zip(before, after, strict=True):
            assert now - was <= 64 * MIB


def _own_peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
