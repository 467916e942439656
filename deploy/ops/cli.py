"""The command line. It decides nothing: each command is one call of a module beside it."""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Sequence

from deploy.embedded.bootstrap import HOME
from deploy.ops import commands, commands_dlq, commands_proof, site
from deploy.ops.options import EXITS
from deploy.ops.site import OpsError
from harbourlight.errors import BadFile


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = parser().parse_args(arguments)
    # It tells each step of every connection; what fails in the end is told as an error.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        found = site.find(options.data, options.endpoints, home=HOME)
        code: int = asyncio.run(options.run(found, options))
        return code
    except (OpsError, BadFile) as error:
        code = error.code if isinstance(error, OpsError) else 2
        if options.json:
            print(json.dumps({"error": {"code": code, "message": str(error)}}), file=sys.stderr)
        else:
            print(f"harbourlight-ops: {error}", file=sys.stderr)
        return code
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    top = argparse.ArgumentParser(
        prog="harbourlight-ops",
        description="Look after an installation: what waits, what failed, what is wrong.",
        epilog=EXITS,
    )
    subparsers = top.add_subparsers(required=True, metavar="command")
    dlq = subparsers.add_parser("dlq", help="events that were put aside")
    commands_dlq.register(dlq.add_subparsers(required=True, metavar="command"))
    commands.register(subparsers)
    commands_proof.register(subparsers)
    return top
