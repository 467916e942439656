"""The other end of `bench.rig.Task`: what every program of our own starts with."""

import json
import sys
from typing import Any


def arguments() -> dict[str, Any]:
    """What the program was begun with."""
    return dict(json.loads(sys.argv[1]))


def ready(word: Any = "ready") -> None:
    """Says that everything is prepared, and what the other side should know."""
    print(json.dumps(word), flush=True)


def wait_for_go() -> None:
    """Returns when told to begin."""
    sys.stdin.readline()


def answer(found: Any) -> None:
    """Says what was found."""
    print(json.dumps(found), flush=True)
