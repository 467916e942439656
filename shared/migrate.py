"""Forward-only migrations: numbered SQL files, applied once each, under a lock."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import asyncpg

SHARED = Path(__file__).parent / "migrations"


class ChangedMigration(Exception):
    """A file that was applied already has been edited since."""


async def migrate(database_url: str, *folders: Path) -> list[str]:
    """Applies what is missing of each folder's files, in order, to the role's own schema.

    Returns the names applied now. Safe to run from several processes at once. Raises
    ChangedMigration where an applied file differs from what was applied.
    """
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext(current_schema()))")
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, sha256 text NOT NULL,"
                " applied_at timestamptz NOT NULL DEFAULT now())"
            )
            rows = await connection.fetch("SELECT name, sha256 FROM migration")
            applied = {row["name"]: row["sha256"] for row in rows}
            return [
                name
                for name, script in _scripts(folders)
                if await _apply(connection, name, script, applied)
            ]
    finally:
        await connection.close()


def _scripts(folders: Sequence[Path]) -> list[tuple[str, str]]:
    """(owner/file name, SQL) in the order to apply."""
    return [
        (f"{folder.parent.name}/{path.name}", path.read_text(encoding="utf-8"))
        for folder in folders
        for path in sorted(folder.glob("*.sql"))
    ]


async def _apply(
    connection: asyncpg.Connection, name: str, script: str, applied: dict[str, str]
) -> bool:
    digest = hashlib.sha256(script.encode()).hexdigest()
    if name in applied:
        if applied[name] != digest:
            raise ChangedMigration(
                f"{name} was applied and has been edited since: put the change into a new file"
            )
        return False
    await connection.execute(script)
    await connection.execute("INSERT INTO migration (name, sha256) VALUES ($1, $2)", name, digest)
    return True
