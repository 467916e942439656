"""Streams of responses: none is open without end, and none waits for who does not read."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from typing import Any

from google.protobuf.message import Message

from shared.errors import Kind, Refusal

STREAM_SECONDS = 3600.0
"""So that a withdrawn key ends a stream, too."""
SLOW_SECONDS = 30.0
"""How long nothing need be read."""


async def tell(context: Any, responses: AsyncGenerator[Message, None], expires: float) -> None:
    """Sends them for as long as the caller listens and is entitled to. Raises Refusal."""
    try:
        async with (
            asyncio.timeout(min(STREAM_SECONDS, expires - time.time())) as whole,
            contextlib.aclosing(responses) as open_responses,
        ):
            async for response in open_responses:
                await _write(context, response.SerializeToString())
    except TimeoutError:
        if not whole.expired():
            raise
        raise Refusal(
            Kind.STOPPING, "the stream was open for as long as one may be: connect again and go on"
        ) from None


async def _write(context: Any, response: bytes) -> None:
    # What is not read fills the connection's window, and then a write waits.
    try:
        async with asyncio.timeout(SLOW_SECONDS):
            await context.write(response)
    except TimeoutError:
        raise Refusal(
            Kind.EXHAUSTED,
            f"nothing was read for {SLOW_SECONDS:.0f} s: read on, or connect again",
            retry_after=1.0,
        ) from None
