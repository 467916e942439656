"""`python -m deploy.embedded up`: everything on this machine, until it is told to stop."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from deploy.embedded.bootstrap import HOME
from deploy.embedded.running import run
from deploy.embedded.stack import Stack

_WATCH_SECONDS = 1.0


def main() -> int:
    """Command line; the exit code is 0 after a stop that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    up = commands.add_parser("up", help="start everything and stay up")
    up.add_argument("--data", type=Path, help="data folder; endpoints.json is written in it")
    up.add_argument("--fresh", action="store_true", help="empty the data folder first")
    up.add_argument(
        "--only-servers", action="store_true", help="PostgreSQL and Kafka without the services"
    )
    options = parser.parse_args()
    code = run(lambda: _up(options.data, options.fresh, not options.only_servers))
    if code != 1:
        print("stopped")
    return 0 if code > 128 else code


async def _up(data: Path | None, fresh: bool, services: bool) -> int:
    endpoints = (data or HOME) / "endpoints.json"
    parent = os.getppid()
    print("starting", flush=True)
    async with Stack(
        data or HOME / "up", services=services, fresh=fresh, publish=endpoints
    ) as stack:
        for role in stack.endpoints["tokens"]:
            print(f"  token of {role}: {stack.endpoints['tokens'][role]}")
        print(f"  logs: {stack.endpoints['logs']}")
        print(f"  addresses and all else, for programs: {endpoints}")
        print("ready", flush=True)
        # Where make started us and is gone, nobody can stop us from a terminal any more.
        while not ("MAKELEVEL" in os.environ and os.getppid() != parent):  # noqa: ASYNC110
            await asyncio.sleep(_WATCH_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
