"""What an installation is to its callers: credentials, calls, and who got in."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import grpc
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from harbourlight import CaseKey
from shared import contract
from shared.callers import AUDIENCE
from shared.commands import Call
from tests.contract import everything

ORIGIN = "harbourlight.test"
_ISSUER = Ed25519PrivateKey.generate()
Metadata = tuple[tuple[str, str], ...]


class Reached(NamedTuple):
    """A call that got past the doorkeeper."""

    path: str
    role: int


class Installation(NamedTuple):
    """Where the server listens, and what its methods saw."""

    channel: grpc.aio.Channel
    reached: list[Reached]
    key: CaseKey
    """Of the case that the company holds."""

    async def call(self, method: MethodDescriptor, request: bytes, metadata: Metadata) -> bytes:
        """The first response. Raises grpc.aio.AioRpcError."""
        path = everything.path(method)
        if method.server_streaming:
            async for response in self.channel.unary_stream(path)(request, metadata=metadata):
                return bytes(response)
            raise AssertionError(f"{path} ended without a response")
        if method.client_streaming:
            answered = self.channel.stream_unary(path)(iter([request]), metadata=metadata)
            return bytes(await answered)
        return bytes(await self.channel.unary_unary(path)(request, metadata=metadata))

    async def as_company(self, method: MethodDescriptor, request: bytes) -> bytes:
        """The first response to a call that the case key signed."""
        path = everything.path(method)
        return await self.call(method, request, self.credentials("COMPANY", path, request))

    def credentials(self, role: str, path: str, request: bytes) -> Metadata:
        """What a caller of this role sends along."""
        if role == "PUBLIC":
            return ()
        if role == "COMPANY":
            return self.key.sign_call(ORIGIN, path, request)
        return (("authorization", f"Bearer {token(role)}"),)


Services = list[tuple[str, Callable[[grpc.aio.Server], None]]]
Serve = Callable[[Services], Awaitable[Installation]]


def token(role: str) -> str:
    """A token that the installation accepts if a token can carry the role."""
    now = int(time.time())
    claims = {
        "iss": ORIGIN,
        "aud": AUDIENCE,
        "sub": "someone",
        "iat": now,
        "exp": now + 60,
        "role": role,
        "org": "somewhere",
    }
    return jwt.encode(claims, _ISSUER, algorithm="EdDSA", headers={"kid": "issuer"})


def servicer(service: ServiceDescriptor, reached: list[Reached]) -> Any:
    """A servicer of the whole service whose methods only note who reached them."""

    def unary(method: MethodDescriptor, answer: type[Message]) -> Callable[..., Any]:
        async def serve(request: Message, call: Call) -> Message:
            reached.append(Reached(call.method, call.caller.role))
            return answer()

        return serve

    def stream(method: MethodDescriptor, answer: type[Message]) -> Callable[..., Any]:
        async def serve(request: Message, call: Call) -> AsyncIterator[Message]:
            reached.append(Reached(call.method, call.caller.role))
            yield answer()

        return serve

    def upload(method: MethodDescriptor, answer: type[Message]) -> Callable[..., Any]:
        async def serve(requests: AsyncIterator[Message], call: Call) -> Message:
            reached.append(Reached(call.method, call.caller.role))
            return answer()

        return serve

    def shape(method: MethodDescriptor) -> Callable[..., Any]:
        if method.client_streaming:
            return upload
        return stream if method.server_streaming else unary

    made = {
        method.name: staticmethod(shape(method)(method, contract.message_class(method.output_type)))
        for method in service.methods
    }
    return type(service.name, (), made)()


def key_file() -> str:
    """The JWKS that names the tokens' issuer."""
    jwk = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(_ISSUER.public_key()))
    return json.dumps({"keys": [{**jwk, "kid": "issuer", "alg": "EdDSA"}]})
