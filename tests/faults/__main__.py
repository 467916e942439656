"""Breaks a network while it is used: `python -m tests.faults [--seed N] [--minutes M]`.

It stays in `.harbourlight/faults/`, with the log of every process and client and `verdict.json`.
The exit code is 0 where nothing was lost, doubled or reordered, and 1 where anything was.
"""

import argparse
import json
import logging
import secrets
import sys
from dataclasses import asdict
from pathlib import Path

from deploy.embedded.running import run as run_to_end
from tests.faults.run import Form, Verdict, run

DATA = Path(__file__).parents[2] / ".harbourlight" / "faults"


def show(verdict: Verdict) -> str:
    """What a run came to, for people."""
    lines = [
        f"seed {verdict.seed}",
        f"kills: {sum(verdict.kills.values())} {verdict.kills}",
        f"beside them: {verdict.done}",
        f"commands: {verdict.outcomes} in {verdict.stories} cases",
        f"receipts proven offline: {verdict.receipts}",
        f"looked at: {verdict.looked_at}",
        *(f"note: {note}" for note in verdict.notes),
        f"seconds: {verdict.seconds}",
        *(f"WRONG: {one}" for one in verdict.wrong),
        "failed" if verdict.wrong else "passed: everything is where it should be",
    ]
    return "\n".join(lines)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--minutes", type=float, default=10.0, help="how long things go wrong")
    parser.add_argument("--short", action="store_true", help="the form that the tests run")
    parser.add_argument("--data", type=Path, default=DATA, help="folder, emptied first")
    options = parser.parse_args()
    form = Form.short() if options.short else Form.long(options.minutes)
    logging.basicConfig(level=logging.ERROR)
    # It tells of every connection that ends, as they do here.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)

    async def once() -> int:
        verdict = await run(
            options.seed, form, options.data, say=lambda line: print(line, flush=True)
        )
        text = json.dumps(asdict(verdict), indent=1)
        (options.data / "verdict.json").write_text(text + "\n", encoding="utf-8")
        print(show(verdict))
        return 1 if verdict.wrong else 0

    return run_to_end(once)


if __name__ == "__main__":
    sys.exit(main())
