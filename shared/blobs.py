"""Large ciphertexts: parts under a key, in the service's own schema or in an object store.

A part is written whole and never changed, so whoever was cut off goes on behind the last one.
"""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from obstore.store import from_url

from shared.database import Database

PART_BYTES = 4 * 1024 * 1024
"""Length of every part of a blob but the last; a reader or writer holds one at a time."""


class MissingPart(Exception):
    """A part that should be there is not; the message names its key."""


class Blobs(Protocol):
    """Where parts are kept. Keys are `<blob>/<number of the part>`."""

    async def put(self, blob: str, part: int, data: bytes) -> None:
        """Keeps a part; the same one again changes nothing."""
        ...

    async def get(self, blob: str, part: int) -> bytes:
        """A part. Raises MissingPart."""
        ...

    async def delete(self, blob: str) -> None:
        """Removes every part of a blob; none is fine."""
        ...


class DatabaseBlobs:
    """Parts as rows of the service's schema, in the table `blob_part`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, blob: str, part: int, data: bytes) -> None:
        """See Blobs."""
        await self._database.execute(
            "INSERT INTO blob_part (blob, part, data) VALUES ($1, $2, $3)"
            " ON CONFLICT (blob, part) DO UPDATE SET data = excluded.data",
            blob,
            part,
            data,
        )

    async def get(self, blob: str, part: int) -> bytes:
        """See Blobs."""
        row = await self._database.fetchrow(
            "SELECT data FROM blob_part WHERE blob = $1 AND part = $2", blob, part
        )
        if row is None:
            raise MissingPart(_key(blob, part))
        return bytes(row["data"])

    async def delete(self, blob: str) -> None:
        """See Blobs."""
        await self._database.execute("DELETE FROM blob_part WHERE blob = $1", blob)


class ObjectBlobs:
    """Parts as objects of any store that speaks S3 (or GCS, or Azure)."""

    def __init__(self, url: str) -> None:
        """`url` is such as s3://bucket/prefix; endpoint and credentials come from the
        environment, under the names that the store's own tools use (AWS_ENDPOINT_URL, …)."""
        self._store: Any = from_url(url)

    async def put(self, blob: str, part: int, data: bytes) -> None:
        """See Blobs."""
        # One request: a part is small, and a multipart upload would leave pieces when it is cut.
        await self._store.put_async(_key(blob, part), data, use_multipart=False)

    async def get(self, blob: str, part: int) -> bytes:
        """See Blobs."""
        try:
            found = await self._store.get_async(_key(blob, part))
        except FileNotFoundError:
            raise MissingPart(_key(blob, part)) from None
        return bytes(await found.bytes_async())

    async def delete(self, blob: str) -> None:
        """See Blobs."""
        async for page in self._store.list(f"{blob}/"):
            await self._store.delete_async([one["path"] for one in page])


def _key(blob: str, part: int) -> str:
    return f"{blob}/{part:06}"


def at(url: str, database: Database) -> Blobs:
    """The store that a setting names; empty is the service's own schema."""
    return ObjectBlobs(url) if url else DatabaseBlobs(database)


async def read(blobs: Blobs, blob: str, size: int, start: int = 0) -> AsyncIterator[bytes]:
    """The bytes of a blob of `size` from `start` on, at most a part at a time.

    Raises MissingPart.
    """
    while start < size:
        part, skipped = divmod(start, PART_BYTES)
        data = await blobs.get(blob, part)
        wanted = min(size - part * PART_BYTES, PART_BYTES)
        if len(data) != wanted:
            raise MissingPart(f"{_key(blob, part)} holds {len(data)} bytes instead of {wanted}")
        yield data[skipped:]
        start += len(data) - skipped
