"""A ledger that dies while it signs: `python -m tests.integration.programs.ledger POINT [NTH]`.

`before-anchor` dies when the checkpoint is in the database alone, `after-anchor` when it is
remembered outside as well and not published yet; at the NTH checkpoint, counted from 1.
"""

import runpy
import sys

from harbourlight.proofs.notes import Note
from services.ledger.anchor import Anchor
from tests.integration.programs.dying import die


def main(point: str, nth: str = "1") -> None:
    """Runs the service until it dies."""
    write, left = Anchor.write, int(nth)

    def dying(anchor: Anchor, note: Note) -> None:
        nonlocal left
        left -= 1
        if left == 0 and point == "before-anchor":
            die()
        write(anchor, note)
        if left == 0:
            die()

    Anchor.write = dying  # type: ignore[method-assign]
    runpy.run_module("services.ledger", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
