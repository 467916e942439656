"""Feeds the parsers for a while: `python -m tests.fuzz [--seconds N] [NAME …]`.

Each runs in a process of its own that may take so much memory and no more. An input that crashes
one, or takes it longer than a second, is kept in `.harbourlight/fuzz/`; put it into
`tests/fuzz/corpus/NAME/` with the fix, where it is tried first from then on.
"""

import argparse
import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).parent / "corpus"
FOUND = ROOT / ".harbourlight" / "fuzz"
_MORE_BYTES = 256 * 1024 * 1024
_LONGEST_SECONDS = 1.0


class TooSlow(Exception):
    """One input took too long."""


def corpus(name: str) -> list[bytes]:
    """Inputs that once crashed this parser."""
    folder = CORPUS / name
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []


def run(name: str, seconds: float, seed: int) -> int:
    """Feeds one parser in this process; the exit code is 1 after a crash."""
    from tests.fuzz.mutations import mutate
    from tests.fuzz.targets import SEEDS, TARGETS

    def too_slow(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"more than {_LONGEST_SECONDS:g} s")

    signal.signal(signal.SIGALRM, too_slow)
    _bound_memory()
    function, chance = TARGETS[name], random.Random(seed)
    seeds = [*SEEDS[name], *corpus(name)]
    tried, deadline = 0, time.monotonic() + seconds
    while tried < len(seeds) or time.monotonic() < deadline:
        data = seeds[tried] if tried < len(seeds) else mutate(seeds, chance)
        tried += 1
        signal.setitimer(signal.ITIMER_REAL, _LONGEST_SECONDS)
        try:
            function(data)
        except BaseException as error:
            signal.setitimer(signal.ITIMER_REAL, 0)
            if isinstance(error, KeyboardInterrupt):
                raise
            traceback.print_exc()
            print(f"{name}: {error!r} by {_keep(name, data)}, after {tried} inputs", flush=True)
            return 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    print(f"{name}: {tried} inputs, none crashed it (seed {seed})", flush=True)
    return 0


def _bound_memory() -> None:
    # Of what is there now, whatever the libraries have reserved for themselves.
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if _has_proc() else 0
    if pages:
        most = pages * resource.getpagesize() + _MORE_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _has_proc() -> bool:
    return Path("/proc/self/statm").exists()


def _keep(name: str, data: bytes) -> Path:
    path = FOUND / name / hashlib.sha256(data).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def main() -> int:
    """Command line; the exit code is 1 where a parser crashed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each parser")
    parser.add_argument("--seed", type=int, help="of chance; else another one each time")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    seed = random.randrange(2**32) if options.seed is None else options.seed
    if options.here:
        return run(options.names[0], options.seconds, seed)
    from tests.fuzz.targets import TARGETS

    if unknown := set(options.names) - TARGETS.keys():
        parser.error(f"no such parser: {', '.join(unknown)}; there are {', '.join(TARGETS)}")

    def feed(name: str) -> int:
        command = [sys.executable, "-m", "tests.fuzz", "--here", "--seed", str(seed), name]
        seconds = ["--seconds", str(options.seconds)]
        return subprocess.run([*command, *seconds], cwd=ROOT, check=False).returncode

    with ThreadPoolExecutor(os.cpu_count()) as side_by_side:
        return int(any(list(side_by_side.map(feed, options.names or TARGETS))))


if __name__ == "__main__":
    sys.exit(main())
