"""Runs a program to its end, or to Ctrl-C, `kill` or a closed terminal, and stops it in order."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from deploy.embedded.folder import FolderInUse
from deploy.embedded.processes import StartError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Exit code of `main`, a coroutine function; 128 + the signal's number where one ended it.

    The first signal cancels it, so that every `async with` in it closes; later ones wait for
    that. What a stack says when it cannot start goes to standard error, and the code is 1.
    """
    received: list[signal.Signals] = []

    async def supervised() -> int:
        task = asyncio.current_task()
        assert task is not None

        def stop(number: signal.Signals) -> None:
            if not received:
                print("\nstopping", flush=True)
                task.cancel()
            received.append(number)

        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, stop, number)
        return await main()

    try:
        return asyncio.run(supervised())
    except asyncio.CancelledError:
        return 128 + received[0]
    except (FolderInUse, StartError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
