"""Backups: every service's database at one moment, and where the topics were.

What is in Kafka can be made again from the outboxes, so it is not copied. Erasure keys are in
another database, on another server, and never in a backup: what was erased stays unreadable in
every backup that has it.
"""

import asyncio
import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kafka.admin import OffsetSpec

from deploy import topology
from deploy.ops import flow, postgres_tools
from deploy.ops.site import Site, Unusable

_DUMP, _MANIFEST = "services.dump", "manifest.json"
_FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    began: str
    """All that was committed before this moment is in it."""
    ended: str
    database: str
    sha256: str
    """Of the dump."""
    migrations: dict[str, list[str]]
    """Service -> what was applied."""
    unsent: dict[str, int]
    """Service -> events that were on their way out."""
    ends: dict[str, int]
    """Topic/partition -> where it ended; for whoever asks how much came later."""


async def backup(site: Site, folder: Path) -> Manifest:
    """Makes a backup in a new folder. Raises Unusable where it has something in it, OpsError."""
    _make_empty(folder)
    began = datetime.now(UTC)
    async with site.connect() as connection:
        migrations = {
            service: [
                row["name"]
                for row in await connection.fetch(
                    f"SELECT name FROM {service}.migration ORDER BY name"
                )
            ]
            for service in topology.DATABASES
        }
        unsent = {one.service: one.unsent for one in await flow.outboxes(connection, site.prefix)}
    schemas = [f"--schema={service}" for service in topology.DATABASES]
    # One snapshot of all schemas: what one service had sent, another had not taken in before.
    await postgres_tools.run(
        "pg_dump", site.database_url, "--format=custom", f"--file={folder / _DUMP}", *schemas
    )
    (folder / _DUMP).chmod(0o600)
    manifest = Manifest(
        format=_FORMAT,
        began=began.isoformat(),
        ended=datetime.now(UTC).isoformat(),
        database=urlsplit(site.database_url).path.lstrip("/"),
        sha256=await asyncio.to_thread(_digest, folder / _DUMP),
        migrations=migrations,
        unsent=unsent,
        ends=await asyncio.to_thread(_ends, site),
    )
    # Last, so that a backup with a manifest is whole.
    (folder / _MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
    return manifest


def _make_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise Unusable(f"{folder} is not empty: every backup has a folder of its own")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)


def _ends(site: Site) -> dict[str, int]:
    with site.admin() as admin:
        there = flow.partitions(admin, [one.name for one in topology.topics(site.prefix)])
        ends = admin.list_partition_offsets(dict.fromkeys(there, OffsetSpec.LATEST))
    return {
        f"{one.topic.removeprefix(site.prefix)}/{one.partition}": at.offset
        for one, at in ends.items()
    }


def read(folder: Path) -> tuple[Manifest, Path]:
    """A backup's manifest and dump. Raises Unusable where it is none, or not whole."""
    try:
        said: dict[str, Any] = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        if said.get("format") != _FORMAT:
            raise Unusable(f"{folder} is a backup of format {said.get('format')}, not {_FORMAT}")
        manifest = Manifest(**said)
        digest = _digest(folder / _DUMP)
    except (OSError, ValueError, TypeError) as error:
        raise Unusable(
            f"{folder} is no backup ({error}): name the folder that it was made in"
        ) from (error)
    if digest != manifest.sha256:
        raise Unusable(f"{folder / _DUMP} is not what its manifest says: it was cut or changed")
    return manifest, folder / _DUMP


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
