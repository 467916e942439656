"""Promise 1: who reported and what would give it away is nowhere on the platform, in any writing.

Every sealed field holds a canary. It goes through every path, also those that are refused, cut and
killed; then everything that the platform has is searched.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest_asyncio

from deploy import topology
from deploy.embedded.stack import Stack
from deploy.provision import with_database
from harbourlight import Authority, CaseKey, Company, Custodian, Endpoints, Ngo
from harbourlight.errors import AlreadyExists, Error, InvalidArgument, Stale, Unavailable
from harbourlight.exhibits import look_at_file
from harbourlight.keys.files import KeyRing
from harbourlight.reporting.v1 import content_pb2 as content
from harbourlight.reporting.v1 import reporting_pb2 as reporting
from harbourlight.sealed.v1 import sealed_pb2 as sealed
from harbourlight.triage.v1 import triage_pb2 as triage
from harbourlight.triage.v1 import unsealing_pb2 as unsealing
from harbourlight.types.v1 import types_pb2 as types
from shared.kafka import Kafka
from tests.e2e.canary.fill import filled
from tests.e2e.canary.search import (
    MARK,
    Find,
    canary,
    in_bytes,
    in_database,
    in_folder,
    in_processes,
    in_records,
)
from tests.integration.waiting import eventually

FACTS = types.ReportFacts(
    country="MY",
    sector="ISIC_C",
    exploitation_type=types.EXPLOITATION_TYPE_FORCED_LABOUR,
    child_involved=types.CHILD_INVOLVEMENT_NO,
    indicators=["DEBT_BONDAGE"],
)


class World:
    """A network, and those who use it from machines of their own."""

    def __init__(self, stack: Stack, data: Path, machines: Path) -> None:
        self.stack = stack
        self.data = data
        self.machines = machines
        self.endpoints = Endpoints.load(data / "endpoints.json")
        self.told: list[str] = []
        """What the platform said in answer to what it refused."""
        self.identity = filled(sealed.Identity, "identity")
        self.content = filled(sealed.Content, "content")

    def company(self, key: CaseKey, patience: float = 30) -> Company:
        """The holder of a case."""
        return Company(self.endpoints, key, patience=patience)

    def authority(self) -> Authority:
        """An officer, with its keys."""
        keys = KeyRing.load(self.endpoints.keys["AUTHORITY"])
        return Authority(self.endpoints, self.stack.token("AUTHORITY"), keys=keys)

    def custodian(self) -> Custodian:
        """The primary one, with its key."""
        keys = KeyRing.load(self.endpoints.keys["CUSTODIAN"])
        return Custodian(self.endpoints, self.stack.token("CUSTODIAN"), keys=keys)

    @contextlib.contextmanager
    def refusing(self, *kinds: type[Error]) -> Iterator[None]:
        """Keeps what the platform says when it refuses what is done here, as it must."""
        try:
            yield
        except Error as error:
            if kinds and not isinstance(error, kinds):
                raise
            self.told.append(repr(vars(error)))
        else:
            raise AssertionError("it was accepted")

    async def killed(self, name: str) -> None:
        """Kills a process; the stack starts it again."""
        before = self.stack.processes[name].pid
        os.kill(before, signal.SIGKILL)

        async def is_back() -> bool:
            return self.stack.processes[name].pid != before

        await eventually(is_back)


@pytest_asyncio.fixture(loop_scope="function")
async def world(tmp_path: Path) -> AsyncIterator[World]:
    data, machines = tmp_path / "data", tmp_path / "machines"
    machines.mkdir()
    async with Stack(data, fresh=True, publish=data / "endpoints.json") as stack:
        yield World(stack, data, machines)


def _photo(folder: Path) -> Path:
    """A picture whose name and metadata are canaries, and whose bytes hold one."""
    comment = canary("evidence.comment").encode()
    jpeg = b"\xff\xd8\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + b"\xff\xd9"
    path = folder / f"{canary('evidence.file_name')}.jpg"
    path.write_bytes(jpeg + canary("evidence.bytes").encode() + bytes(9 * 1024 * 1024))
    return path


async def _report(world: World, company: Company) -> None:
    """A report is refused, timed out, lodged, lodged again, amended."""
    sent = {"identity": world.identity, "content": world.content}
    with world.refusing(InvalidArgument):
        await company.submit_report(types.ReportFacts(country="XX"), **sent)
    before = await company.look_before(FACTS, world.identity, world.content)
    assert before.telling
    hurried = world.company(company._key, patience=0.001)
    with contextlib.suppress(Unavailable):
        await hurried.submit_report(FACTS, **sent)
    await hurried.close()
    with contextlib.suppress(AlreadyExists, Error):
        await company.submit_report(FACTS, **sent)
    with world.refusing():
        await company.submit_report(FACTS, **sent)
    assert (await company.get_case()).case.state == reporting.CASE_STATE_FILED
    await company.amend_report(FACTS, content=world.content)


async def _talk(world: World, company: Company, authority: Authority) -> None:
    """Both sides write, while the service is killed, and out of turn."""
    handle = company.handle
    opened = await authority.read_report(handle)
    assert opened.report
    assert MARK in opened.report.text
    await authority.send_message(
        handle, canary("message.question"), purpose=content.MESSAGE_PURPOSE_QUESTION
    )
    writing = asyncio.create_task(company.send_message(canary("message.answer")))
    await world.killed("reporting")
    await writing
    with world.refusing(Stale):
        late = await company._message(canary("message.late"), content.MESSAGE_PURPOSE_OTHER, b"")
        late.content.number += 7
        late.request_id = "6f1e9d9e-4d0c-4f43-9a52-8f7e6c1b2a3d"
        await company._connection.call(late, content.SendMessageResponse)
    await authority.send_message(
        handle,
        canary("message.reason"),
        purpose=content.MESSAGE_PURPOSE_REASON,
        act=canary("message.act"),
    )
    letters = await company.list_messages()
    assert [letter.problem for letter in letters if letter.problem] == []
    assert sum(MARK in letter.text for letter in letters) >= 4


async def _add_files(world: World, company: Company, authority: Authority) -> None:
    """A file arrives although the service is killed meanwhile, and the desk gets it."""
    photo = _photo(world.machines)
    assert look_at_file(photo, world.identity)
    adding = asyncio.create_task(
        company.add_evidence(photo, description=canary("evidence.description"))
    )
    await asyncio.sleep(0.1)
    await world.killed("reporting")
    added = await adding
    number = added.description.content.number
    into = world.machines / "fetched"
    await authority.get_evidence(company.handle, number, into)
    assert into.read_bytes() == photo.read_bytes()


async def _unseal(world: World, company: Company, authority: Authority) -> None:
    """The desk asks twice: it is refused, then granted, and reads who reports."""
    custodian = world.custodian()
    page = await authority.list_queue(triage.QueueFilter(handle=company.handle))
    referral_id = page.referrals[0].referral_id
    for number, grant in enumerate((False, True)):
        one_time = world.machines / f"one-time-{number}.json"
        asked = await authority.request_unsealing(
            referral_id,
            unsealing.LEGAL_BASIS_VITAL_INTERESTS,
            canary("unsealing.reason"),
            one_time,
        )
        unsealing_id = asked.unsealing.unsealing_id

        async def is_in_ledger(unsealing_id: str = unsealing_id) -> bool:
            with contextlib.suppress(Error):
                await custodian.check_unsealing(unsealing_id)
                return True
            return False

        await eventually(is_in_ledger)
        if grant:
            await custodian.grant_unsealing(unsealing_id, unwitnessed=True)
            opened = await authority.open_identity(unsealing_id, one_time)
            assert opened == world.identity
        else:
            checked = await custodian.check_unsealing(unsealing_id)
            assert custodian.read_reason(checked) == canary("unsealing.reason")
            await custodian.refuse_unsealing(
                unsealing_id, unsealing.UNSEALING_REFUSAL_NOT_NECESSARY, canary("unsealing.remark")
            )
            assert await authority.read_remark(unsealing_id, one_time) == canary("unsealing.remark")
    await custodian.close()


async def _follow(world: World, company: Company) -> bytes:
    """What company and NGO are told, as they would write it down."""
    notices = await company.list_notices(page_size=500)
    ngo = Ngo(world.endpoints, world.stack.token("NGO"))
    feed = ngo.subscribe_remedy()
    first = await anext(feed)
    await feed.aclose()
    await ngo.close()
    return notices.SerializeToString() + first.SerializeToString()


async def _exposed(world: World) -> list[Find]:
    """Every canary that the platform has, in any writing."""
    stack = world.stack
    found = list(in_processes(child.pid for child in stack.processes.values()))
    for url in (stack.admin_database_url, stack.keystore_admin_url):
        connection = await asyncpg.connect(url)
        rows = await connection.fetch(
            "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate"
        )
        await connection.close()
        for row in rows:
            found += await in_database(with_database(url, row["datname"]))
    topics = [topic.name for topic in topology.topics()]
    kafka = stack.kafka_admin.kafka(Kafka, "")
    found += in_records(await asyncio.to_thread(kafka.read_to_end, topics))
    found += in_folder(world.data)
    return found


async def test_no_sealed_word_is_anywhere_on_the_platform(world: World) -> None:
    company, authority = world.company(CaseKey.generate()), world.authority()
    await _report(world, company)
    page = triage.QueueFilter(handle=company.handle)

    async def referral() -> str:
        found = (await authority.list_queue(page)).referrals
        return found[0].referral_id if found else ""

    await authority.accept_referral(await eventually(referral))
    await _talk(world, company, authority)
    await _add_files(world, company, authority)
    await _unseal(world, company, authority)
    written = await _follow(world, company)
    await company.close()
    await authority.close()

    found = await _exposed(world)
    found += in_bytes("what parties are told", written)
    found += in_bytes("what refusals say", "\n".join(world.told).encode())
    assert not found, "\n".join(map(str, found[:20]))
    # The search would have found it: one planted where the platform keeps its own words.
    planted = world.data / "logs" / "reporting.log"
    with planted.open("a") as log:
        log.write(canary("planted"))
    assert [find.place for find in in_folder(world.data)] == [str(planted)]
