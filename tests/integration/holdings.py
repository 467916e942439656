"""All that the platform has of an installation: to whoever runs it, every door is open."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg

from deploy import topology
from harbourlight.connection import Connection, TokenCredential
from harbourlight.reporting.v1 import content_pb2 as content
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.triage.v1 import unsealing_pb2 as unsealing
from tests.integration.installation import Installation

_LARGEST_FILE = 32 * 1024 * 1024


async def everything(installation: Installation, handle: str, *unsealings: str) -> list[bytes]:
    """Databases, key store, topics, logs, settings, and what the services answer to any token."""
    held = await _rows(installation.admin_url)
    keystore = installation.stack.keystore_admin_url.rpartition("/")[0]
    held += await _rows(f"{keystore}/{topology.keystore_database(installation.name)}")
    for record in await installation.records(*(one.name for one in topology.topics())):
        held += [record.key or b"", record.value or b""]
        held += [value or b"" for _, value in record.headers]
    held += _files(installation.folder)
    for process in topology.PROCESSES:
        held += _settings(installation.environment(process.name))
    held += await _answers(installation, handle, unsealings)
    return [one for one in dict.fromkeys(held) if one]


async def _rows(url: str) -> list[bytes]:
    """Every value of every row of every table."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("SELECT schemaname, relname FROM pg_stat_user_tables")
        found = []
        for schema, table in tables:
            rows = await connection.fetch(f'SELECT * FROM "{schema}"."{table}"')
            found += [_bytes(value) for row in rows for value in row.values()]
        return found
    finally:
        await connection.close()


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _files(folder: Path) -> Iterator[bytes]:
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size <= _LARGEST_FILE:
            yield from path.read_bytes().splitlines()


def _settings(environment: dict[str, str]) -> Iterator[bytes]:
    """The values, and what is in the files that they name."""
    for value in environment.values():
        yield value.encode()
        path = Path(value)
        if path.is_absolute() and path.exists():
            for file in [path] if path.is_file() else path.iterdir():
                if file.is_file() and file.stat().st_size <= _LARGEST_FILE:
                    yield file.read_bytes()
                    yield from file.read_bytes().splitlines()


async def _answers(
    installation: Installation, handle: str, unsealings: tuple[str, ...]
) -> list[bytes]:
    """What an operator gets that mints tokens: it has the key, so it can be anybody with one."""
    mint = installation.stack.mint
    of_case: list[Any] = [
        (content.GetSealedReportRequest(handle=handle), content.GetSealedReportResponse),
        (content.ListMessagesRequest(handle=handle), content.ListMessagesResponse),
        (unsealing.ListMyUnsealingsRequest(handle=handle), unsealing.ListMyUnsealingsResponse),
        (
            triage.ListQueueRequest(filter=triage.QueueFilter(handle=handle)),
            triage.ListQueueResponse,
        ),
    ]
    of_case += [
        (unsealing.GetUnsealingRequest(unsealing_id=one), unsealing.GetUnsealingResponse)
        for one in unsealings
    ]
    of_custodian: list[Any] = [
        (content.GetSealedReportRequest(handle=handle), content.GetSealedReportResponse),
        (unsealing.ListUnsealingsRequest(), unsealing.ListUnsealingsResponse),
    ]
    found = []
    for role, requests in (("AUTHORITY", of_case), ("CUSTODIAN", of_custodian)):
        connection = Connection(installation.endpoints(), TokenCredential(mint(role)), patience=30)
        try:
            for request, response in requests:
                found.append((await connection.call(request, response)).SerializeToString())
        finally:
            await connection.close()
    return found
