"""Who calls: people by signed token, companies by the signature of each call."""

import contextlib
import hashlib
import json
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jwt

from harbourlight import handle, signing
from harbourlight.options.v1 import options_pb2 as options
from shared.errors import Kind, Refusal
from shared.issuers import AUDIENCE as AUDIENCE
from shared.issuers import EVERYTHING as EVERYTHING
from shared.issuers import IssuerKeys

log = logging.getLogger(__name__)

MOST_HOURS = 12.0
"""How long a token may live from its making, where settings say nothing else."""
_CACHED_TOKENS = 4096
_NO_TOKEN = (
    *(jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError),
    # Of JSON that goes too deep, and of numbers that no clock shows.
    *(RecursionError, OverflowError),
)
LOOK_SECONDS = 1.0
"""How soon a key that was added or withdrawn counts."""


@dataclass(frozen=True)
class Caller:
    """An authenticated caller."""

    role: int
    name: str
    """Distinguishes callers, for the scope of their request ids."""
    handle: str = ""
    """The one case that a company's key opens."""
    organisation: str = ""
    jurisdictions: frozenset[str] = field(default_factory=frozenset)
    """Country codes that an officer is competent for; {"*"} is all."""
    desks: frozenset[str] = field(default_factory=frozenset)
    """Desks that an officer works at; {"*"} is all."""
    expires: float = math.inf
    """When its credential ends, in seconds since 1970."""
    key: bytes = b""
    """A company's raw public key; empty where nobody signed the call."""

    def works_at(self, desk: str) -> bool:
        """Whether the caller is an officer of this desk."""
        return bool(desk) and not self.desks.isdisjoint((desk, EVERYTHING))

    def is_competent_for(self, country: str) -> bool:
        """Whether the caller is competent for cases of this country."""
        return bool(country) and not self.jurisdictions.isdisjoint((country, EVERYTHING))

    def pseudonym(self, matter: str) -> str:
        """What stands for the caller in one matter, where its name is not to be written."""
        return hashlib.sha256(f"{matter}\0{self.name}".encode()).hexdigest()[:32]

    def colleague(self, subject: str) -> "Caller":
        """The caller's like in the same role and organisation, by the subject of a token."""
        name = json.dumps([*json.loads(self.name)[:2], subject])
        return Caller(self.role, name, organisation=self.organisation)


ANYBODY = Caller(options.ROLE_PUBLIC, "anybody")


class Callers:
    """Authenticates a call by its metadata and exact request bytes."""

    def __init__(
        self,
        origin: str,
        jwks: Path | None,
        issuers: Iterable[IssuerKeys] = (),
        most_hours: float = MOST_HOURS,
    ) -> None:
        """`issuers` beside the key file; no token may live for longer than `most_hours`."""
        self._origin = origin
        self._issuers = {one.issuer.url: one for one in issuers}
        self._others = {name for one in self._issuers.values() for name in one.issuer.organisations}
        self._most_seconds = most_hours * 3600
        self._jwks = jwks
        self._keys: dict[str, jwt.PyJWK] = {}
        self._looked_at = -math.inf
        self._read: tuple[int, ...] = ()
        self._known: OrderedDict[str, Caller] = OrderedDict()

    async def learn(self, metadata: Mapping[str, str]) -> None:
        """Asks the issuer of a token for its keys where that is due, before `identify`."""
        if not self._issuers or "authorization" not in metadata:
            return
        token = metadata["authorization"].partition(" ")[2].strip()
        with contextlib.suppress(*_NO_TOKEN):
            keys = self._issuers.get(_issuer_of(token))
            if keys is not None:
                await keys.know(_key_id(token))

    def identify(self, method: str, metadata: Mapping[str, str], request: bytes) -> Caller:
        """The caller. Raises Refusal (UNAUTHENTICATED) where a credential is not valid."""
        if authorization := metadata.get("authorization"):
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() != "bearer" or not token:
                raise _unauthenticated("authorization holds no 'Bearer <token>'")
            return self._by_token(token.strip())
        if signing.SIGNATURE in metadata or signing.KEY in metadata:
            try:
                key = signing.verify_call(self._origin, method, metadata, request, now=time.time())
            except signing.BadSignature as error:
                raise _unauthenticated(str(error)) from error
            case_handle = handle.derive(key)
            return Caller(options.ROLE_COMPANY, case_handle, handle=case_handle, key=key)
        return ANYBODY

    def _by_token(self, token: str) -> Caller:
        self._look_for_keys()
        if (known := self._known.get(token)) and known.expires > time.time():
            return known
        try:
            keys = self._issuers.get(_issuer_of(token)) if self._issuers else None
            claims = self._by_issuer(token, keys) if keys else self._by_file(token)
            life = claims["exp"] - claims["iat"]
            if life > self._most_seconds:
                raise ValueError(
                    f"it lives for {life / 3600:.1f} h, and {self._most_seconds / 3600:g} h are "
                    "the most here"
                )
            caller = replace(_caller(claims), expires=float(claims["exp"]))
        except _NO_TOKEN as error:
            raise _unauthenticated(f"the token is not accepted: {error}") from error
        # A key that its issuer withdraws has to count no more, so those are looked at anew.
        if keys is None:
            self._known[token] = caller
            if len(self._known) > _CACHED_TOKENS:
                self._known.popitem(last=False)
        return caller

    def _by_file(self, token: str) -> dict[str, Any]:
        key = self._key(_key_id(token))
        claims = _verified(token, key, ["EdDSA"], AUDIENCE, self._origin)
        if claims.get("org") in self._others:
            raise ValueError(f"another issuer speaks for the org {claims['org']!r}")
        return claims

    def _by_issuer(self, token: str, keys: IssuerKeys) -> dict[str, Any]:
        key, issuer = keys.find(_key_id(token)), keys.issuer
        claims = _verified(token, key, [str(key.algorithm_name)], issuer.audience, issuer.url)
        issuer.check(claims)
        return claims

    def _key(self, key_id: str) -> jwt.PyJWK:
        if key_id not in self._keys:
            raise ValueError(f"its key {key_id!r} is not among the trusted ones")
        return self._keys[key_id]

    def _look_for_keys(self) -> None:
        """Takes a changed key file up; one that cannot be read leaves the keys as they were."""
        if self._jwks is None or time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        try:
            found = self._jwks.stat()
            version = (found.st_mtime_ns, found.st_size, found.st_ino)
            if version == self._read:
                return
            listed = jwt.PyJWKSet.from_dict(json.loads(self._jwks.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, AttributeError, jwt.PyJWTError) as error:
            log.error("the key file %s is not read: %s", self._jwks, error)
            return
        self._keys = {key.key_id: key for key in listed.keys if key.key_id}
        self._known.clear()
        self._read = version


def _key_id(token: str) -> str:
    return str(jwt.get_unverified_header(token).get("kid", ""))


def _issuer_of(token: str) -> str:
    """Who the token says that it is of; nothing is verified yet."""
    return str(jwt.decode(token, options={"verify_signature": False}).get("iss", ""))


def _verified(
    token: str, key: jwt.PyJWK, algorithms: list[str], audience: str, issuer: str
) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=algorithms,
        audience=audience,
        issuer=issuer,
        options={"require": ["exp", "iat", "sub", "iss", "aud"]},
    )
    return found


def _caller(claims: Mapping[str, Any]) -> Caller:
    roles = options.Role.DESCRIPTOR.values_by_name
    role = roles.get(f"ROLE_{claims.get('role', '')}")
    if role is None or role.number in (options.ROLE_PUBLIC, options.ROLE_COMPANY, 0):
        raise ValueError(f"its role {claims.get('role')!r} is none that a token can carry")
    organisation = str(claims.get("org") or "")
    if not organisation:
        raise ValueError("it names no organisation in its claim org")
    return Caller(
        role.number,
        json.dumps([claims["role"], organisation, claims["sub"]]),
        organisation=organisation,
        jurisdictions=_strings(claims, "jurisdictions"),
        desks=_strings(claims, "desks"),
    )


def _strings(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    value = claims.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"its claim {name} is not a list of strings")
    return frozenset(value)


def _unauthenticated(message: str) -> Refusal:
    return Refusal(Kind.UNAUTHENTICATED, message)


def authorise(caller: Caller, roles: frozenset[int], method: str) -> None:
    """Refuses a caller whose role may not call; a method without roles is nobody's."""
    if options.ROLE_PUBLIC in roles or caller.role in roles:
        return
    names = [options.Role.Name(role).removeprefix("ROLE_") for role in sorted(roles)]
    if caller.role == options.ROLE_PUBLIC and roles:
        raise _unauthenticated(
            f"{method} is open to {' and '.join(names)}: "
            + (
                "sign the call with the case key"
                if names == ["COMPANY"]
                else "send a signed token as 'authorization: Bearer <token>'"
            )
        )
    allowed = f"open to {' and '.join(names)} alone" if names else "open to nobody"
    raise Refusal(Kind.DENIED, f"{method} is {allowed}")
