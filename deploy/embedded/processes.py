"""Child processes that are supervised while we run and gone when we are gone."""

import asyncio
import contextlib
import functools
import logging
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
# A process that lived this long had started well, so its next end is the first one again.
_STEADY_SECONDS = 10.0
_POLL_SECONDS = 0.05


class StartError(Exception):
    """A process did not come up; the message has its last words and where the rest is."""


@dataclass(frozen=True)
class Program:
    """How to run and stop one process."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    cwd: Path
    log: Path
    ready: Callable[[], Awaitable[bool]]
    """Whether it is ready now; called again and again, and may raise ConnectionError."""
    ready_seconds: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0
    """Time to stop by itself before it is killed."""
    orphan_signal: signal.Signals = signal.SIGKILL
    """What the system sends it when we die without stopping it."""
    drop_to: tuple[int, int] | None = None
    """See `launcher`."""


@dataclass
class Child:
    """One supervised process: when it ends unasked, it is started again, with back-off."""

    program: Program
    on_change: Callable[[], None] = lambda: None
    """Called when the process id changes."""
    _process: asyncio.subprocess.Process | None = None
    _wanted: bool = False
    _watcher: asyncio.Task[None] | None = None
    _spawned_at: float = 0.0

    @property
    def pid(self) -> int | None:
        """Process id, or None while it is not running."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process and running else None

    @property
    def age(self) -> float:
        """Seconds since it was last started; 0 while it is not running."""
        return time.monotonic() - self._spawned_at if self.pid is not None else 0.0

    async def start(self) -> None:
        """Starts it and waits until it is ready. Raises StartError; then it is not running."""
        if self._wanted:
            return
        self._wanted = True
        try:
            await self._spawn()
            await self.ready(give_up=True)
        except BaseException:
            await self.stop()
            raise
        self._watcher = asyncio.create_task(self._supervise())

    async def ready(self, *, give_up: bool = False) -> None:
        """Waits until it is ready, across restarts unless `give_up`. Raises StartError."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.program.ready_seconds
        while True:
            if give_up and self.pid is None:
                code = self._process.returncode if self._process else None
                raise self._start_error(f"ended with exit code {code} while starting")
            if self.pid is not None:
                with contextlib.suppress(ConnectionError, TimeoutError):
                    # A port may be answered by somebody else if ours has just ended.
                    if await self.program.ready() and self.pid is not None:
                        return
            if loop.time() > deadline:
                seconds = self.program.ready_seconds
                raise self._start_error(f"was not ready after {seconds:.0f} s")
            await asyncio.sleep(_POLL_SECONDS)

    async def stop(self) -> None:
        """Stops it, gracefully if it can, and leaves it stopped."""
        self._wanted = False
        if self._watcher:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])
            self._watcher = None
        if self._process and self.pid is not None:
            self._signal(self.program.stop_signal)
            try:
                await asyncio.wait_for(self._process.wait(), self.program.stop_seconds)
            except TimeoutError:
                log.warning("%s does not stop by itself and is killed", self.program.name)
                self._signal(signal.SIGKILL)
                await self._process.wait()
        self.on_change()

    async def kill(self) -> None:
        """Kills it as a power cut would. It is started again, as after any unasked end."""
        if self._process and self.pid is not None:
            self._signal(signal.SIGKILL)
            await self._process.wait()

    async def restart(self) -> None:
        """Stops it gracefully, starts it and waits until it is ready. Raises StartError."""
        await self.stop()
        await self.start()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def _spawn(self) -> None:
        program = self.program
        with program.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *launcher(program.orphan_signal, program.drop_to),
                *program.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(program.environment),
                cwd=program.cwd,
                # Ctrl-C reaches everything in a terminal's group; children are stopped in order.
                start_new_session=True,
            )
        self._spawned_at = time.monotonic()
        self.on_change()

    async def _supervise(self) -> None:
        failures = 0
        while self._wanted:
            assert self._process is not None
            code = await self._process.wait()
            self.on_change()
            steady = time.monotonic() - self._spawned_at > _STEADY_SECONDS
            failures = 1 if steady else failures + 1
            pause = _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS)) - 1]
            log.warning("%s ended (exit code %s) and is started again", self.program.name, code)
            await asyncio.sleep(pause)
            await self._spawn()

    def _start_error(self, what: str) -> StartError:
        return StartError(
            f"{self.program.name} {what}. Its last words:\n{last_lines(self.program.log)}\n"
            f"The rest is in {self.program.log}"
        )


async def run_once(
    name: str,
    argv: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path,
    log: Path,
    drop_to: tuple[int, int] | None = None,
) -> None:
    """Runs a command to its end. Raises StartError where it fails."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *launcher(signal.SIGKILL, drop_to),
            *argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
    if code:
        raise StartError(
            f"{name} failed with exit code {code}. Its last words:\n{last_lines(log)}\n"
            f"The rest is in {log}"
        )


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """All of it at once; the first failure cancels the rest and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


@functools.cache
def _setpriv() -> str | None:
    """util-linux's setpriv, where it is there and new enough."""
    path = shutil.which("setpriv")
    if path is None:
        return None
    text = subprocess.run([path, "--help"], capture_output=True, text=True, check=False).stdout
    return path if "--pdeathsig" in text else None


def can_drop_root() -> bool:
    """Whether a process can be started as another user that still reads what root can."""
    return _setpriv() is not None


def launcher(orphan_signal: signal.Signals, drop_to: tuple[int, int] | None = None) -> list[str]:
    """What to put in front of a command so that it ends when this process ends.

    `drop_to` is the (user id, group id) it runs as, keeping the right to read what root can.
    Where there is no setpriv, as on macOS, the next run's clean-up is all there is.
    """
    setpriv = _setpriv()
    if setpriv is None:
        return []
    command = [setpriv, "--pdeathsig", orphan_signal.name.removeprefix("SIG")]
    if drop_to:
        user, group = drop_to
        command += ["--reuid", str(user), "--regid", str(group), "--clear-groups"]
        command += ["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"]
        # Or access(2), by which PostgreSQL looks for its programs, would not count that right.
        command += ["--securebits", "+no_setuid_fixup"]
    return [*command, "--"]


def last_lines(path: Path, count: int = 15) -> str:
    """The end of a log, indented for a message."""
    try:
        lines = path.read_text(errors="replace").splitlines()[-count:]
    except OSError:
        lines = []
    return "\n".join(f"  {line}" for line in lines) or "  (nothing)"
