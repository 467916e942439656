"""What is wrong with an installation, and what to do about it."""

from collections.abc import AsyncIterator, Callable

import asyncpg

from deploy.ops import doctor_servers, flow, parked
from deploy.ops.finding import BAD, GOOD, WATCH, Finding
from deploy.ops.site import OpsError, Site

__all__ = ["BAD", "GOOD", "WATCH", "Finding", "examine"]

_SLOW_SECONDS, _STUCK_SECONDS = 5.0, 60.0
_GAP_SECONDS = 300.0
_MUCH_LAG = 10_000


async def examine(site: Site) -> list[Finding]:
    """Looks at everything there is; what cannot be looked at is a finding too."""
    found: list[Finding] = []
    for area, look in _LOOKS.items():
        try:
            async for one in look(site):
                found.append(one)
        except (OpsError, OSError, asyncpg.PostgresError) as error:
            found.append(Finding(BAD, area, str(error), "see to this first"))
    return found


async def _relays(site: Site) -> AsyncIterator[Finding]:
    async with site.connect() as connection:
        for one in await flow.outboxes(connection, site.prefix):
            if not one.relay:
                yield Finding(
                    BAD,
                    "relay",
                    f"nobody holds {one.service}'s relay lock: its events do not leave",
                    f"start {one.service}; where it runs, its log says why its relay does not",
                )
            waited = one.oldest_seconds or 0.0
            if waited > _SLOW_SECONDS:
                yield Finding(
                    BAD if waited > _STUCK_SECONDS else WATCH,
                    "outbox",
                    f"{one.unsent} events of {one.service} wait, the oldest for {waited:.0f} s",
                    "see that Kafka takes records (disk, replicas), and look for 'relay "
                    f"interrupted' in {one.service}'s log",
                )
            elif one.relay:
                yield Finding(GOOD, "outbox", f"{one.service}: {one.unsent} unsent, relay active")


async def _parked(site: Site) -> AsyncIterator[Finding]:
    async with site.connect() as connection:
        rows = await parked.listed(connection)
    for one in rows:
        if one.reason == "poison":
            yield Finding(
                BAD,
                "parked",
                f"{one.id} failed {one.attempts} times ({one.error}); {one.behind} wait behind it",
                f"`dlq show {one.id}`; once its cause is mended `dlq replay`, else `dlq discard`",
            )
        elif (
            one.sequence == min(other.sequence for other in rows if other.key[:3] == one.key[:3])
            and parked.age(one) > _GAP_SECONDS
        ):
            missing = f"{one.mark + 1} of {one.stream}" if one.reason == "gap" else one.error
            yield Finding(
                WATCH,
                "parked",
                f"{one.id} has waited {parked.age(one):.0f} s ({one.reason}: {missing})",
                "`rebuild topics` sends again what is missing from a topic; `dlq list` shows "
                "whether the router put it aside",
            )
    if not rows:
        yield Finding(GOOD, "parked", "nothing waits")


async def _lag(site: Site) -> AsyncIterator[Finding]:
    for one in await flow.lags(site):
        if not one.members:
            yield Finding(
                BAD, "lag", f"nobody reads {one.topic} as {one.group}", f"start {one.group}"
            )
        elif one.records > _MUCH_LAG:
            yield Finding(
                WATCH,
                "lag",
                f"{one.group} has {one.records} records of {one.topic} before it",
                "where it grows, run more instances: up to one per partition",
            )
        else:
            yield Finding(GOOD, "lag", f"{one.group} on {one.topic}: {one.records}")


_LOOKS: dict[str, Callable[[Site], AsyncIterator[Finding]]] = {
    "services": doctor_servers.services,
    "relay": _relays,
    "parked": _parked,
    "lag": _lag,
    "migrations": doctor_servers.migrations,
    "access": doctor_servers.access,
    "clock": doctor_servers.clock,
    "disk": doctor_servers.disk,
    "certificates": doctor_servers.certificates,
}
