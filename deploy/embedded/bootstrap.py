"""Brings a checkout to where it can run: packages, contract code, Kafka's jars.

Runs on a bare Python of 3.11 or newer, so it needs nothing but the standard library. Each step
is stamped with a hash of what it depends on and skipped while that is unchanged; all of it lives
in `.harbourlight/` at the root of the checkout and can be deleted at any time.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        f"error: Harbourlight needs Python 3.11 or newer, and {sys.executable} is "
        f"{sys.version.split()[0]}: install a newer one, or name it with `make PYTHON=...`"
    )

import contextlib
import fcntl
import hashlib
import os
import re
import runpy
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".harbourlight"
VENV = HOME / "venv"
PYTHON = VENV / "bin" / "python"
OPS = VENV / "bin" / "harbourlight-ops"
JARS = HOME / "kafka"
CLIENT = ROOT / "client"
LOCK = ROOT / "requirements" / "dev.lock"
CODEGEN = CLIENT / "codegen.py"


class SetupError(Exception):
    """A step failed; the message says what and what to do."""


def main() -> None:
    """Command line: sets the checkout up, or does nothing within a fraction of a second."""
    # Ended by `kill`, it still ends what it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        HOME.mkdir(exist_ok=True)
        with _alone():
            _set_up()
    except SetupError as error:
        sys.exit(f"error: {error}")
    except PermissionError as error:
        sys.exit(
            f"error: {error.filename} belongs to another user, who set this checkout up before: "
            f"remove {HOME} as that user, or use a checkout of your own"
        )
    except KeyboardInterrupt:
        sys.exit("\nstopped; the next run goes on from here")


def _set_up() -> None:
    # A virtual environment knows its own path and interpreter, so a moved checkout makes it anew.
    here = f"{ROOT}\n{sys.version}\n"
    _step("virtual environment", VENV, here, _make_venv)
    _step("packages", VENV, _hash(LOCK), _install_packages)
    # It knows by itself, and asking takes nothing that is not here yet.
    if not runpy.run_path(str(CODEGEN))["is_current"]():
        _do("contract code", _generate)
    built_from = (CLIENT / "pyproject.toml", CLIENT / "hatch_build.py")
    _step("command line", VENV, _hash(*built_from), _install_client)
    _step("operators' command line", VENV, here, _install_ops)
    _step("Kafka", JARS, _hash(ROOT / "deploy" / "embedded" / "jars.lock"), _fetch_jars)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Holds the set-up of this checkout; a second run waits for the first."""
    with (HOME / "setup.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another run that is setting up this checkout", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        # Shared with what we start: where we are killed and pip works on, the next run waits.
        os.set_inheritable(file.fileno(), True)
        yield


def _step(name: str, folder: Path, depends_on: str, work: Callable[[], None]) -> None:
    """Does `work`, which fills `folder`, unless it was done for the same `depends_on`.

    The stamp lies in the folder that it vouches for, so that one is never there without the other.
    """
    stamp = folder / f".{name.replace(' ', '-')}"
    digest = hashlib.sha256(depends_on.encode()).hexdigest()
    # The interpreter may be gone although the stamp is there: an upgrade of the system.
    if stamp.is_file() and stamp.read_text() == digest and PYTHON.exists():
        return
    stamp.unlink(missing_ok=True)
    _do(name, work)
    stamp.write_text(digest)


def _do(name: str, work: Callable[[], None]) -> None:
    started = time.monotonic()
    print(f"setting up: {name}", flush=True)
    work()
    print(f"set up: {name} ({time.monotonic() - started:.0f} s)", flush=True)


def _make_venv() -> None:
    try:
        import ensurepip
        import venv  # noqa: F401

        ensurepip.version()
    except ImportError as error:
        raise SetupError(
            f"{sys.executable} has no {error.name} module, which makes virtual environments: "
            "on Debian and Ubuntu `apt install python3-venv` adds it; "
            "or name another Python with `make PYTHON=...`"
        ) from error
    # This may run on the interpreter of the very environment that is made anew.
    base = getattr(sys, "_base_executable", sys.executable)
    _run([base, "-m", "venv", "--clear", str(VENV)], "cannot make a virtual environment")


def _install_packages() -> None:
    total = len(re.findall(r"^[\w.-]+==", LOCK.read_text(), re.MULTILINE))
    seen = 0

    def progress(line: str) -> None:
        nonlocal seen
        if line.startswith("Collecting "):
            seen += 1
            _show(f"  {seen} of about {total}: {line.split()[1].partition('==')[0]}")
        elif line.startswith("Installing collected"):
            _show("  installing what was fetched")

    _run(
        [*_pip(), "--only-binary", ":all:", "--require-hashes", "-r", str(LOCK)],
        "cannot install the packages: check that this machine reaches the package index "
        "(or the mirror that pip is configured with), and run again",
        progress,
    )
    _show("")


def _generate() -> None:
    _run([str(PYTHON), str(CODEGEN)], "cannot write the contract code")


def _install_client() -> None:
    _run(
        [*_pip(), "--no-deps", "--no-build-isolation", "--editable", str(CLIENT)],
        "cannot install the client from this checkout",
    )


def _install_ops() -> None:
    # The application is not a package: its command is this checkout's own.
    text = f"""#!/bin/sh
PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(str(PYTHON))} -m deploy.ops "$@"
"""
    OPS.write_text(text)
    OPS.chmod(0o755)


def _fetch_jars() -> None:
    _run([str(PYTHON), "-m", "deploy.embedded.jars"], "cannot fetch Kafka")


def _pip() -> list[str]:
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    return [str(PYTHON), "-m", "pip", "install", *options]


def _run(command: list[str], wrong: str, progress: Callable[[str], None] | None = None) -> None:
    """Runs a command from the root. Raises SetupError with `wrong` and its last lines."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    last: list[str] = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        close_fds=False,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                last = [*last[-14:], line.rstrip()]
                if progress:
                    progress(line)
        except KeyboardInterrupt:
            process.terminate()
            raise
    if process.returncode:
        raise SetupError("\n".join([wrong, *(f"  {line}" for line in last)]))


def _show(line: str) -> None:
    """One line that replaces the one before on a terminal; in a log, only now and then."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K{line}", end="", flush=True)
    elif line and (" installing " in line or re.match(r"  \d*[05] of", line)):
        print(line, flush=True)


def _hash(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


if __name__ == "__main__":
    main()
