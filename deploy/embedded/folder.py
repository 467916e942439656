"""The folder that one running stack keeps its data in: locked, private, remembered."""

import fcntl
import json
import os
import random
import secrets
import shutil
import socket
from pathlib import Path
from typing import IO, Any

from deploy.files import write_private

# Below the range that systems hand out for outgoing connections, so that none of those takes a
# port between the moment it is chosen and the moment it is listened on.
_PORTS = range(20000, 32000)


class FolderInUse(Exception):
    """Another run uses the folder; the message says so and what to do."""


class Folder:
    """A data folder, held by this process from `acquire` to `release`.

    What must be the same after a restart (ports, passwords, secrets) is made on first use and
    kept in `state.json`, which only the owner can read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: IO[str] | None = None
        self._state: dict[str, Any] = {}
        self._chosen: set[str] = set()

    def acquire(self) -> None:
        """Takes the folder. Raises FolderInUse."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = (self.path / "lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            holder = self._lock.read().strip() or "unknown"
            self._lock.close()
            raise FolderInUse(
                f"{self.path} is in use by process {holder}: stop that first, "
                "or give this run a data folder of its own"
            ) from None
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        state = self.path / "state.json"
        self._state = json.loads(state.read_text()) if state.exists() else {}

    def clear(self) -> None:
        """Removes everything in it. Nothing that uses it may be running."""
        self._state = {}
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "lock":
                path.unlink()

    def keep_previous_logs(self) -> None:
        """Puts the logs of the run before aside, for who asks why it ended."""
        logs, previous = self.folder("logs"), self.folder("logs.previous")
        for path in previous.iterdir():
            path.unlink()
        for path in logs.iterdir():
            path.rename(previous / path.name)

    def release(self) -> None:
        """Lets another run have the folder."""
        if self._lock:
            self._lock.close()

    def folder(self, name: str) -> Path:
        """A folder inside, made if need be."""
        path = self.path / name
        path.mkdir(exist_ok=True, mode=0o700)
        return path

    def write(self, name: str, content: str) -> Path:
        """Writes a file inside that only the owner can read, whole or not at all."""
        return write_private(self.path / name, content)

    def secret(self, name: str) -> str:
        """64 hexadecimal digits that stay the same for this folder."""
        return str(self._remember("secrets", name, lambda: secrets.token_hex(32)))

    def port(self, name: str) -> int:
        """A free port of the loopback address, the same as last time if it is still free."""
        port = int(self._remember("ports", name, _free_port))
        # Chosen once per run: after that, what is listening there is ours.
        if name not in self._chosen and not _is_free(port):
            port = self._state["ports"][name] = _free_port()
            self._save()
        self._chosen.add(name)
        return port

    def _remember(self, kind: str, name: str, make: Any) -> Any:
        values = self._state.setdefault(kind, {})
        if name not in values:
            values[name] = make()
            self._save()
        return values[name]

    def _save(self) -> None:
        self.write("state.json", json.dumps(self._state, indent=2))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do, so that a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    return next(port for port in random.sample(_PORTS, len(_PORTS)) if _is_free(port))
