"""Whoever has everything that the platform has, and tries to learn who reports.

It holds bytes, and takes them for whatever keys they could be: the key of the identity's payload,
halves of it to be put together in pairs, private keys that open seals. What opens is held as well.
"""

import base64
import contextlib
import hmac
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import combinations

from harbourlight.errors import CannotOpen
from harbourlight.sealed.v1 import sealed_pb2 as plain
from harbourlight.sealing import hpke, identity, payload
from harbourlight.sealing.framing import join
from harbourlight.sealing.hpke import Context, PrivateKey, Role
from harbourlight.types.v1 import sealed_pb2 as types

_TOKEN = re.compile(rb"[A-Za-z0-9+/_-]{22,}={0,2}")
_DEEPEST = 8


def parts(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """The bytes, and whatever is inside: fields of messages, base64 and hexadecimal in texts."""
    yield data
    if depth > _DEEPEST:
        return
    for inner in _fields(data):
        yield from parts(inner, depth + 1)
    if len(data) < 1_000_000 and data.isascii():
        for found in _TOKEN.findall(data):
            for decoded in _decoded(found):
                if decoded != data:
                    yield from parts(decoded, depth + 2)


def _decoded(text: bytes) -> Iterator[bytes]:
    with contextlib.suppress(ValueError):
        yield bytes.fromhex(text.decode())
    padded = text.rstrip(b"=") + b"=" * (-len(text.rstrip(b"=")) % 4)
    for alphabet in (b"+/", b"-_"):
        with contextlib.suppress(ValueError):
            yield base64.b64decode(padded, alphabet, validate=True)


def _fields(data: bytes) -> list[bytes]:
    """The length-delimited fields, where the bytes are a message."""
    found, at = [], 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if tag < 8 or at < 0:
            return []
        if kind == 0:
            _, at = _varint(data, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        elif kind == 2:
            length, at = _varint(data, at)
            if at < 0 or at + length > len(data):
                return []
            found.append(data[at : at + length])
            at += length
        else:
            return []
        if at < 0 or at > len(data):
            return []
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while 0 <= at < len(data) and shift < 64:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 0x80:
            return value, at
    return 0, -1


class Thief:
    """Holds bytes; knows the case and what is public about it."""

    def __init__(
        self,
        handle: str,
        sealed: types.SealedIdentity,
        seals: Iterable[types.Seal],
        held: Collection[bytes],
    ) -> None:
        self._handle = handle
        self._sealed = sealed
        self._hash = identity.payload_hash(sealed)
        self._seals = [sealed.desk, sealed.custodian, sealed.alternate, *seals]
        self._keys = {one for one in held if len(one) == payload.KEY_LENGTH}
        for long in (one for one in held if len(one) in (64, hpke.PRIVATE_LENGTH)):
            # Keys may lie side by side.
            self._keys |= {long[at : at + 32] for at in range(0, len(long), 32)}
        privates = [PrivateKey.from_seed(one) for one in self._keys]
        privates += [PrivateKey(one) for one in held if len(one) == hpke.PRIVATE_LENGTH]
        self._opened = self._open(privates)

    def learns(self, *more: PrivateKey) -> plain.Identity | None:
        """Who reports, with some private keys besides; None where nothing opens it."""
        halves = self._opened | self._open(more)
        keys = self._keys | halves
        pairs = ({one, other} for one in halves for other in keys)
        if not more:
            # Two halves could lie about in clear.
            pairs = (set(two) for two in combinations(keys, 2))
        return self._try(keys) or self._try(_xor(*two) for two in pairs if len(two) == 2)

    def _open(self, keys: Iterable[PrivateKey]) -> set[bytes]:
        """What the seals give up to these keys, as far as it could be a key."""
        found = set()
        for key in keys:
            for seal in self._seals:
                for role in Role:
                    context = Context(
                        self._handle, role, seal.key_id, self._sealed.version, self._hash
                    )
                    try:
                        found |= {*parts(hpke.open_in(context, seal, key))}
                    except CannotOpen:
                        continue
        return {one for one in found if len(one) == payload.KEY_LENGTH}

    def _try(self, keys: Iterable[bytes]) -> plain.Identity | None:
        """The identity, where one of these is the key of its payload."""
        belongs_to = (identity.KIND, self._handle, self._sealed.version)
        info = join(payload.LABEL, *belongs_to)
        sealed = self._sealed.payload
        nonce, committed = sealed[:12], sealed[12:44]
        for key in keys:
            # HKDF's second block is the commitment to the key: a wrong one is seen at once.
            extracted = hmac.digest(nonce, key, "sha256")
            first = hmac.digest(extracted, info + b"\1", "sha256")
            if hmac.digest(extracted, first + info + b"\2", "sha256") == committed:
                data = payload.decrypt(sealed, key, *belongs_to)
                return plain.Identity.FromString(plain.Signed.FromString(data).body)
        return None


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(32)
