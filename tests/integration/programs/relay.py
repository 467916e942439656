"""A relay alone: `python -m tests.integration.programs.relay SERVICE [after-send]`."""

import asyncio
import sys

from shared import logs
from shared.relay import Relay
from shared.settings import Settings
from shared.wakeups import Wakeups
from tests.integration.programs.dying import KINDS


async def main(service: str, dies: str = "") -> None:
    """Runs until it is killed."""
    settings = Settings.from_environment()
    wakeups = Wakeups(settings.database_url, service)
    wakeups.start()
    await Relay(service, settings.database_url, KINDS[dies].of(settings), wakeups).run()


if __name__ == "__main__":
    logs.set_up("relay")
    asyncio.run(main(*sys.argv[1:]))
