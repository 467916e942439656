"""The checker finds nothing in a healthy run, and each fault that is planted in it."""

import asyncio
import copy
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.embedded.stack import Stack
from deploy.ops import checker
from deploy.ops.checker import clients
from deploy.ops.checker.clients import Command
from deploy.ops.checker.model import Seen, Tables, Topics
from deploy.ops.checker.reading import read_tables, read_topics
from deploy.ops.checker.run import compare
from examples.demo import cases
from examples.demo.narrator import Narrator
from examples.demo.parties import NGO, Desk, Observer, Reporter
from examples.demo.play import Play
from harbourlight.reporting.v1 import events_pb2 as reporting_events
from harbourlight.types.v1 import types_pb2 as types
from services.notification import router
from tests.integration.clientlog import ClientLog
from tests.integration.installation import Installation
from tests.integration.operators import ops, site_of
from tests.integration.waiting import eventually

pytestmark = [pytest.mark.xdist_group("verify"), pytest.mark.asyncio(loop_scope="module")]

SOURCE = "reporting.events.v1"
FILED = reporting_events.ReportFiled.DESCRIPTOR.full_name
AMENDED = reporting_events.ReportAmended.DESCRIPTOR.full_name


def _facts(*indicators: str) -> types.ReportFacts:
    return types.ReportFacts(
        country="MY",
        sector="ISIC_C",
        exploitation_type=types.EXPLOITATION_TYPE_FORCED_LABOUR,
        child_involved=types.CHILD_INVOLVEMENT_NO,
        indicators=["DEBT_BONDAGE", *indicators],
    )


@dataclass
class Run:
    """What a healthy run left."""

    installation: Installation
    log: Path
    before: Tables
    held: Topics
    after: Tables
    memory: clients.Memory
    handle: str
    """A case that was reported, amended twice and refused once."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    """A whole network, two cases from report to remedy and one that remembers each answer."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await stack.provision(database=name, prefix=f"{name}.")
    folder = tmp_path_factory.mktemp("verify")
    installation = Installation(stack, name, folder)
    await eventually(installation.is_guarded)
    try:
        services = ("reporting", "triage", "remedy", "notification", "ledger")
        await asyncio.gather(*(installation.serve(service) for service in services))
        await installation.run(router.GROUP, "services.notification.router")
        log = folder / "client.jsonl"
        handle = await _play(installation, log)
        report = await checker.verify(site_of(installation), [log], settle=60)
        assert report.faults == []
        await installation.stop()
        site = site_of(installation)
        before, held, after = (
            await read_tables(site),
            await read_topics(site),
            await read_tables(site),
        )
        yield Run(installation, log, before, held, after, clients.read([log]), handle)
    finally:
        await installation.close()


async def _play(installation: Installation, path: Path) -> str:
    endpoints, stack = installation.endpoints(), installation.stack
    desk = Desk(endpoints, stack.token("AUTHORITY"))
    ngo = Observer(endpoints, stack.mint("NGO", org=NGO))
    plays = [
        (case, Reporter(endpoints, path.parent))
        for case in cases.read()
        if case.id in ("longliner", "retail-food-supplier")
    ]
    witness = Reporter(endpoints, path.parent)
    followers = [
        asyncio.create_task(one.follow())
        for one in (desk, ngo, witness, *(reporter for _, reporter in plays))
    ]
    log = ClientLog(path, "witness")
    client, handle = witness.client, witness.client.handle
    await log.call(
        "SubmitReport", handle, FILED, lambda name: client.submit_report(_facts(), request_id=name)
    )
    # A second report on the same case.
    await log.call(
        "SubmitReport", handle, FILED, lambda name: client.submit_report(_facts(), request_id=name)
    )
    for indicator in ("ISOLATION", "DECEPTION"):
        facts = _facts(indicator)
        await log.call(
            "AmendReport",
            handle,
            AMENDED,
            lambda name, facts=facts: client.amend_report(facts, request_id=name),  # type: ignore[misc]
        )
    for case, reporter in plays:
        play = Play(case, reporter, desk, ngo, Narrator())
        await play.run(
            marker=case.id == "longliner", question=False, dispute=case.id != "longliner"
        )

    async def told() -> bool:
        notices = await installation.ask(
            "SELECT count(*) FROM notification.notice WHERE handle = $1", handle
        )
        entries = await installation.ask("SELECT count(*) FROM notification.feed_log")
        return (len(witness.notices.seen), len(ngo.feed.seen)) == (notices[0][0], entries[0][0])

    await eventually(told)
    for _, notice in witness.notices.seen:
        log.saw("notices", notice.number, notice.type, handle)
    for _, entry in ngo.feed.seen:
        log.saw("feed", entry.sequence, entry.type)
    log.close()
    for follower in followers:
        follower.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    for party in (desk, ngo, witness, *(reporter for _, reporter in plays)):
        await party.client.close()
    return handle


def _found(run: Run, change: Callable[[Run], None]) -> set[str]:
    """The rules that are broken once `change` has been made to a copy of what was read."""
    # Topics keep what they derived from their records, so they are built anew.
    held = Topics(list(run.held.records), list(run.held.unreadable), dict(run.held.begins))
    changed = replace(
        run,
        before=copy.deepcopy(run.before),
        held=held,
        after=copy.deepcopy(run.after),
        memory=copy.deepcopy(run.memory),
    )
    change(changed)
    return {fault.rule for fault in _compare(changed)}


def _compare(run: Run) -> list[checker.Fault]:
    return compare(run.before, run.held, run.after, run.memory)


async def test_a_healthy_run_has_no_fault_and_there_was_something_to_look_at(run: Run) -> None:
    assert _compare(run) == []
    looked_at = (await checker.verify(site_of(run.installation), [run.log], settle=0)).looked_at
    assert {name: count for name, count in looked_at.items() if not count}.keys() <= {
        "parked",
        "dead letters",
    }
    assert looked_at["commands of clients"] == 4
    outcomes = sorted(command.outcome for command in run.memory.commands.values())
    assert outcomes == ["acknowledged"] * 3 + ["refused"]


def _place(run: Run, topic: str = SOURCE, sequence: int = 2) -> int:
    """Where in the records this one of the handle is."""
    return next(
        number
        for number, one in enumerate(run.held.records)
        if (one.topic, one.subject, one.sequence) == (topic, run.handle, sequence)
    )


def _drop_record(run: Run, topic: str = SOURCE, sequence: int = 2) -> None:
    del run.held.records[_place(run, topic, sequence)]


def _repeat(run: Run, topic: str = SOURCE, **changes: object) -> None:
    one = run.held.records[_place(run, topic)]
    again: Seen = one._replace(offset=one.offset + 1000, **changes)  # type: ignore[arg-type]
    run.held.records.append(again)


def _reorder(run: Run) -> None:
    first, second = _place(run, sequence=1), _place(run, sequence=2)
    records = run.held.records
    records[first], records[second] = records[second], records[first]


def _row(run: Run, sequence: int = 2) -> int:
    return next(
        number
        for number, row in enumerate(run.after.outbox)
        if (row.topic, row.subject, row.sequence) == (SOURCE, run.handle, sequence)
    )


def _both(run: Run, change: Callable[[Tables], None]) -> None:
    for tables in (run.before, run.after):
        change(tables)


def _request(run: Run, outcome: str) -> tuple[str, Command]:
    return next((name, one) for name, one in run.memory.commands.items() if one.outcome == outcome)


def _answer(run: Run, outcome: str, count: int) -> None:
    name, command = _request(run, outcome)
    run.after.answers[command.method, name] = count


def _seen_line(run: Run, stream: str) -> list[tuple[int, str]]:
    return next(seen for place, seen in run.memory.seen.items() if place[1] == stream)


def _mark(tables: Tables, run: Run, service: str, mark: int | None, stream: str = SOURCE) -> None:
    if mark is None:
        del tables.marks[service, stream, run.handle]
    else:
        tables.marks[service, stream, run.handle] = mark


def _double_effect(run: Run) -> None:
    """The same event of the same cause, as a handler that ran twice would write it."""
    row = next(row for row in run.after.outbox if row.cause)
    key = (row.service, row.topic, row.subject)

    def change(tables: Tables) -> None:
        tables.drawn[key] += 1
        twin = row._replace(id=str(uuid.uuid4()), sequence=tables.drawn[key], is_sent=False)
        tables.outbox.append(twin)

    _both(run, change)


def _empty_ledger(run: Run) -> None:
    run.after.ledger = frozenset()


PLANTED: dict[str, tuple[Callable[[Run], None], set[str]]] = {
    "an event that never reached its topic": (_drop_record, {"lost", "gap"}),
    "the last event of a line lost": (lambda run: _drop_record(run, sequence=3), {"lost", "ahead"}),
    "two events in the wrong order": (_reorder, {"order"}),
    "a repeat with another content": (lambda run: _repeat(run, digest=b"x"), {"differs"}),
    "an event that nobody wrote": (lambda run: _repeat(run, sequence=4), {"unknown", "behind"}),
    "a record in another partition": (lambda run: _repeat(run, partition=99), {"order"}),
    "a record that is no event": (
        lambda run: run.held.unreadable.append(run.held.records[0]._replace(id="")),
        {"unreadable"},
    ),
    "a row of the outbox lost": (
        lambda run: _both(run, lambda tables: tables.outbox.pop(_row(run))),  # type: ignore[arg-type,return-value]
        {"lost", "unknown"},
    ),
    "an outbox row that is not what was sent": (
        lambda run: _both(
            run,
            lambda tables: tables.outbox.__setitem__(
                _row(run), tables.outbox[_row(run)]._replace(value_digest=b"x")
            ),
        ),
        {"differs"},
    ),
    "a row that was never sent": (
        lambda run: run.before.outbox.__setitem__(
            _row(run), run.before.outbox[_row(run)]._replace(is_sent=False)
        ),
        {"unsent"},
    ),
    "a handler that ran twice": (_double_effect, {"doubled", "unsent"}),
    "an inbox row lost": (
        lambda run: _both(run, lambda tables: _mark(tables, run, "triage", None)),
        {"behind"},
    ),
    "a mark that is behind": (
        lambda run: _both(run, lambda tables: _mark(tables, run, "remedy", 1)),
        {"behind"},
    ),
    "a mark that is ahead": (
        lambda run: _both(run, lambda tables: _mark(tables, run, "triage", 9)),
        {"ahead"},
    ),
    "nothing routed of an event": (
        lambda run: _drop_record(run, router.ROUTED),
        {"routed"},
    ),
    "something routed of nothing": (
        lambda run: run.held.records.append(
            run.held.records[_place(run, router.ROUTED)]._replace(sequence=9)
        ),
        {"routed", "behind"},
    ),
    "a notice lost": (lambda run: run.after.notices[_told(run)].pop(), {"notices"}),  # type: ignore[arg-type,return-value]
    "a notice twice": (
        lambda run: run.after.notices[_told(run)].append(run.after.notices[_told(run)][-1]),
        {"notices"},
    ),
    "a notice of another event": (
        lambda run: run.after.notices[_told(run)].__setitem__(0, (1, "harbourlight.x.v1.Other")),
        {"notices", "saw"},
    ),
    "an entry of the feed lost": (lambda run: run.after.feed.pop(), {"feed", "saw"}),  # type: ignore[arg-type,return-value]
    "an entry of the feed twice": (
        lambda run: run.after.feed.append(run.after.feed[-1]),
        {"feed", "saw"},
    ),
    "a commitment that the ledger lacks": (_empty_ledger, {"ledger"}),
    "a receipt whose event commits to nothing": (
        lambda run: run.after.receipts.add(
            next(row.id for row in run.after.outbox if not row.commitment)
        ),
        {"receipt"},
    ),
    "an acknowledged command lost": (lambda run: _answer(run, "acknowledged", 0), {"acknowledged"}),
    "a refused command kept": (lambda run: _answer(run, "refused", 1), {"refused"}),
    "an acknowledged command without effect": (
        lambda run: run.memory.commands.__setitem__(
            "another", replace(_request(run, "acknowledged")[1], outcome="acknowledged")
        ),
        {"acknowledged"},
    ),
    "an effect that no command had": (
        lambda run: _forget(run),
        {"acknowledged"},
    ),
    "a company that missed a notice": (
        lambda run: _seen_line(run, "notices").pop(),  # type: ignore[arg-type,return-value]
        {"saw"},
    ),
    "an NGO that saw an entry twice": (
        lambda run: _seen_line(run, "feed").insert(3, _seen_line(run, "feed")[2]),
        {"saw"},
    ),
    "an NGO that saw two in the wrong order": (
        lambda run: _seen_line(run, "feed").insert(0, _seen_line(run, "feed").pop(1)),
        {"saw"},
    ),
}


def _told(run: Run) -> str:
    return next(handle for handle in run.after.notices if handle != run.handle)


def _forget(run: Run) -> None:
    """One of two amendments was, to its client's memory, refused."""
    name, command = next(
        (name, one) for name, one in run.memory.commands.items() if one.emits == AMENDED
    )
    run.memory.commands[name] = replace(command, outcome="refused")
    run.after.answers[command.method, name] = 0


@pytest.mark.parametrize("planted", PLANTED)
async def test_a_planted_fault_is_found(run: Run, planted: str) -> None:
    change, rules = PLANTED[planted]
    found = _found(run, change)
    assert found & rules, f"nothing of {rules} among {found}"


async def test_an_identical_repeat_behind_the_first_is_no_fault(run: Run) -> None:
    assert _found(run, _repeat) == set()
    assert _found(run, lambda one: _repeat(one, router.ROUTED, digest=b"another trace")) == set()


LIVE = {
    "a lost notice": (
        "DELETE FROM notification.notice WHERE (handle, number) IN"
        " (SELECT handle, max(number) FROM notification.notice GROUP BY handle LIMIT 1)",
        "notices",
    ),
    "a missing inbox row": (
        "DELETE FROM triage.inbox_mark WHERE (stream, subject) IN"
        " (SELECT stream, subject FROM triage.inbox_mark LIMIT 1)",
        "behind",
    ),
    "a row counted as sent that was not": (
        "INSERT INTO reporting.outbox (topic, subject, sequence, type, time, payload, sent_at)"
        " SELECT topic, subject, last + 1, 'harbourlight.reporting.v1.ReportAmended', now(),"
        " '', now() FROM reporting.outbox_sequence LIMIT 1",
        "lost",
    ),
    "a poison event without a dead letter": (
        "INSERT INTO triage.inbox_parked (consumer, stream, subject, sequence, reason,"
        " retry_at, topic, value, headers) SELECT consumer, stream, subject, sequence + 1,"
        " 'poison', now(), stream, '', '[]' FROM triage.inbox_mark LIMIT 1",
        "parked",
    ),
    "a gap without a cause": (
        "INSERT INTO triage.inbox_parked (consumer, stream, subject, sequence, reason,"
        " retry_at, topic, value, headers) SELECT consumer, stream, subject, sequence + 2,"
        " 'gap', now(), stream, '', '[]' FROM triage.inbox_mark LIMIT 1",
        "gap",
    ),
    "an answer that was never acknowledged away": (
        "DELETE FROM reporting.answer WHERE method LIKE '%/SubmitReport'",
        "acknowledged",
    ),
}


@pytest.mark.parametrize("planted", LIVE)
async def test_a_fault_in_the_database_is_found_by_the_command(run: Run, planted: str) -> None:
    statement, rule = LIVE[planted]
    await run.installation.ask("CREATE SCHEMA saved")
    tables = {
        name.replace(".", "_"): name
        for name in (
            *("notification.notice", "triage.inbox_mark", "triage.inbox_parked"),
            *("reporting.outbox", "reporting.answer"),
        )
    }
    for copied, name in tables.items():
        await run.installation.ask(f"CREATE TABLE saved.{copied} AS TABLE {name}")
    await run.installation.ask(statement)
    arguments = ("verify", "--settle", "0", "--clients", str(run.log), "--json")
    code, said, errors = await ops(run.installation, *arguments)
    for copied, name in tables.items():
        await run.installation.ask(f"DELETE FROM {name}")
        overriding = "OVERRIDING SYSTEM VALUE" if name == "reporting.outbox" else ""
        await run.installation.ask(f"INSERT INTO {name} {overriding} TABLE saved.{copied}")
    await run.installation.ask("DROP SCHEMA saved CASCADE")
    assert code == 10, errors
    assert rule in {fault["rule"] for fault in json.loads(said)["faults"]}


async def test_a_clean_installation_is_called_clean_by_the_command(run: Run) -> None:
    code, said, errors = await ops(run.installation, "verify", "--clients", str(run.log))
    assert (code, errors) == (0, ""), said
    assert "Everything is where it should be." in said
