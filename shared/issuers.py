"""OpenID Connect issuers: who may sign tokens for which organisations, and with which keys.

An issuer speaks for the organisations it is listed with and for nobody else, in the roles,
countries and desks it is listed with: the issuer of an NGO makes no officers. The file is JSON:

    [{"issuer": "https://login.example", "organisations": ["example-authority"],
      "roles": ["AUTHORITY"], "jurisdictions": ["MY"], "desks": ["LABOUR_INSPECTORATE"],
      "audience": "harbourlight"}]

Without `jurisdictions` or `desks` it gives none; "*" is all. `audience` is optional.
"""

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

log = logging.getLogger(__name__)

ALGORITHMS = ("EdDSA", "ES256", "ES384", "PS256", "RS256")
AUDIENCE = "harbourlight"
EVERYTHING = "*"
REFRESH_SECONDS = 300.0
"""How soon a key that an issuer withdrew counts no more."""
STALE_SECONDS = 3600.0
"""How long keys count while their issuer cannot be asked."""
HURRY_SECONDS = 10.0
"""How often at most an issuer is asked because of a key that is not known."""
_MOST_BYTES, _MOST_KEYS = 256 * 1024, 64
_LEAST_RSA_BITS = 2048
_NO_ANSWER = (
    *(aiohttp.ClientError, TimeoutError, OSError),
    *(ValueError, RecursionError, jwt.PyJWTError),
)
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)


class BadIssuers(Exception):
    """The list of issuers cannot be used; the message says why."""


@dataclass(frozen=True)
class Issuer:
    """An issuer and what it may say."""

    url: str
    audience: str
    organisations: frozenset[str]
    roles: frozenset[str]
    jurisdictions: frozenset[str]
    desks: frozenset[str]

    def check(self, claims: Mapping[str, Any]) -> None:
        """Raises ValueError where the claims are more than it may say."""
        for name, allowed in (("org", self.organisations), ("role", self.roles)):
            if claims.get(name) not in allowed:
                raise ValueError(f"its issuer does not speak for the {name} {claims.get(name)!r}")
        for name, allowed in (("jurisdictions", self.jurisdictions), ("desks", self.desks)):
            given = claims.get(name, [])
            if EVERYTHING not in allowed and not allowed.issuperset(given):
                raise ValueError(f"its issuer does not speak for these {name}: {given}")


def read_issuers(path: Path) -> list[Issuer]:
    """The issuers of a file. Raises BadIssuers."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        found = [_issuer(one) for one in listed]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadIssuers(f"{path} is not a list of issuers: {error!r}") from error
    everybody = [organisation for one in found for organisation in one.organisations]
    if len(set(everybody)) < len(everybody) or len({one.url for one in found}) < len(found):
        raise BadIssuers(f"{path} lists an issuer, or an organisation, more than once")
    return found


def _issuer(entry: Mapping[str, Any]) -> Issuer:
    def strings(name: str) -> frozenset[str]:
        value = entry.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ValueError(f"{name} is not a list of strings")
        return frozenset(value)

    url = entry["issuer"]
    if urlsplit(url).scheme != "https":
        raise ValueError(f"{url} is not an https address")
    found = Issuer(
        url,
        entry.get("audience", AUDIENCE),
        *(strings(name) for name in ("organisations", "roles", "jurisdictions", "desks")),
    )
    if not found.organisations or not found.roles or EVERYTHING in found.organisations:
        raise ValueError(f"{url} needs organisations and roles by name")
    return found


class IssuerKeys:
    """The keys of one issuer, asked for when they are needed and kept for a while."""

    def __init__(self, issuer: Issuer, context: ssl.SSLContext | None = None) -> None:
        self.issuer = issuer
        self._context = context or ssl.create_default_context()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_at = -REFRESH_SECONDS
        self._answered_at = -STALE_SECONDS
        self._asking: asyncio.Task[None] | None = None

    def find(self, key_id: str) -> jwt.PyJWK:
        """Raises ValueError where there is no such key."""
        if time.monotonic() - self._answered_at > STALE_SECONDS:
            raise ValueError(f"its issuer {self.issuer.url} cannot be asked for keys: try later")
        if key_id not in self._keys:
            raise ValueError(f"its key {key_id!r} is not among those of its issuer")
        return self._keys[key_id]

    async def know(self, key_id: str) -> None:
        """Asks the issuer where that is due: at once for a key that is not known, and waits."""
        waited = time.monotonic() - self._asked_at
        known = key_id in self._keys
        if waited > (REFRESH_SECONDS if known else HURRY_SECONDS) and self._asking is None:
            self._asked_at = time.monotonic()
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(self._asked)
        if not known and self._asking is not None:
            # Who gives up waiting leaves it to the others.
            await asyncio.shield(self._asking)

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._asking = None

    async def _ask(self) -> None:
        try:
            async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
                url = self.issuer.url.rstrip("/")
                said = await self._get(session, f"{url}/.well-known/openid-configuration")
                if said.get("issuer") != self.issuer.url:
                    raise ValueError(f"it says that it is {said.get('issuer')!r}")
                listed = await self._get(session, str(said.get("jwks_uri")))
            self._keys = _usable(listed)
        except _NO_ANSWER as error:
            log.warning("the issuer %s is not understood: %s", self.issuer.url, error)
            return
        self._answered_at = time.monotonic()

    async def _get(self, session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
        if urlsplit(url).scheme != "https":
            raise ValueError(f"{url} is not an https address")
        async with session.get(url, ssl=self._context, allow_redirects=False) as response:
            if response.status != 200:
                raise ValueError(f"{url} answers {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_chunked(16 * 1024):
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise ValueError(f"{url} answers more than {_MOST_BYTES} bytes")
        found = json.loads(body)
        if not isinstance(found, dict):
            raise ValueError(f"{url} answers no JSON object")
        return found


def _usable(listed: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """Keys by id; what cannot verify a signature that we accept is left out."""
    found: dict[str, jwt.PyJWK] = {}
    entries = listed.get("keys")
    for entry in entries[:_MOST_KEYS] if isinstance(entries, Sequence) else ():
        try:
            key = jwt.PyJWK.from_dict(entry)
        except (jwt.PyJWTError, AttributeError, TypeError, ValueError):
            continue
        if key.key_id and _is_usable(key):
            found[key.key_id] = key
    if not found:
        raise ValueError("it has no key that could be used")
    return found


def _is_usable(key: jwt.PyJWK) -> bool:
    small = isinstance(key.key, RSAPublicKey) and key.key.key_size < _LEAST_RSA_BITS
    for_signatures = key.public_key_use in (None, "sig")
    return key.algorithm_name in ALGORITHMS and for_signatures and not small
