"""A recording consumer alone: `python -m tests.integration.programs.consumer [before-commit]`.

It stops on SIGTERM.
"""

import asyncio
import signal
import sys

from shared import logs
from shared.consumer import Consumer
from shared.database import Database
from shared.settings import Settings
from shared.wakeups import Wakeups
from tests.integration import recorder
from tests.integration.programs.dying import KINDS


async def main(dies: str = "") -> None:
    """Runs until it is told to stop."""
    settings = Settings.from_environment()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    wakeups = Wakeups(settings.database_url, recorder.GROUP)
    database = await Database.connect(settings.database_url, wakeups)
    listened = recorder.subscription(instance=settings.instance)
    consumer = Consumer(listened, database, KINDS[dies].of(settings))
    consumer.start()
    await stop.wait()
    await consumer.stop()
    await database.close()


if __name__ == "__main__":
    logs.set_up("consumer")
    asyncio.run(main(*sys.argv[1:]))
