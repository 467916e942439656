"""Credentials as callers send them, and how a refused one is told."""

import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.callers import AUDIENCE, Caller, Callers
from shared.errors import Kind, Refusal

ORIGIN, METHOD = "harbourlight.test", "/package.Service/Method"
ISSUER, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def jwks(**keys: Ed25519PrivateKey) -> str:
    """The key file that names these issuers' public keys."""
    listed = [
        json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())) | {"kid": name}
        for name, key in keys.items()
    ]
    return json.dumps({"keys": listed})


def token(
    key: Any = ISSUER,
    *,
    algorithm: str = "EdDSA",
    kid: str | None = "issuer",
    without: str = "",
    **changed: Any,
) -> str:
    now = int(time.time())
    claims = {
        "iss": ORIGIN,
        "aud": AUDIENCE,
        "sub": "officer",
        "iat": now,
        "exp": now + 600,
        "role": "AUTHORITY",
        "org": "inspectorate",
        "jurisdictions": ["MY"],
        "desks": ["LABOUR_INSPECTORATE", "POLICE"],
    } | changed
    claims.pop(without, None)
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} if kid else {})


def by_token(known: Callers, sent: str) -> Caller:
    """Who sends this token."""
    return known.identify(METHOD, {"authorization": f"Bearer {sent}"}, b"request")


def refusal(known: Callers, metadata: dict[str, str], request: bytes = b"request") -> str:
    """Why a call with this metadata is not authenticated."""
    with pytest.raises(Refusal) as refused:
        known.identify(METHOD, metadata, request)
    assert refused.value.kind == Kind.UNAUTHENTICATED
    return refused.value.message
