"""`python -m bench`: measures the figures of the budget table on this machine."""

import argparse
import sys
import time
from pathlib import Path

from bench import consumer, intake, ledger, queue, relay, routing, whole
from bench.figures import Effort, Figure, postgres_version, table, write
from bench.rig import Rig
from deploy.embedded.bootstrap import HOME
from deploy.embedded.running import run
from deploy.embedded.stack import Stack

RESULT = Path(__file__).parent / "latest.json"
DATA = HOME / "bench"
# Within six minutes, and within one and a half.
FULL, QUICK = Effort(seconds=42, size=1.0), Effort(seconds=8, size=0.4)
MEASURES = {
    "intake": intake.measure,
    "queue": queue.measure,
    "relay": relay.measure,
    "consumer": consumer.measure,
    "routing": routing.measure,
    "ledger": ledger.measure,
    "stack": whole.measure,
}


def main() -> int:
    """Command line; the exit code is 0 when everything was measured, whatever the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter turns")
    parser.add_argument(
        "--only",
        action="append",
        choices=MEASURES,
        metavar="NAME",
        help=f"one of {', '.join(MEASURES)}; can be given several times",
    )
    options = parser.parse_args()
    effort = QUICK if options.quick else FULL
    return run(lambda: _measure(options.only or list(MEASURES), effort))


async def _measure(names: list[str], effort: Effort) -> int:
    figures: list[Figure] = []
    begun = time.monotonic()
    async with Stack(DATA / "rig", services=False, fresh=True) as stack:
        rig = Rig(stack, DATA)
        for name in names:
            started = time.monotonic()
            figures += await MEASURES[name](rig, effort)
            print(f"  measured {name} ({time.monotonic() - started:.1f} s)", flush=True)
        postgres = await postgres_version(stack.admin_database_url)
    write(RESULT, figures, postgres)
    print(f"\n{table(figures)}\n\nin {time.monotonic() - begun:.0f} s, written to {RESULT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
