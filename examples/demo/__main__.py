"""From nothing to the main job:  python -m examples.demo

Starts a network of its own, takes the public cases through it, checks what happened and stops.
Exit code 0 only if every check held.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from deploy import topology
from deploy.embedded.postgres import with_database
from deploy.embedded.running import run
from deploy.embedded.stack import DATABASE, Stack
from deploy.ops import checker, picture
from deploy.ops.site import Site
from examples.demo import cases, proof
from examples.demo.evidence import Evidence
from examples.demo.narrator import Narrator
from examples.demo.parties import NGO, Custody, Desk, Observer, Reporter
from examples.demo.play import Play, play_all
from examples.demo.sealed import Scene
from harbourlight import Endpoints
from shared.kafka import Kafka

DATA = Path(__file__).parents[2] / ".harbourlight" / "demo"

PROMISES = {
    "every_case_reached_the_desk": "every case reached the desk",
    "every_company_was_told": "every company was told all that it may know, once and in order",
    "identity_opened_by_two": (
        "who reports opened for desk and custodian together, not for the desk alone"
    ),
    "every_remedy_was_verified": "every remedy was verified by somebody else than the company",
    "ngo_saw_every_remedy_event": "the NGO saw every remedy event, once and in order",
    "ngo_feed_declared_fields_only": "its feed held only fields declared for NGOs",
    "ngo_feed_links_back_to_nothing": "its feed held no handle, id or time that links back",
    "topics_hold_every_event_in_order": "the topics hold every event, each case in order",
    "databases_took_each_event_once": "each database took every event in once",
    "receipts_prove_coming_forward": (
        "proof of coming forward: each report, marker and amendment has a receipt that proves it "
        "with nobody left to ask"
    ),
    "checker_found_nothing": "an independent checker found no event lost, doubled or out of order",
    "stopped_clean": "everything that was started has stopped",
}


async def _perform(
    stack: Stack, data: Path, endpoints: Endpoints, tell: Narrator
) -> tuple[list[Play], list[Reporter], dict[str, bool]]:
    desk = Desk(endpoints, stack.token("AUTHORITY"))
    custody = Custody(endpoints, stack.token("CUSTODIAN"))
    ngo = Observer(endpoints, stack.mint("NGO", org=NGO))
    todo = cases.read()
    folder = data / "companies"
    folder.mkdir(mode=0o700)
    companies = [Reporter(endpoints, folder) for _ in todo]
    followers = [asyncio.create_task(one.follow()) for one in (desk, ngo, *companies)]
    plays = [
        Play(case, company, desk, ngo, tell, Scene(company, desk, custody, tell, folder))
        for case, company in zip(todo, companies, strict=True)
    ]
    try:
        await play_all(todo, plays, tell, followers)
        checks = await _check(stack, plays, companies, desk, ngo)
        asked = [play.opened_by_two for play in plays if play.opened_by_two is not None]
        checks["identity_opened_by_two"] = bool(asked) and all(asked)
        count = await proof.gather(companies, endpoints, data)
        tell.say(f"\n{count} receipts, proven by the ledger and a witness: {data / proof.FOLDER}")
    finally:
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
        for party in (desk, custody, ngo, *companies):
            await party.client.close()
    return plays, companies, checks


async def _check(
    stack: Stack,
    plays: list[Play],
    companies: list[Reporter],
    desk: Desk,
    ngo: Observer,
) -> dict[str, bool]:
    site = Site(with_database(stack.admin_database_url, DATABASE), stack.kafka_admin)
    database = await asyncpg.connect(site.database_url)
    try:
        await _settled(database)
        await _caught_up(database, companies, ngo)
        kafka = stack.kafka_admin.kafka(Kafka)
        evidence = await asyncio.to_thread(Evidence.read, database, kafka)
        queue = {referral.handle for _, referral in desk.queue.seen}
        closed = [(await company.client.get_remedy()).remedy for company in companies]
        return {
            "every_case_reached_the_desk": queue == {play.handle for play in plays},
            "every_company_was_told": await evidence.companies_told(companies),
            "every_remedy_was_verified": all(
                remedy.items and not remedy.unremedied for remedy in closed
            ),
            "ngo_saw_every_remedy_event": await evidence.feed_complete(ngo),
            "ngo_feed_declared_fields_only": evidence.feed_declared(ngo),
            "ngo_feed_links_back_to_nothing": evidence.feed_unlinkable(ngo, companies),
            "topics_hold_every_event_in_order": await evidence.topics_in_order(),
            "databases_took_each_event_once": await evidence.databases_took_each_once(),
            "checker_found_nothing": not (await checker.verify(site, settle=10)).faults,
        }
    finally:
        await database.close()


async def _caught_up(
    database: asyncpg.Connection, companies: list[Reporter], ngo: Observer, seconds: float = 10.0
) -> None:
    """Until the parties have been sent what there is for them, or `seconds` have passed."""
    notices = await database.fetchval("SELECT count(*) FROM notification.notice")
    entries = await database.fetchval("SELECT count(*) FROM notification.feed_log")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = sum(len(company.notices.seen) for company in companies)
        if seen >= notices and len(ngo.feed.seen) >= entries:
            return
        await asyncio.sleep(0.05)


async def _settled(database: asyncpg.Connection, seconds: float = 15.0) -> None:
    """Until nothing is on its way any more, or `seconds` have passed."""
    unsent, taken = (
        " + ".join(f"(SELECT {what.format(name)})" for name in topology.DATABASES)
        for what in (
            "count(*) FROM {}.outbox WHERE sent_at IS NULL",
            "coalesce(sum(sequence), 0) FROM {}.inbox_mark",
        )
    )
    quiet, before = 0, None
    deadline = time.monotonic() + seconds
    while quiet < 5 and time.monotonic() < deadline:
        now = tuple(await database.fetchrow(f"SELECT {unsent}, {taken}") or ())
        quiet = quiet + 1 if now == before and now[0] == 0 else 0
        before = now
        await asyncio.sleep(0.1)


def _draw(data: Path, tell: Narrator, record: dict[str, Any]) -> None:
    steps = picture.read_trace(data / "telemetry", record["handle"])
    if not steps:
        tell.say("No trace was exported for the second case.", "bold red")
        return
    tell.say("\nThe path of the second case's report, from its trace", "bold")
    for line in picture.terminal(steps):
        tell.console.print(line)
    file = data / "path.svg"
    title = f"The path of case {record['handle']}"
    file.write_text(picture.svg(steps, title), encoding="utf-8")
    tell.say(f"  as a picture: {file}", "dim")


async def _run(data: Path) -> int:
    tell = Narrator()
    began = time.monotonic()
    published = data / "endpoints.json"
    async with Stack(
        data, fresh=True, publish=published, say=lambda text: tell.say(text, "dim")
    ) as stack:
        ready = time.monotonic()
        tell.say(f"The network is up after {ready - began:.1f} s.", "bold")
        async with proof.witness(data, published) as seeing:
            plays, companies, checks = await _perform(stack, data, Endpoints.load(published), tell)
            pids = [*stack.endpoints["pids"].values(), seeing.pid]
        played = time.monotonic() - ready
    records = [play.record for play in plays]
    reported = sum(play.reported for play in plays)
    checks["receipts_prove_coming_forward"] = proof.proves_coming_forward(data, companies, reported)
    checks["stopped_clean"] = not any(psutil.pid_exists(pid) for pid in pids)
    # The first case also warms everything up; the second is as any other.
    _draw(data, tell, records[1])
    tell.say("\nWhat was promised", "bold")
    for name, promise in PROMISES.items():
        mark, style = ("held  ", "green") if checks[name] else ("BROKEN", "bold red")
        tell.say(f"  {mark}  {promise}", style)
    story = data / "story.json"
    story.write_text(json.dumps({"cases": records, "checks": checks}, indent=1), encoding="utf-8")
    tell.say(f"\n{len(records)} cases in {played:.1f} s. Every time and id: {story}", "bold")
    return 0 if all(checks.values()) else 1


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of this run")
    data = parser.parse_args().data.resolve()
    return run(lambda: _run(data))


if __name__ == "__main__":
    sys.exit(main())
