"""Opaque tokens that clients carry back to us: page tokens and resume tokens.

A token holds a position and what it is a position in, signed, so that a made-up one is refused
and one from another query is noticed.
"""

import base64
import hashlib
import hmac
import json
from typing import Any

from shared.errors import Violation, invalid


class SignedTokens:
    """Tokens of one service."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def encode(self, scope: bytes, position: list[Any]) -> str:
        """A token for `position` in whatever `scope` (method, filter, order, caller) describes."""
        body = json.dumps(position, separators=(",", ":")).encode()
        tag = self._tag(scope, body)
        return base64.urlsafe_b64encode(tag + body).decode().rstrip("=")

    def decode(self, scope: bytes, token: str, field: str) -> list[Any]:
        """The position. Raises Refusal (INVALID) naming `field` where the token is not ours."""
        try:
            data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            data = b""
        tag, body = data[:16], data[16:]
        if not body or not hmac.compare_digest(tag, self._tag(scope, body)):
            raise invalid(
                [Violation(field, "not a token of this query: use the one from its last response")]
            )
        position: list[Any] = json.loads(body)
        return position

    def _tag(self, scope: bytes, body: bytes) -> bytes:
        key = hashlib.sha256(b"token\0" + self._secret).digest()
        return hmac.new(key, hashlib.sha256(scope).digest() + body, "sha256").digest()[:16]
