"""Calls to the services: who makes them, where they go, and what happens when nobody answers.

A request is serialised once. Every attempt sends those bytes, so that what is signed is what is
sent, and a retry carries the same request_id; the signature itself is made anew each time.
"""

import asyncio
import math
import random
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from harbourlight import work
from harbourlight.effort import Effort, OnWork, no_word
from harbourlight.endpoints import Endpoints, is_local
from harbourlight.errors import Error, Exhausted, Unavailable, from_rpc
from harbourlight.proxy import Bridge
from harbourlight.signing import CaseKey

R = TypeVar("R", bound=Message)
S = TypeVar("S", bound="Versioned")
Metadata = tuple[tuple[str, str], ...]

PATIENCE = 30.0
"""Default for how long a call is tried, in seconds."""

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_QUIET = 60.0
"""A watch that stayed open for so many seconds was connected, even if it brought nothing."""

_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # So that a quiet watch notices when the other end is gone.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # gRPC's own retries would send an old signature again.
    ("grpc.enable_retries", 0),
)
# A proxy that the environment names is for other machines.
_LOCAL_OPTIONS: tuple[tuple[str, int | str], ...] = (*_OPTIONS, ("grpc.enable_http_proxy", 0))


_CUT = "Internal error from Core"
"""What gRPC says where an answer comes while it still sends: the answer itself is lost, and comes
again at the next attempt."""


class Versioned(Protocol):
    """A message that says, by its etag, whether it has changed."""

    etag: str


class Credential(Protocol):
    """How a caller proves who it is, call by call."""

    def metadata(self, method: str, request: bytes) -> Metadata:
        """Metadata for one attempt to call `method` with exactly these bytes."""
        ...


@dataclass(frozen=True)
class CaseCredential:
    """A company's: each attempt is signed with the case key."""

    key: CaseKey
    origin: str

    def metadata(self, method: str, request: bytes) -> Metadata:
        """A fresh signature."""
        return self.key.sign_call(self.origin, method, request)


@dataclass(frozen=True)
class TokenCredential:
    """Everybody else's: a bearer token."""

    token: str = field(repr=False)

    def metadata(self, method: str, request: bytes) -> Metadata:
        """The token."""
        return (("authorization", f"Bearer {self.token}"),)


class NoCredential:
    """Whoever asks what is open to all."""

    def metadata(self, method: str, request: bytes) -> Metadata:
        """Nothing."""
        return ()


def new_request_id() -> str:
    """An id under which a mutation takes effect once, however often it is sent."""
    return str(uuid.uuid4())


@cache
def _route(request: Descriptor) -> tuple[str, str]:
    """Service and gRPC path of the method that takes this request.

    The contract gives each method a request message of its own, beside the service.
    """
    for service in request.file.services_by_name.values():
        for method in service.methods:
            if method.input_type is request:
                name = request.file.package.split(".")[1]
                return name, f"/{service.full_name}/{method.name}"
    raise LookupError(f"no method of the contract takes {request.full_name}")


class _Patience:
    """How long to go on trying while nobody answers."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.answered()
        self._since: float | None = time.monotonic()

    def answered(self) -> None:
        """Somebody did: the next failure starts a new count."""
        self._since = None
        self._pause = _SHORTEST_PAUSE

    def left(self) -> float | None:
        """Seconds that are left; None for ever."""
        if self._seconds == math.inf:
            return None
        since = time.monotonic() if self._since is None else self._since
        return max(0.0, since + self._seconds - time.monotonic())

    async def wait(self, failure: Error) -> None:
        """Pauses before the next attempt; raises `failure` where there should be none."""
        if self._since is None:
            self._since = time.monotonic()
        pause = self._pause * random.uniform(0.5, 1.0)  # noqa: S311 (spreads callers out)
        if isinstance(failure, Exhausted) and failure.retry_after is not None:
            pause = failure.retry_after + pause
        elif not isinstance(failure, Unavailable):
            raise failure from None
        left = self.left()
        if left is not None and pause >= left:
            raise failure from None
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        await asyncio.sleep(pause)


class Connection:
    """Channels to an installation's services, opened when first used, for one caller.

    `patience` is how many seconds a call is tried while its service is away (math.inf: for ever).
    `on_work` is told, from another thread, how far a proof of work is that a service asked for.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        credential: Credential,
        *,
        patience: float = PATIENCE,
        on_work: OnWork = no_word,
    ) -> None:
        self._on_work = on_work
        self._bridge = Bridge(endpoints.proxy) if endpoints.proxy else None
        self._endpoints = endpoints
        self._credential = credential
        self._patience = patience
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._callables: dict[str, Any] = {}

    async def close(self) -> None:
        """Ends all calls and closes the channels."""
        channels, self._channels = self._channels, {}
        self._callables.clear()
        for channel in channels.values():
            await channel.close(None)
        if self._bridge:
            await self._bridge.close()

    async def call(self, request: Message, response: type[R]) -> R:
        """The answer to one request, tried again while the service is away.

        Raises what `harbourlight.errors` names.
        """
        service, path = _route(request.DESCRIPTOR)
        data = request.SerializeToString()
        invoke = await self._callable(service, path, "unary_unary")
        patience = _Patience(self._patience)
        paid: Metadata = ()
        effort = Effort(self._on_work)
        while True:
            metadata = (*self._credential.metadata(path, data), *paid)
            try:
                answer: bytes = await invoke(data, metadata=metadata, timeout=patience.left())
                return response.FromString(answer)
            except grpc.aio.AioRpcError as error:
                failure = self._failure(error, service)
            # A solution counts once.
            paid = ()
            if failure.reason == work.REASON:
                paid = ((work.WORK, await effort.solve(failure, patience.left())),)
            else:
                await patience.wait(failure)

    async def pages(self, request: Any, response: type[R]) -> AsyncGenerator[R, None]:
        """The answers to a paged request, one by one, up to the last; it is changed meanwhile."""
        while True:
            page: Any = await self.call(request, response)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def upload(
        self, first: Message, rest: Callable[[], AsyncGenerator[Message, None]], response: type[R]
    ) -> R:
        """The answer to a stream of requests, tried again while the service is away.

        Every attempt sends `first`, whose bytes are what is signed, and then what `rest` yields,
        which finds out where to go on. Raises what `harbourlight.errors` and `rest` do.
        """
        service, path = _route(first.DESCRIPTOR)
        data = first.SerializeToString()
        invoke = await self._callable(service, path, "stream_unary")
        patience = _Patience(self._patience)
        while True:
            failed: list[Exception] = []

            async def requests(failed: list[Exception] = failed) -> AsyncGenerator[bytes, None]:
                yield data
                try:
                    async with aclosing(rest()) as messages:
                        async for message in messages:
                            patience.answered()
                            yield message.SerializeToString()
                except Exception as error:
                    # gRPC would only log it, and cancel the call.
                    failed.append(error)

            try:
                answer: bytes = await invoke(
                    requests(), metadata=self._credential.metadata(path, data)
                )
            except grpc.aio.AioRpcError as error:
                if failed:
                    raise failed[0] from None
                failure = self._failure(error, service)
                if error.details() == _CUT:
                    failure = Unavailable(f"{self._name(service)} ended the upload")
                await patience.wait(failure)
            else:
                if failed:
                    raise failed[0]
                return response.FromString(answer)

    async def watch(
        self, request: Callable[[], Message], response: type[R]
    ) -> AsyncGenerator[R, None]:
        """The responses of a stream without end.

        While the service is away, and where it ends the stream, the stream is opened again with
        what `request` returns then, so that it goes on where it was.
        """
        patience = _Patience(self._patience)
        while True:
            message = request()
            service, path = _route(message.DESCRIPTOR)
            data = message.SerializeToString()
            opened = time.monotonic()
            open_stream = await self._callable(service, path, "unary_stream")
            stream = open_stream(data, metadata=self._credential.metadata(path, data))
            try:
                async for answer in stream:
                    patience.answered()
                    yield response.FromString(answer)
                failure: Error = Unavailable(f"{self._name(service)} keeps ending the stream")
            except grpc.aio.AioRpcError as error:
                failure = self._failure(error, service)
            finally:
                stream.cancel()
            if time.monotonic() - opened > _QUIET:
                patience.answered()
            await patience.wait(failure)

    async def watch_changes(
        self,
        request: Message,
        response: type[R],
        found: Callable[[R], Iterable[S]],
        identity: Callable[[S], str],
    ) -> AsyncGenerator[S, None]:
        """What a stream's responses hold, one by one, without what comes again unchanged."""
        etags: dict[str, str] = {}
        async with aclosing(self.watch(lambda: request, response)) as answers:
            async for answer in answers:
                for one in found(answer):
                    if etags.get(identity(one)) != one.etag:
                        etags[identity(one)] = one.etag
                        yield one

    async def _callable(self, service: str, path: str, kind: str) -> Any:
        """The bytes-in, bytes-out callable of a method; `kind` is gRPC's name for its shape."""
        if path not in self._callables:
            open_call = getattr(await self._channel(service), kind)
            self._callables[path] = open_call(path, None, None)
        return self._callables[path]

    async def _channel(self, service: str) -> grpc.aio.Channel:
        if service in self._channels:
            return self._channels[service]
        address = self._endpoints.address(service)
        certificate = self._endpoints.certificate()
        options = _LOCAL_OPTIONS if self._bridge or is_local(address) else _OPTIONS
        target = address
        if self._bridge:
            # What the certificate has to be for does not change with the way.
            host = address.rpartition(":")[0].strip("[]")
            options += (
                ("grpc.ssl_target_name_override", host),
                ("grpc.default_authority", address),
            )
            target = await self._bridge.open(address)
        if service in self._channels:
            return self._channels[service]
        if certificate is None:
            channel = grpc.aio.insecure_channel(target, options=options)
        else:
            credentials = grpc.ssl_channel_credentials(certificate)
            channel = grpc.aio.secure_channel(target, credentials, options=options)
        self._channels[service] = channel
        return channel

    def _name(self, service: str) -> str:
        return f"{service} at {self._endpoints.address(service)}"

    def _failure(self, error: grpc.aio.AioRpcError, service: str) -> Error:
        failure = from_rpc(error, self._name(service))
        if isinstance(failure, Unavailable) and self._bridge and self._bridge.failure:
            return Unavailable(self._bridge.failure, code=failure.code)
        return failure
