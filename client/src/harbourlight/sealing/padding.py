"""Sizes: what is sealed is as long as its bucket, so that its length tells only the bucket.

Buckets are powers of two from 1 KiB to 1 MiB; above, Padmé's (PURBs, 2019), which lengthen a file
by at most 12 % and let a length of L tell no more than log log L bits.
"""

SMALLEST = 1024
_PADME_FROM = 1024 * 1024
_END = b"\x80"


def bucket(length: int) -> int:
    """How long something of `length` bytes is made: at least that long."""
    if length <= _PADME_FROM:
        return max(SMALLEST, 1 << (length - 1).bit_length()) if length else SMALLEST
    exponent = length.bit_length() - 1
    free = exponent - exponent.bit_length()
    mask = (1 << free) - 1
    return (length + mask) & ~mask


def pad(data: bytes) -> bytes:
    """The data, a byte 0x80, and zeros up to the bucket."""
    return (data + _END).ljust(bucket(len(data) + 1), b"\0")


def unpad(padded: bytes) -> bytes:
    """What was padded. Raises ValueError where nothing was, or not to its bucket."""
    data, end, zeros = padded.rpartition(_END)
    if not end or zeros.strip(b"\0") or bucket(len(data) + 1) != len(padded):
        raise ValueError("not padded to a bucket")
    return data
