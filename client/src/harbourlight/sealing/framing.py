"""Unambiguous bytes: each part is preceded by its length in four bytes, big-endian."""


def join(*parts: str | bytes | int) -> bytes:
    """The parts, each behind its length; text as UTF-8, a number as decimal digits."""
    framed = b""
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        framed += len(data).to_bytes(4, "big") + data
    return framed
