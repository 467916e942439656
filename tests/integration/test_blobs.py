"""Blobs come back as they were put, whichever store keeps them."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared import blobs
from shared.blobs import PART_BYTES, Blobs, MissingPart
from tests.integration.installation import Installation
from tests.integration.s3 import bucket

REPORTING = Path("services/reporting/migrations").resolve()


@pytest.fixture(params=["database", "s3"])
async def store(
    request: pytest.FixtureRequest, installation: Installation, tmp_path: Path
) -> AsyncIterator[Blobs]:
    async with contextlib.AsyncExitStack() as stack:
        database = await stack.enter_async_context(installation.database("reporting", REPORTING))
        url = await stack.enter_async_context(bucket(tmp_path)) if request.param == "s3" else ""
        yield blobs.at(url, database)


async def _all(store: Blobs, blob: str, size: int, start: int = 0) -> bytes:
    return b"".join([part async for part in blobs.read(store, blob, size, start)])


async def test_a_blob_is_read_from_any_byte_on(store: Blobs) -> None:
    size = PART_BYTES + 1000
    data = os.urandom(size)
    await store.put("one", 0, data[:PART_BYTES])
    await store.put("one", 1, data[PART_BYTES:])
    for start in (0, 1, PART_BYTES - 1, PART_BYTES, size - 1, size):
        assert await _all(store, "one", size, start) == data[start:]


async def test_a_part_that_was_put_twice_is_there_once(store: Blobs) -> None:
    await store.put("one", 0, b"as it was")
    await store.put("one", 0, b"as it was")
    assert await _all(store, "one", 9) == b"as it was"


async def test_a_blob_that_is_not_whole_is_not_read_as_if_it_were(store: Blobs) -> None:
    await store.put("one", 0, b"short")
    with pytest.raises(MissingPart, match="holds 5 bytes instead of 9"):
        await _all(store, "one", 9)
    with pytest.raises(MissingPart, match="one/000001"):
        await store.get("one", 1)


async def test_a_deleted_blob_is_gone_and_its_neighbours_are_not(store: Blobs) -> None:
    for blob in ("a", "a1", "b"):
        await store.put(blob, 0, blob.encode())
    await store.delete("a")
    await store.delete("a")
    with pytest.raises(MissingPart):
        await store.get("a", 0)
    assert await store.get("a1", 0) == b"a1"
    assert await store.get("b", 0) == b"b"
