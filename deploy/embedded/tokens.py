"""Keys and signed tokens for development and tests: who calls, in which role, for whom."""

import base64
import json
import time
from collections.abc import Sequence
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from deploy.files import write_private

ROLES = ("AUTHORITY", "CUSTODIAN", "NGO", "OPERATOR")
ISSUER = "harbourlight.local"
AUDIENCE = "harbourlight"
_DAY_SECONDS = 86_400


class TokenKey:
    """An Ed25519 key that signs tokens; its public half is in the JWKS file `jwks`."""

    def __init__(self, folder: Path) -> None:
        """Reads the key from `folder`, or makes it there on first use."""
        private = folder / "signing.pem"
        self.jwks = folder / "jwks.json"
        if private.exists():
            key = load_pem_private_key(private.read_bytes(), password=None)
            assert isinstance(key, Ed25519PrivateKey)
            self._key = key
        else:
            self._key = Ed25519PrivateKey.generate()
            pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_private(private, pem.decode())
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        x = base64.urlsafe_b64encode(public).decode().rstrip("=")
        self._id = x[:8]
        jwk = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": x,
            "kid": self._id,
            "alg": "EdDSA",
            "use": "sig",
        }
        write_private(self.jwks, json.dumps({"keys": [jwk]}, indent=2))

    def mint(
        self,
        role: str,
        *,
        org: str | None = None,
        sub: str | None = None,
        jurisdictions: Sequence[str] = ("*",),
        desks: Sequence[str] = ("*",),
        ttl: float = 30 * _DAY_SECONDS,
    ) -> str:
        """A token for `role`, one of ROLES; `ttl` is in seconds and may be negative in tests."""
        now = int(time.time())
        name = role.lower()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": sub or f"{name}@example.org",
            "role": role,
            "org": org or f"example-{name}",
            "jurisdictions": list(jurisdictions),
            "desks": list(desks),
            "iat": now,
            "exp": int(now + ttl),
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self._id})
