"""Streams of requests: the first says and proves everything, what follows is its content."""

import asyncio
from collections.abc import AsyncIterator

from google.protobuf.message import DecodeError, Message

from shared.errors import Kind, Refusal, Violation, invalid

SILENCE_SECONDS = 60.0
"""How long an upload may bring nothing before it is ended."""


async def first(requests: AsyncIterator[bytes]) -> bytes:
    """The bytes of the first message, which are what is signed. Raises Refusal."""
    found = await _next(requests)
    if found is None:
        raise invalid([Violation("(request)", "the stream is empty: say first what comes")])
    return found


async def decoded(
    head: Message, rest: AsyncIterator[bytes], kind: type[Message]
) -> AsyncIterator[Message]:
    """The messages, of which the first is decoded and checked already. Raises Refusal."""
    yield head
    while (raw := await _next(rest)) is not None:
        message = kind()
        try:
            message.ParseFromString(raw)
        except DecodeError as error:
            raise invalid([Violation("(request)", f"not decodable: {error}")]) from error
        yield message


async def _next(requests: AsyncIterator[bytes]) -> bytes | None:
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            return await anext(requests, None)
    except TimeoutError:
        raise Refusal(
            Kind.STOPPING,
            f"nothing came for {SILENCE_SECONDS:.0f} s: begin again, and go on behind what has "
            "arrived",
        ) from None
