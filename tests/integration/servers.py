"""One PostgreSQL and one Kafka for all workers of a test run.

The first worker that needs them starts a process that holds them, and the others find them in the
run's folder. Each worker has a shared lock while it needs them; the holder stops once it gets that
lock for itself, and so it stops after a run that was killed, too.
"""

import asyncio
import contextlib
import fcntl
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.embedded.bootstrap import ROOT
from deploy.embedded.processes import last_lines
from deploy.embedded.running import run
from deploy.embedded.stack import DATABASE_SETTING, KEYSTORE_SETTING, Stack
from deploy.files import write_private

_SECONDS = 120


@dataclass(frozen=True)
class Servers:
    """The servers of a run, held for as long as anybody has joined them."""

    folder: Path

    @property
    def data(self) -> Path:
        """The holder's own folder."""
        return self.folder / "data"

    @property
    def users(self) -> Path:
        """Locked by whoever needs the servers."""
        return self.folder / "users"

    @property
    def access(self) -> Path:
        """The settings that reach the servers; there while they run."""
        return self.folder / "access.json"

    @property
    def log(self) -> Path:
        """What the holder says."""
        return self.folder / "holder.log"

    def stack(self, data: Path) -> Stack:
        """An installation's view of the servers: it starts none, and has the same keys."""
        data.mkdir()
        shutil.copy(self.data / "state.json", data)
        shutil.copytree(self.data / "tls", data / "tls")
        with pytest.MonkeyPatch.context() as patch:
            for name, value in json.loads(self.access.read_text()).items():
                patch.setenv(name, value)
            return Stack(data, services=False, say=lambda _: None)


@contextlib.contextmanager
def joined(folder: Path) -> Iterator[Servers]:
    """The servers of the run whose folder this is, started where they are not running."""
    servers = Servers(folder)
    folder.mkdir(exist_ok=True)
    holder: subprocess.Popen[bytes] | None = None
    with servers.users.open("a") as users:
        with (folder / "start").open("a") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            # Where the last servers are stopping, this waits until they have.
            fcntl.flock(users, fcntl.LOCK_SH)
            if not servers.access.exists():
                holder = _start(servers)
        yield servers
    if holder:
        # Until everybody has left: what a run started ends with it.
        holder.wait()


def _start(servers: Servers) -> subprocess.Popen[bytes]:
    with servers.log.open("ab") as output:
        holder = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, str(servers.folder)],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            # Ctrl-C ends the tests, and these end the servers.
            start_new_session=True,
        )
    deadline = time.monotonic() + _SECONDS
    while not servers.access.exists():
        if holder.poll() is not None or time.monotonic() > deadline:
            holder.terminate()
            raise RuntimeError(f"no servers to test on:\n{last_lines(servers.log)}")
        time.sleep(0.05)
    return holder


async def hold(servers: Servers) -> int:
    """Runs the servers until nobody has joined them any more."""
    # The lock is kept until everything has stopped, so that nobody starts it anew before.
    with servers.users.open("a") as users:
        async with Stack(servers.data, services=False) as stack:
            access = {
                DATABASE_SETTING: stack.admin_database_url,
                KEYSTORE_SETTING: stack.keystore_admin_url,
                **stack.kafka_admin.environment(),
            }
            write_private(servers.access, json.dumps(access))
            while not _is_mine(users.fileno()):  # noqa: ASYNC110 (locks cannot be awaited)
                await asyncio.sleep(0.2)
            servers.access.unlink()
    # The logs stay.
    for name in ("postgres", "keystore", "kafka"):
        shutil.rmtree(servers.data / name, ignore_errors=True)
    return 0


def _is_mine(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(run(lambda: hold(Servers(Path(sys.argv[1])))))
