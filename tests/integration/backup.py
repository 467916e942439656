"""Backups of an installation's database, by PostgreSQL's own tools."""

import asyncio
import subprocess
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from deploy.embedded.postgres import BIN
from tests.integration.installation import Installation


async def dump(installation: Installation) -> bytes:
    """The whole database, as SQL."""
    return await _run("pg_dump", installation.admin_url, b"")


async def restore(installation: Installation, backup: bytes, name: str) -> str:
    """The URL, as the administrator, of a new database with what the backup has."""
    admin = installation.stack.admin_database_url
    connection = await asyncpg.connect(admin)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
        for role in ("reporting", "triage"):
            await connection.execute(
                f'ALTER ROLE {role} IN DATABASE "{name}" SET search_path={role}'
            )
    finally:
        await connection.close()
    url = urlunsplit(urlsplit(admin)._replace(path=f"/{name}"))
    await _run("psql", url, backup, "--quiet", "--set=ON_ERROR_STOP=1")
    return url


async def _run(program: str, url: str, given: bytes, *arguments: str) -> bytes:
    command = [str(BIN / program), *arguments, url]
    done = await asyncio.to_thread(
        subprocess.run, command, input=given, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
