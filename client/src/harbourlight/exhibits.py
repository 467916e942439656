"""Files of evidence, as the company adds them and as the desk gets them."""

import asyncio
import mimetypes
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from harbourlight import evidence
from harbourlight.caseworker import Caseworker
from harbourlight.connection import Connection
from harbourlight.errors import BadFile
from harbourlight.evidence import Described, Progress, silent
from harbourlight.reporter import Reporter, turn_of
from harbourlight.reporting.v1 import evidence_pb2 as pb
from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.sealing import content as contents
from harbourlight.sealing import stream
from harbourlight.sealing.warnings import Warned, in_file


def look_at_file(file: Path, identity: sealed.Identity) -> list[Warned]:
    """What name and metadata of a file tell of who reports. Raises BadFile."""
    try:
        return in_file(identity, file)
    except OSError as error:
        raise BadFile(f"cannot read {file}: {error.strerror}") from error


class Exhibitor(Reporter):
    """Base of Company: adds files to its case."""

    async def add_evidence(
        self,
        file: Path,
        *,
        description: str = "",
        media_type: str = "",
        progress: Progress = silent,
    ) -> pb.Evidence:
        """Encrypts a file of at most 1 GiB on this machine and sends it to the desk.

        Called again after a cut, also by another process, it goes on where it stopped. Raises
        BadFile where the file cannot be read or changes meanwhile.
        """
        try:
            with await asyncio.to_thread(file.open, "rb") as opened:
                return await self._add(
                    opened,
                    sealed.EvidenceDescription(
                        evidence_id=str(uuid.uuid4()),
                        file_name=file.name,
                        media_type=media_type or mimetypes.guess_type(file.name)[0] or "",
                        description=description,
                    ),
                    progress,
                )
        except OSError as error:
            raise BadFile(f"cannot read {file}: {error.strerror}") from error

    async def _add(
        self, file: BinaryIO, description: sealed.EvidenceDescription, progress: Progress
    ) -> pb.Evidence:
        for one in await self.list_evidence():
            plan = None if one.is_complete else await self._plan_again(file, one, description)
            if plan:
                found = one.evidence.description.content
                answer = await evidence.send(
                    self._connection, self.handle, found, None, file, plan, progress=progress
                )
                return answer.evidence
        case = await self._case()
        turn, desk = turn_of(case), await self._desk_key(case)
        key = self._sealer.file_key(description.evidence_id, turn.epoch)
        plan = await asyncio.to_thread(stream.plan, file, key)
        description.size, description.sha256 = plan.size, plan.sha256
        answer = await evidence.send(
            self._connection,
            self.handle,
            self._sealer.evidence(description, desk, turn),
            self._sealer.content_key(desk, turn.epoch) if turn.needs_key else None,
            file,
            plan,
            progress=progress,
        )
        return answer.evidence

    async def _plan_again(
        self, file: BinaryIO, found: Described, wanted: sealed.EvidenceDescription
    ) -> stream.Plan | None:
        """The plan of a file that began to arrive earlier, if this is the same file."""
        said = found.description
        if said is None or said.file_name != wanted.file_name:
            return None
        if os.fstat(file.fileno()).st_size != said.size:
            return None
        key = self._sealer.file_key(said.evidence_id, found.epoch)
        plan = await asyncio.to_thread(stream.plan, file, key)
        return plan if plan.sha256 == said.sha256 else None

    async def list_evidence(self) -> list[Described]:
        """The case's files, those that are still arriving among them, oldest first."""
        directory = await self._read_directory()
        return [
            Described.of(one, self._sealer.read(one.description, directory))
            for one in await evidence.listed(self._connection, self.handle)
        ]

    async def get_evidence(self, number: int, into: Path, *, progress: Progress = silent) -> None:
        """Fetches a file of the case; `into` is there only if all of it is genuine.

        Raises BadFile where it exists or cannot be written, CannotOpen.
        """
        found = await evidence.numbered(self._connection, self.handle, number)
        letter = self._sealer.read(found.description, await self._read_directory())
        described = Described.of(found, letter)
        await _fetch(
            self._connection, self.handle, described, self._sealer.file_key, into, progress
        )


class ExhibitReader(Caseworker):
    """Base of Authority: gets the files of its cases."""

    async def list_evidence(self, handle: str) -> list[Described]:
        """The case's files, those that are still arriving among them, oldest first."""
        desk, case = await self._opened(handle)
        return [
            Described.of(one, desk.read(one.description, handle, case.content_keys))
            for one in await evidence.listed(self._connection, handle)
        ]

    async def get_evidence(
        self, handle: str, number: int, into: Path, *, progress: Progress = silent
    ) -> None:
        """Fetches a file of a case; `into` is there only if all of it is genuine.

        Raises BadFile where it exists or cannot be written, CannotOpen.
        """
        desk, case = await self._opened(handle)
        found = await evidence.numbered(self._connection, handle, number)
        described = Described.of(found, desk.read(found.description, handle, case.content_keys))

        def key_of(evidence_id: str, epoch: int) -> bytes:
            key = case.content_keys[epoch]
            return contents.evidence_key(key, handle=handle, evidence_id=evidence_id)

        await _fetch(self._connection, handle, described, key_of, into, progress)


async def _fetch(
    connection: Connection,
    handle: str,
    described: Described,
    key_of: Callable[[str, int], bytes],
    into: Path,
    progress: Progress,
) -> None:
    said = described.description
    key = key_of(said.evidence_id, described.epoch) if said else b""
    await evidence.fetch(connection, handle, described, key, into, progress=progress)
