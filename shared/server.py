"""The gRPC server: every call is identified, authorised, decoded and checked before it is served.

A servicer's methods get the decoded request and a `Call` (in place of gRPC's context) and return
a message or its serialized bytes; what they raise as `Refusal` becomes a status here and nowhere
else.
"""

import contextlib
import hashlib
import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
)
from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from harbourlight import work
from harbourlight.options.v1 import options_pb2 as options
from shared import contract, errors, figures, outages, statuses, uploads
from shared.callers import Caller, Callers, authorise
from shared.commands import Call
from shared.errors import Kind, Refusal, Violation
from shared.limits import Limits, MethodLimits, Visit
from shared.telling import tell
from shared.tls import Tls, check_listen, server_credentials
from shared.validation import Validator

log = logging.getLogger(__name__)

# gRPC types handlers and contexts by their messages; at this door they are bytes.
Handler = Any
Context = Any

UNGUARDED = ("grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection")
"""The only services that anybody may call without the contract saying so."""

_OPTIONS = [
    ("grpc.max_receive_message_length", 1024 * 1024),
    # Of one connection.
    ("grpc.max_concurrent_streams", 256),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.max_connection_idle_ms", 300_000),
    ("grpc.so_reuseport", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
]


class Doorkeeper(grpc.aio.ServerInterceptor):
    """Stands in front of every method."""

    def __init__(
        self,
        callers: Callers,
        validator: Validator,
        limits: Limits,
        stopping: Callable[[], bool],
    ) -> None:
        self._callers = callers
        self._validator = validator
        self._limits = limits
        self._stopping = stopping
        self._guarded: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        details: grpc.HandlerCallDetails,
    ) -> Handler:
        """The method's handler behind its guard."""
        path = details.method
        if path in self._guarded:
            return self._guarded[path]
        handler = await continuation(details)
        if handler is None or path.lstrip("/").partition("/")[0] in UNGUARDED:
            return handler
        method = contract.find_method(path)
        if method is None:
            return _refused(path)
        guarded = self._guard(path, method, handler)
        self._guarded[path] = guarded
        return guarded

    def _guard(self, path: str, method: Any, handler: Handler) -> Handler:
        roles = contract.roles(method)
        request_class = contract.message_class(method.input_type)

        limits = MethodLimits.of(method)
        is_stream = method.server_streaming or method.client_streaming

        @contextlib.asynccontextmanager
        async def admit(raw: bytes, context: Context) -> AsyncIterator[tuple[Message, Call]]:
            metadata = {
                key: value
                for key, value in context.invocation_metadata() or ()
                if isinstance(value, str)
            }
            digest = hashlib.sha256(raw).digest()
            visit = self._limits.arrive(
                limits, path, context.peer(), digest, metadata.get(work.WORK)
            )
            try:
                if not is_stream:
                    await visit.turn()
                await self._callers.learn(metadata)
                caller = self._identify(visit, path, metadata, raw)
                authorise(caller, roles, path)
                visit.of(caller, stream=is_stream)
                yield read(raw, caller), Call(caller, path, digest, self._stopping)
            finally:
                visit.leave()

        def read(raw: bytes, caller: Caller) -> Message:
            request = request_class()
            try:
                request.ParseFromString(raw)
            except DecodeError as error:
                raise errors.invalid(
                    [Violation("(request)", f"not a {method.input_type.full_name}: {error}")]
                ) from error
            self._validator.check(request)
            # A case is open to its own key alone, whatever the method does with it.
            named = getattr(request, "handle", "")
            if caller.role == options.ROLE_COMPANY and named and named != caller.handle:
                raise errors.not_found(
                    "case under this key: the handle is not the one of the key that signed"
                )
            return request

        if method.client_streaming:
            upload = _upload(path, admit, handler.stream_unary, request_class)
            return grpc.stream_unary_rpc_method_handler(upload)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(_stream(path, admit, handler.unary_stream))
        return grpc.unary_unary_rpc_method_handler(_unary(path, admit, handler.unary_unary))

    def _identify(self, visit: Visit, path: str, metadata: Mapping[str, str], raw: bytes) -> Caller:
        try:
            return self._callers.identify(path, metadata, raw)
        except Refusal:
            visit.mistaken()
            raise


def _refused(path: str) -> Handler:
    """What is served although the contract does not have it is nobody's to call."""

    async def refuse(raw: bytes, context: Context) -> None:
        await _abort(context, Refusal(Kind.DENIED, f"{path} is open to nobody"))

    return grpc.unary_unary_rpc_method_handler(refuse)


Admit = Callable[[bytes, Context], AbstractAsyncContextManager[tuple[Message, Call]]]


def _unary(
    path: str, admit: Admit, serve: Callable[[Message, Call], Awaitable[Message | bytes]]
) -> Callable[[bytes, Context], Awaitable[bytes]]:
    async def guarded(raw: bytes, context: Context) -> bytes:
        async def work() -> Message | bytes:
            async with admit(raw, context) as (request, call):
                return await serve(request, call)

        return await _answer(path, context, work)

    return guarded


def _upload(
    path: str,
    admit: Admit,
    serve: Callable[[AsyncIterator[Message], Call], Awaitable[Message | bytes]],
    kind: type[Message],
) -> Callable[[AsyncIterator[bytes], Context], Awaitable[bytes]]:
    async def guarded(requests: AsyncIterator[bytes], context: Context) -> bytes:
        async def work() -> Message | bytes:
            async with admit(await uploads.first(requests), context) as (request, call):
                return await serve(uploads.decoded(request, requests, kind), call)

        return await _answer(path, context, work)

    return guarded


async def _answer(
    path: str, context: Context, work: Callable[[], Awaitable[Message | bytes]]
) -> bytes:
    with figures.call(path) as outcome:
        try:
            with outages.as_refusals(path):
                response = await work()
        except Refusal as refusal:
            outcome.status = statuses.CODES[refusal.kind].name
            await _abort(context, refusal)
            raise
        except Exception:
            outcome.status = "INTERNAL"
            await _internal(path, outcome.span, context)
            raise
        outcome.status = "OK"
        return response if isinstance(response, bytes) else response.SerializeToString()


def _stream(
    path: str, admit: Admit, serve: Callable[[Message, Call], AsyncGenerator[Message, None]]
) -> Callable[[bytes, Context], Awaitable[None]]:
    async def guarded(raw: bytes, context: Context) -> None:
        # No span around a stream: it would last for hours and be a parent of nothing.
        try:
            async with admit(raw, context) as (request, call):
                with figures.streaming(path), outages.as_refusals(path):
                    await tell(context, serve(request, call), call.caller.expires)
                if call.stopping():
                    raise Refusal(Kind.STOPPING, "the server is stopping: connect again and go on")
        except Refusal as refusal:
            await _abort(context, refusal)
        except Exception:
            log.exception("stream %s failed", path)
            await context.abort(grpc.StatusCode.INTERNAL, "something failed here; it is logged")

    return guarded


async def _abort(context: Context, refusal: Refusal) -> None:
    status = statuses.to_status(refusal)
    await context.abort(status.code, status.details, status.trailing_metadata)


async def _internal(path: str, span: Any, context: Context) -> None:
    log.exception("call %s failed", path)
    span.failure = "internal"
    await context.abort(
        grpc.StatusCode.INTERNAL, "something failed here, and nothing was changed; it is logged"
    )


class Server:
    """A gRPC server with health and reflection."""

    def __init__(
        self, callers: Callers, validator: Validator, limits: Limits | None = None
    ) -> None:
        self._is_stopping = False
        doorkeeper = Doorkeeper(callers, validator, limits or Limits(), lambda: self._is_stopping)
        self._server = grpc.aio.server(interceptors=[doorkeeper], options=_OPTIONS)
        self._health = health.aio.HealthServicer()
        self._names = [""]
        self._is_healthy = True
        self.port = 0

    async def start(
        self,
        listen: str,
        services: Iterable[tuple[str, Callable[[grpc.aio.Server], None]]],
        tls: Tls | None = None,
    ) -> None:
        """Serves (full name, function that adds the servicer) at `listen`. Raises BadTls."""
        check_listen(listen, tls)
        for name, add in services:
            add(self._server)
            self._names.append(name)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*self._names[1:], *UNGUARDED), self._server)
        if tls:
            self.port = self._server.add_secure_port(listen, server_credentials(tls))
        else:
            self.port = self._server.add_insecure_port(listen)
        await self._server.start()
        await self.set_healthy(self._is_healthy)

    async def set_healthy(self, is_healthy: bool) -> None:
        """Answers who asks for its health so from now on. Calls are served all the same."""
        self._is_healthy = is_healthy
        status = health_pb2.HealthCheckResponse
        for name in self._names:
            # Once the server stops, its health stays as that says.
            await self._health.set(name, status.SERVING if is_healthy else status.NOT_SERVING)

    async def stop(self, grace: float = 5.0) -> None:
        """Not serving, then drained: calls under way have `grace` seconds to end."""
        self._is_stopping = True
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)
