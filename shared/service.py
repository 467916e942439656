"""Runs a service's process: server, relay, consumer and timers, from start to graceful stop."""

import asyncio
import gc
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import grpc
import uvloop

from shared import figures, logs, telemetry
from shared.callers import Callers
from shared.consumer import Consumer, Subscription
from shared.database import Database
from shared.issuers import IssuerKeys, read_issuers
from shared.kafka import Kafka
from shared.limits import Limits
from shared.migrate import SHARED, migrate
from shared.relay import Relay, prepare
from shared.server import Server
from shared.settings import Settings
from shared.tls import check_listen, client_context
from shared.validation import Check, Validator
from shared.wakeups import Wakeups

log = logging.getLogger(__name__)

_HEALTH_SECONDS = 1.0


@dataclass(frozen=True)
class Timer:
    """Something to do every so often, in every process of the service."""

    seconds: float
    run: Callable[[], Awaitable[None]]


class Resource(Protocol):
    """What is there before a service serves and until it has stopped."""

    async def start(self) -> None:
        """Raises what keeps it from being there."""

    async def stop(self) -> None:
        """Lets it go."""


@dataclass(frozen=True)
class Parts:
    """What a service is made of."""

    api: Sequence[tuple[str, Callable[[grpc.aio.Server], None]]]
    """(full name, function that adds the servicer)."""
    subscriptions: Sequence[Subscription] = ()
    timers: Sequence[Timer] = field(default_factory=tuple)
    resources: Sequence[Resource] = ()
    is_healthy: Callable[[], Awaitable[bool]] | None = None
    """Whether the service can do its work; asked before it serves, and every second."""


def run(
    name: str,
    migrations: Path,
    formats: Mapping[int, Check],
    build: Callable[[Settings, Database], Parts],
    *,
    keystore: bool = False,
) -> None:
    """Runs the service `name` until SIGTERM or SIGINT; `keystore` says whether it has keys."""
    settings = Settings.from_environment(keystore=keystore)
    check_listen(settings.listen, settings.tls)
    logs.set_up(name)
    provider = telemetry.set_up(name, settings.telemetry)
    counting = figures.set_up(name, settings.metrics, settings.tls)
    uvloop.run(_run(name, migrations, formats, build, settings))
    provider.shutdown()
    if counting:
        counting.shutdown()


async def _run(
    name: str,
    migrations: Path,
    formats: Mapping[int, Check],
    build: Callable[[Settings, Database], Parts],
    settings: Settings,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # First, since a file that cannot be read must not leave anything half started.
    context = client_context(settings.oidc_ca)
    listed = read_issuers(settings.oidc_issuers) if settings.oidc_issuers else []
    issuers = [IssuerKeys(one, context) for one in listed]
    applied = await migrate(settings.database_url, SHARED, migrations)
    if applied:
        log.info("applied migrations: %s", ", ".join(applied))
    await prepare(settings.database_url)
    wakeups = Wakeups(settings.database_url, name)
    wakeups.start()
    database = await Database.connect(settings.database_url, wakeups)
    parts = build(settings, database)
    for resource in parts.resources:
        await resource.start()
    kafka = Kafka.of(settings)
    relay = asyncio.create_task(Relay(name, settings.database_url, kafka, wakeups).run())
    consumers = [Consumer(one, database, kafka) for one in parts.subscriptions]
    for consumer in consumers:
        consumer.start()
    measuring = Timer(figures.MEASURE_SECONDS, lambda: figures.measure(database, name))
    timers = [asyncio.create_task(_tick(timer)) for timer in (*parts.timers, measuring)]
    server = Server(
        Callers(settings.origin, settings.jwks, issuers, settings.token_hours),
        Validator(formats),
        Limits(settings.secret, settings.shared_addresses),
    )
    if parts.is_healthy:
        await server.set_healthy(await parts.is_healthy())
        timers.append(asyncio.create_task(_watch_health(server, parts.is_healthy)))
    await server.start(settings.listen, parts.api, settings.tls)
    log.info("serving on port %d", server.port)
    # What is there by now stays: looking through it again and again is no use.
    gc.collect()
    gc.freeze()
    await stop.wait()

    log.info("stopping")
    stopping = asyncio.create_task(server.stop())
    # Watches end by themselves once they look, so make them look.
    await asyncio.sleep(0)
    wakeups.committed()
    await stopping
    await asyncio.gather(*(consumer.stop() for consumer in consumers))
    for task in (*timers, relay):
        task.cancel()
    await asyncio.gather(*timers, relay, return_exceptions=True)
    for resource in parts.resources:
        await resource.stop()
    await wakeups.stop()
    await database.close()


async def _watch_health(server: Server, is_healthy: Callable[[], Awaitable[bool]]) -> None:
    while True:
        await asyncio.sleep(_HEALTH_SECONDS)
        try:
            await server.set_healthy(await is_healthy())
        except Exception as error:
            # A database that is away says nothing; calls fail by themselves meanwhile.
            log.warning("health not known: %r", error)


async def _tick(timer: Timer) -> None:
    while True:
        await asyncio.sleep(timer.seconds)
        try:
            await timer.run()
        except Exception:
            log.exception("timer failed")
