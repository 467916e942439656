"""A party that seals, signs or opens with keys of its own, and believes the directory alone."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime

from harbourlight.auditor import Ledger
from harbourlight.connection import PATIENCE, Credential
from harbourlight.effort import OnWork, no_word
from harbourlight.endpoints import Endpoints
from harbourlight.errors import BadFile
from harbourlight.keys.directory import Directory
from harbourlight.keys.entries import Kind
from harbourlight.keys.files import KeyFile, KeyRing
from harbourlight.keys.memory import Memory
from harbourlight.keys.recipients import read_directory
from harbourlight.party import Party
from harbourlight.reporting.v1 import content_pb2 as content

NO_KEYS = KeyRing(())


class Keyed(Party):
    """Base of those who hold keys: `keys` are theirs, `memory` is what they saw before."""

    def __init__(
        self,
        endpoints: Endpoints,
        credential: Credential,
        *,
        keys: KeyRing = NO_KEYS,
        memory: Memory | None = None,
        patience: float = PATIENCE,
        on_work: OnWork = no_word,
    ) -> None:
        super().__init__(endpoints, credential, patience=patience, on_work=on_work)
        self._endpoints = endpoints
        self._keys = keys
        self._memory = memory or Memory(endpoints.origin)
        self._ledger = Ledger(endpoints, patience=patience)
        self._directory: Directory | None = None

    async def close(self) -> None:
        """Ends all calls and closes the connections."""
        await super().close()
        await self._ledger.close()

    async def _read_directory(self) -> Directory:
        """The directory as it is now, verified. Raises Untrusted, and BadFile without trust."""
        trust, before = self._endpoints.trusted(), self._directory
        self._directory = await read_directory(self._ledger, trust, self._memory, before)
        if self._directory is not before:
            self._memory.save()
        return self._directory

    async def _stored(self, handle: str) -> AsyncGenerator[content.Message, None]:
        """What either side wrote in a case, sealed, oldest first."""
        request = content.ListMessagesRequest(handle=handle)
        async with aclosing(self._connection.pages(request, content.ListMessagesResponse)) as pages:
            async for page in pages:
                for found in page.messages:
                    yield found

    def _own(self, kind: Kind, directory: Directory) -> KeyFile:
        """The newest own key of this kind that counts now. Raises BadFile."""
        now = datetime.now(UTC)
        counting = [
            key
            for key in self._keys.keys
            if key.entry.kind is kind
            and any(one.key_id == key.key_id for one in directory.keys)
            and not directory.problem(directory.find(key.key_id), now)
        ]
        if not counting:
            raise BadFile(
                f"among the key files here is no key of kind {kind} that counts now: name yours, "
                "and see in the directory whether it was published and certified"
            )
        return max(counting, key=lambda key: key.entry.number)
