"""The company, desks and custodians of one case, with the client as it is installed.

Each has the keys that are its own; every service runs.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from deploy import topology
from deploy.embedded.processes import StartError
from harbourlight import Authority, CaseKey, Company, Custodian, Endpoints
from harbourlight.errors import Untrusted
from harbourlight.keys.files import KeyFile, KeyRing
from harbourlight.sealed.v1 import sealed_pb2 as plain
from harbourlight.triage.v1 import triage_pb2 as triage
from tests.integration import logs
from tests.integration.calls import facts
from tests.integration.installation import Installation
from tests.integration.waiting import eventually

T = TypeVar("T")

NAME, SITE = "Golden Palm Rubber Sdn Bhd", "Lot 7, Jalan Perusahaan 3"
IDENTITY = plain.Identity(
    name=NAME,
    registration_number="201901000005",
    people=[plain.Person(name="Aisyah binti Rahman", email="aisyah@goldenpalm.example")],
)
REPORT = plain.Content(site=plain.Site(name=SITE), narrative="They hold the passports.")
TELLING = (NAME, SITE, "Aisyah", "goldenpalm", "201901000005", "hold the passports")
"""Words of what is sealed."""


@dataclass
class Parties:
    """Everybody of one case, each with the keys that are theirs."""

    company: Company
    desk: Authority
    custodian: Custodian
    alternate: Custodian


def endpoints(installation: Installation) -> Endpoints:
    """Where the services are, and whose keys count."""
    return replace(installation.endpoints(), trust=installation.stack.trust.trust)


def officer(installation: Installation, desk: str) -> Authority:
    """Of one desk, with its key."""
    trust = installation.stack.trust
    return Authority(
        endpoints(installation),
        installation.stack.mint("AUTHORITY", desks=(desk,)),
        keys=KeyRing((trust.desks[desk], trust.officer)),
        patience=30,
    )


def custodian(installation: Installation, key: KeyFile) -> Custodian:
    """Of the organisation that holds a key."""
    token = installation.stack.mint("CUSTODIAN", org=key.entry.organisation)
    return Custodian(endpoints(installation), token, keys=KeyRing((key,)), patience=30)


@asynccontextmanager
async def parties(installation: Installation) -> AsyncIterator[Parties]:
    """Those of the labour inspectorate's cases."""
    trust = installation.stack.trust
    async with (
        Company(endpoints(installation), CaseKey.generate(), patience=30) as company,
        officer(installation, "LABOUR_INSPECTORATE") as desk,
        custodian(installation, trust.custodian) as first,
        custodian(installation, trust.alternate) as second,
    ):
        yield Parties(company, desk, first, second)


async def serve_all(installation: Installation) -> None:
    """Starts every service, with the development keys in the directory."""
    await logs.serve(installation)
    ledger = installation.environment("ledger")["HARBOURLIGHT_LISTEN"]
    stack = installation.stack

    async def published() -> bool:
        try:
            await stack.trust.publish(ledger, stack.ca, stack.token("OPERATOR"))
        except StartError:
            # The machine may be too busy for its patience; what is there already stays.
            return False
        return True

    await eventually(published)
    others = [name for name in topology.DATABASES if name != "ledger"]
    await asyncio.gather(*map(installation.serve, others))
    await installation.run("notification-router", "services.notification.router")


async def listed(act: Callable[[], Awaitable[T]]) -> T:
    """What is done once the request is in the ledger, which takes it a moment."""

    async def look() -> list[T]:
        try:
            return [await act()]
        except Untrusted as error:
            if "no such entry" not in str(error):
                raise
            return []

    return (await eventually(look))[0]


async def accepted(them: Parties) -> str:
    """The referral of the company's report, which the desk has taken up."""
    await them.company.submit_report(facts(), identity=IDENTITY, content=REPORT)
    handle = them.company.handle

    async def look() -> list[triage.Referral]:
        page = await them.desk.list_queue(triage.QueueFilter(handle=handle))
        return list(page.referrals)

    referral = (await eventually(look))[0].referral_id
    await them.desk.accept_referral(referral)
    return referral
