"""The reporting service, which dies when a command is committed and not yet answered."""

from typing import Any

from harbourlight import formats
from services.reporting import __main__ as reporting
from shared import receipts
from shared.service import run
from tests.integration.programs.dying import die


def _die(*_: Any) -> bytes:
    die()
    raise AssertionError("still alive")


if __name__ == "__main__":
    receipts.Receipts.added = _die  # type: ignore[method-assign]
    run("reporting", reporting.MIGRATIONS, formats.CHECKS, reporting.build, keystore=True)
