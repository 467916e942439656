"""Files of evidence: encrypted chunk by chunk, so that a gigabyte passes through little memory.

    stream = length of the file (8 bytes, big-endian) ‖ file ‖ zeros, up to the bucket (`padding`)

It is cut into chunks of 256 KiB, each ChaCha20-Poly1305 under one key; the nonce is the chunk's
number (11 bytes, big-endian) and 1 for the last chunk, else 0. So no chunk can be left out, moved,
or made the last (STREAM: Hoang, Reyhanitabar, Rogaway, Vizár 2015).

The key is made from the given one and from hash and length of the file: the same file gives the
same bytes, so that an upload goes on after a cut, and another file never meets the same key and
nonce.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from harbourlight.errors import BadFile, CannotOpen
from harbourlight.sealing import padding, payload

CHUNK = 256 * 1024
"""Bytes of plaintext in a chunk; only the last has fewer."""
SEALED_CHUNK = CHUNK + 16
"""Bytes of ciphertext in a chunk."""
MAX_SIZE = 1024**3
"""Bytes of a file: 1 GiB."""

_LABEL = "harbourlight.stream.v1"
_LENGTH = 8
_DIGEST = 16


@dataclass(frozen=True)
class Plan:
    """What a file will be once encrypted: said before anything is sent, the same at each try."""

    key: bytes = field(repr=False)
    size: int
    """Bytes of the file."""
    sha256: bytes
    """Of the file."""
    sealed_size: int
    """Bytes of the ciphertext, which tell no more than the bucket."""
    sealed_sha256: bytes
    """Of the ciphertext."""
    digests: bytes = field(repr=False)
    """Sixteen bytes of each chunk's SHA-256."""

    @property
    def chunks(self) -> int:
        """How many there are."""
        return len(self.digests) // _DIGEST


def plan(file: BinaryIO, key: bytes) -> Plan:
    """Reads a seekable file twice, and says what `encrypt` will make of it.

    `key` is this file's alone (see `content.evidence_key`). Raises BadFile where the file is
    longer than MAX_SIZE, or changes meanwhile.
    """
    file.seek(0)
    digest, size = hashlib.sha256(), 0
    while data := file.read(CHUNK):
        digest.update(data)
        size += len(data)
        if size > MAX_SIZE:
            raise BadFile(
                f"a file of evidence is at most {MAX_SIZE} bytes long, and this one has more: "
                "split it, and add each part"
            )
    cipher = _cipher(key, digest.digest(), size)
    sealed, sealed_size, digests = hashlib.sha256(), 0, bytearray()
    for number, chunk, last in _plain_chunks(file, size, 0):
        ciphertext = _encrypt(cipher, number, chunk, last)
        sealed.update(ciphertext)
        sealed_size += len(ciphertext)
        digests += _short(ciphertext)
    return Plan(key, size, digest.digest(), sealed_size, sealed.digest(), bytes(digests))


def encrypt(file: BinaryIO, plan: Plan, *, start: int = 0) -> Iterator[bytes]:
    """The chunks of ciphertext from number `start` on.

    Raises BadFile where the file is no longer what was planned, before it gives out what differs.
    """
    cipher = _cipher(plan.key, plan.sha256, plan.size)
    for number, chunk, last in _plain_chunks(file, plan.size, start):
        ciphertext = _encrypt(cipher, number, chunk, last)
        if _short(ciphertext) != plan.digests[number * _DIGEST :][:_DIGEST]:
            raise _changed()
        yield ciphertext


class Decryption:
    """Turns pieces of ciphertext, of whatever length, back into the file.

    What `feed` returns is authentic, but only `finish` says that it is all there: write to a
    temporary file until then.
    """

    def __init__(self, key: bytes, *, size: int, sha256: bytes) -> None:
        """`size` and `sha256` are the file's, as its signed description says.

        Raises CannotOpen where no file has such a size.
        """
        if not 0 <= size <= MAX_SIZE:
            raise CannotOpen(f"a file's length is at most {MAX_SIZE} bytes, and not {size}")
        self._cipher = _cipher(key, sha256, size)
        self._sha256, self._digest = sha256, hashlib.sha256()
        self._size, self._left = size, size
        self._total = padding.bucket(_LENGTH + size)
        self._count = -(-self._total // CHUNK)
        self._number = 0
        self._buffer = bytearray()

    @property
    def resume_at(self) -> int:
        """The byte of ciphertext to ask for, and to feed, after a cut: see `cut`."""
        return self._number * SEALED_CHUNK

    def cut(self) -> None:
        """Forgets the piece of a chunk that came before a cut."""
        self._buffer.clear()

    def feed(self, piece: bytes) -> bytes:
        """What of the file this piece completes. Raises CannotOpen."""
        self._buffer += piece
        opened = bytearray()
        while self._number < self._count and len(self._buffer) >= (length := self._next_length()):
            opened += self._open(bytes(self._buffer[:length]))
            del self._buffer[:length]
        if self._number == self._count and self._buffer:
            raise CannotOpen("the file goes on after its last chunk: something was added to it")
        return bytes(opened)

    def finish(self) -> None:
        """Says that all of the file was given out. Raises CannotOpen where it was not."""
        if self._number < self._count:
            raise CannotOpen(
                f"only {self._number} of the file's {self._count} chunks are there: fetch the rest"
            )
        if self._digest.digest() != self._sha256:
            raise CannotOpen("the file is not the one that its description names")

    def _next_length(self) -> int:
        return min(CHUNK, self._total - self._number * CHUNK) + 16

    def _open(self, ciphertext: bytes) -> bytes:
        last = self._number == self._count - 1
        try:
            plain = self._cipher.decrypt(_nonce(self._number, last), ciphertext, None)
        except InvalidTag:
            raise CannotOpen(
                f"chunk {self._number} of the file does not open: it is under another key, in "
                "another place, or was changed"
            ) from None
        if self._number == 0:
            if int.from_bytes(plain[:_LENGTH], "big") != self._size:
                raise CannotOpen("the file is not as long as its description says")
            plain = plain[_LENGTH:]
        self._number += 1
        content = plain[: self._left]
        if plain[self._left :].strip(b"\0"):
            raise CannotOpen("the file is not padded with zeros")
        self._left -= len(content)
        self._digest.update(content)
        return content


def _plain_chunks(file: BinaryIO, size: int, start: int) -> Iterator[tuple[int, bytes, bool]]:
    """Number, plaintext and whether it is the last, from chunk `start` on."""
    total = padding.bucket(_LENGTH + size)
    count = -(-total // CHUNK)
    position = start * CHUNK
    file.seek(max(0, position - _LENGTH), io.SEEK_SET)
    for number in range(start, count):
        wanted = min(CHUNK, total - position)
        chunk = size.to_bytes(_LENGTH, "big") if number == 0 else b""
        left = size + _LENGTH - position - len(chunk)
        chunk += _read(file, max(0, min(wanted - len(chunk), left)))
        yield number, chunk.ljust(wanted, b"\0"), number == count - 1
        position += wanted


def _read(file: BinaryIO, length: int) -> bytes:
    data = b""
    while len(data) < length:
        if not (more := file.read(length - len(data))):
            raise _changed()
        data += more
    return data


def _changed() -> BadFile:
    return BadFile("the file changed while it was read: let nobody write to it, and start again")


def _cipher(key: bytes, sha256: bytes, size: int) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(payload.derive_key(key, _LABEL, sha256.hex(), size))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _encrypt(cipher: ChaCha20Poly1305, number: int, chunk: bytes, last: bool) -> bytes:
    return cipher.encrypt(_nonce(number, last), chunk, None)


def _short(ciphertext: bytes) -> bytes:
    return hashlib.sha256(ciphertext).digest()[:_DIGEST]
