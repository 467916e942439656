"""What the doctor looks at on the servers and the machine."""

import asyncio
import hashlib
import shutil
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from deploy import provision, topology
from deploy.embedded.bootstrap import ROOT
from deploy.embedded.health import is_serving
from deploy.ops.finding import BAD, GOOD, WATCH, Finding
from deploy.ops.site import Site
from shared.migrate import SHARED

_SKEW_SECONDS = 2.0
_FREE_BYTES, _FREE_SHARE = 2 * 1024**3, 0.1
_EXPIRY_DAYS = 14


async def services(site: Site) -> AsyncIterator[Finding]:
    """Whether each serves."""
    serving = [process.name for process in topology.PROCESSES if process.serves]
    if site.endpoints is None:
        yield Finding(
            WATCH, "services", "where they are is not known", "name their file by --endpoints"
        )
        return
    for name in serving:
        address = site.endpoints.services.get(name)
        if address is None:
            yield Finding(BAD, "services", f"{name} is not among the endpoints", f"start {name}")
        elif await is_serving(address, site.endpoints.ca):
            yield Finding(GOOD, "services", f"{name} serves at {address}")
        else:
            yield Finding(
                BAD,
                "services",
                f"{name} does not serve at {address}",
                f"look into {name}'s log, and start it where it has ended",
            )


async def migrations(site: Site) -> AsyncIterator[Finding]:
    """Whether each schema is of this version."""
    async with site.connect() as connection:
        for service in topology.DATABASES:
            rows = await connection.fetch(f"SELECT name, sha256 FROM {service}.migration")
            applied = {row["name"]: row["sha256"] for row in rows}
            own = ROOT / "services" / service / "migrations"
            wanted = {
                f"{folder.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
                for folder in (SHARED, own)
                for path in folder.glob("*.sql")
            }
            missing, newer = wanted.keys() - applied.keys(), applied.keys() - wanted.keys()
            edited = {name for name in wanted.keys() & applied if wanted[name] != applied[name]}
            if edited:
                yield Finding(
                    BAD,
                    "migrations",
                    f"{service}: {', '.join(sorted(edited))} differs from what was applied",
                    "put the change into a new file: the service does not start like this",
                )
            if missing or newer:
                yield Finding(
                    WATCH,
                    "migrations",
                    f"{service}: not applied {sorted(missing)}, newer {sorted(newer)}",
                    f"{service} applies its own when it starts; old and new code run side by side",
                )
            if not edited | missing | newer:
                yield Finding(GOOD, "migrations", f"{service}: all {len(applied)} applied")


async def clock(site: Site) -> AsyncIterator[Finding]:
    """Whether the database's clock agrees with this machine's."""
    async with site.connect() as connection:
        before = datetime.now(UTC)
        there = await connection.fetchval("SELECT clock_timestamp()")
        after = datetime.now(UTC)
    skew = max((before - there).total_seconds(), (there - after).total_seconds(), 0.0)
    if skew > _SKEW_SECONDS:
        yield Finding(
            BAD,
            "clock",
            f"the database's clock is {skew:.0f} s away from this machine's",
            "set both by NTP: signatures hold for 120 s, and deadlines go by these clocks",
        )
    else:
        yield Finding(GOOD, "clock", "database and this machine agree within 2 s")


async def disk(site: Site) -> AsyncIterator[Finding]:
    """How much room there is."""
    if site.data:
        usage = shutil.disk_usage(site.data)
        yield _space(f"the data folder's disk, {site.data}", usage.free, usage.total)
    for where, free, total in await asyncio.to_thread(lambda: list(_broker_disks(site))):
        yield _space(where, free, total)
    async with site.connect() as connection:
        size = await connection.fetchval("SELECT pg_database_size(current_database())")
    yield Finding(GOOD, "disk", f"the database has {size / 1e6:.0f} MB")


def _broker_disks(site: Site) -> Iterator[tuple[str, int, int]]:
    with site.admin() as admin:
        for broker in admin.describe_log_dirs():
            for folder in broker.get("log_dirs") or broker.get("results") or ():
                total = folder.get("total_bytes") or -1
                if total > 0:
                    name = f"broker {broker.get('broker', '')} {folder['log_dir']}"
                    yield name, folder["usable_bytes"], total


def _space(where: str, free: int, total: int) -> Finding:
    text = f"{where}: {free / 1e9:.1f} GB of {total / 1e9:.1f} GB free"
    if free < min(_FREE_BYTES, _FREE_SHARE * total):
        return Finding(
            BAD, "disk", text, "make room: outbox days are dropped after 7, topics after 30 days"
        )
    return Finding(GOOD, "disk", text)


async def access(site: Site) -> AsyncIterator[Finding]:
    """Whether topics and access rules are the topology's."""
    missing, stray, topics = await asyncio.to_thread(_rules, site)
    if topics:
        yield Finding(
            BAD, "access", f"no topic {', '.join(sorted(topics))}", "run `deploy.provision`"
        )
    if missing:
        yield Finding(
            BAD,
            "access",
            f"{len(missing)} access rules are missing, such as {missing[0]}",
            "run `deploy.provision`, which makes them",
        )
    if stray:
        yield Finding(
            BAD,
            "access",
            f"somebody may do more than the topology grants: {'; '.join(stray)}",
            "take the rule back, or find out who gave it and why",
        )
    if not missing and not stray and not topics:
        rules = "access rules and " if site.kafka.username else ""
        yield Finding(GOOD, "access", f"{rules}topics are as the topology has them")


def _rules(site: Site) -> tuple[list[str], list[str], set[str]]:
    wanted_topics = {one.name for one in topology.topics(site.prefix)}
    with site.admin() as admin:
        topics = wanted_topics - set(admin.list_topics())
        if not site.kafka.username:
            return [], [], topics
        wanted = provision.rules(topology.grants(site.prefix))
        present = provision.present_rules(admin)
    ours = {rule.resource_pattern for rule in wanted}
    stray = [one for one in present if one.resource_pattern in ours and one not in wanted]
    told: Callable[[object], str] = str
    return [told(one) for one in wanted - set(present)], [told(one) for one in stray], topics


async def certificates(site: Site) -> AsyncIterator[Finding]:
    """How long each is valid."""
    ca = site.endpoints.ca if site.endpoints else None
    if site.endpoints is None or ca is None:
        yield Finding(GOOD, "certificates", "no TLS here")
        return
    for name, address in {"(the authority)": "", **site.endpoints.services}.items():
        try:
            pem = await asyncio.to_thread(_certificate, ca, address)
        except OSError as error:
            yield Finding(
                WATCH, "certificates", f"{name} shows none ({error})", f"see that {name} serves"
            )
            continue
        left = (x509.load_pem_x509_certificate(pem).not_valid_after_utc - datetime.now(UTC)).days
        what = f"{name} is valid for {left} days more"
        if left < _EXPIRY_DAYS:
            yield Finding(
                BAD if left < 1 else WATCH, "certificates", what, "renew it before it ends"
            )
        else:
            yield Finding(GOOD, "certificates", what)


def _certificate(ca: Path, address: str) -> bytes:
    if not address:
        return ca.read_bytes()
    host, _, port = address.rpartition(":")
    return ssl.get_server_certificate((host, int(port)), timeout=5).encode()
