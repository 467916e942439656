"""The platform's operator against the client: it has every server, every token and the log's key.

It does not have the roots, which the client carries, nor the keys of desks and officers.
"""

import asyncio
import json
import shlex
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from deploy.embedded.bootstrap import ROOT
from harbourlight import Endpoints, Ledger
from harbourlight.errors import Untrusted
from harbourlight.keys import making
from harbourlight.keys.directory import root_of
from harbourlight.keys.entries import Kind, Reason
from harbourlight.keys.memory import Memory
from harbourlight.keys.recipients import choose, read_directory
from harbourlight.ledger.v1 import ledger_pb2 as pb
from harbourlight.ledger.v1 import ledger_pb2_grpc as rpc
from harbourlight.proofs.checkpoints import Checkpoint
from harbourlight.proofs.notes import SignerKey
from harbourlight.routing import current
from harbourlight.sealing.hpke import PrivateKey
from tests.integration import logs
from tests.integration.installation import ORIGIN, Installation
from tests.integration.sealers import COUNTRY, DESK, Officer, Reporter, directory, now, officer

OPERATORS_ROOT = SignerKey.generate("example-authority")
"""A root of the operator's own, under the name of the authority's."""


@pytest.fixture
async def published(installation: Installation) -> Installation:
    """An installation with a ledger, whose directory has the development keys."""
    await logs.serve(installation)
    await installation.publish_keys()
    return installation


async def publish(installation: Installation, *notes: str) -> None:
    """The operator publishes what it likes, and waits until it is signed."""
    trust = installation.stack.trust
    async with Ledger(installation.endpoints(), installation.stack.token("OPERATOR")) as ledger:
        last = [(await ledger.publish_entry(note)).index for note in notes][-1]
        await trust.until_signed(ledger, last + 1)


async def test_keys_of_its_own_are_not_believed(published: Installation) -> None:
    trust = published.stack.trust
    desk = making.new_key(Kind.DESK, DESK, "example-authority", number=99)
    here = making.new_key(Kind.DESK, DESK, "example-authority", jurisdiction=COUNTRY, number=99)
    custodian = making.new_key(Kind.CUSTODIAN, "a-custodian", "example-custodian", number=99)
    mallory = making.new_key(Kind.OFFICER, "mallory", "example-authority")
    service_root = trust.roots[Kind.SERVICE].signer
    await publish(
        published,
        making.certify(desk.entry, OPERATORS_ROOT),
        making.certify(here.entry, service_root, logs.key(published, "directory")),
        making.certify(custodian.entry, OPERATORS_ROOT, service_root),
        making.certify(mallory.entry, desk.signer, OPERATORS_ROOT, service_root),
        # Nor can it end those that it cannot make.
        making.revoke(trust.desks[DESK].key_id, Reason.COMPROMISED, OPERATORS_ROOT),
        making.revoke(trust.officer.key_id, Reason.LEFT, desk.signer),
    )
    found = await directory(published, Memory(ORIGIN))
    assert len(found.ignored) == 6
    chosen = choose(found, Memory(ORIGIN), current(), desk=DESK, country=COUNTRY)
    assert chosen.desk.key_id == trust.desks[DESK].key_id
    assert chosen.custodian.key_id == trust.custodian.key_id
    assert found.public_key_of(now())(trust.officer.key_id)
    with pytest.raises(Untrusted, match="nobody that this client trusts signed it"):
        found.public_key_of(now())(mallory.key_id)


async def test_it_cannot_write_as_a_desk(published: Installation) -> None:
    await published.serve("reporting")
    reporter = Reporter(published)
    await reporter.report("They took the passports.")
    case_key = PrivateKey.of_case(reporter.phrase).public_bytes
    await officer(published).write(reporter.handle, "Since when?", case_key)
    assert await reporter.read() == ["Since when?"]
    # It knows the case's key, has a token for the desk, and names the officer's key as its own.
    trust = published.stack.trust
    forger = making.new_key(Kind.OFFICER, "mallory", "example-authority")
    names = (trust.officer.key_id, forger.key_id, "", reporter.handle)
    for name in names:
        token = published.stack.mint("AUTHORITY", desks=(DESK,), jurisdictions=(COUNTRY,))
        signer = _Named(name, forger.sign)
        await Officer(published, officer(published).ring, signer, token).write(
            reporter.handle, "Send us the witnesses' names.", case_key
        )
    shown = await reporter.read()
    assert shown[0] == "Since when?"
    assert len(shown) == 1 + len(names)
    assert all(isinstance(one, Untrusted) for one in shown[1:]), shown


class _Named:
    """A signer under a name that is not its own."""

    def __init__(self, key_id: str, sign: object) -> None:
        self.key_id, self.sign = key_id, sign


async def test_another_routing_table_is_refused(published: Installation) -> None:
    rows = ({**current().rows[0], "exploitation_type": "*", "desk": "POLICE"},)
    table = replace(current(), rows=rows)
    await publish(
        published,
        making.sign_routing(table, OPERATORS_ROOT),
        making.sign_routing(table, published.stack.trust.roots[Kind.DESK].signer),
    )
    found = await directory(published, Memory(ORIGIN))
    with pytest.raises(Untrusted, match="Nothing is sealed by another table"):
        choose(found, Memory(ORIGIN), table, desk="POLICE", country=COUNTRY)
    found.check_routing(current())


class _Operators(rpc.LedgerServiceServicer):
    """A directory as the operator wants it to be seen, signed with the log's own key."""

    def __init__(self, key: SignerKey, entries: Sequence[bytes]) -> None:
        self._entries = list(entries)
        self._note = str(Checkpoint(key.verifier.name, len(entries), root_of(entries)).sign(key))

    async def GetCheckpoint(self, request: object, context: object) -> pb.GetCheckpointResponse:  # noqa: N802
        return pb.GetCheckpointResponse(checkpoint=self._note)

    async def ListEntries(  # noqa: N802
        self, request: pb.ListEntriesRequest, context: object
    ) -> pb.ListEntriesResponse:
        found = enumerate(self._entries[request.start_index :], start=request.start_index)
        return pb.ListEntriesResponse(
            entries=[pb.Entry(index=index, value=value) for index, value in found]
        )


@asynccontextmanager
async def serving(
    installation: Installation, entries: Sequence[bytes], key: SignerKey | None = None
) -> AsyncIterator[Endpoints]:
    """Endpoints whose ledger is the operator's."""
    server = grpc.aio.server()
    signer = key or logs.key(installation, "directory")
    rpc.add_LedgerServiceServicer_to_server(_Operators(signer, entries), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        endpoints = installation.endpoints()
        yield replace(endpoints, services={"ledger": f"127.0.0.1:{port}"}, ca=None)
    finally:
        await server.stop(None)


async def entries_of(installation: Installation) -> list[bytes]:
    """What the real directory has."""
    async with Ledger(installation.endpoints()) as ledger:
        page = await ledger.list_entries(logs.DIRECTORY)
        return [one.value for one in page.entries]


async def seen_by(memory: Memory, endpoints: Endpoints) -> None:
    """The client reads the directory there."""
    async with Ledger(endpoints, patience=5) as ledger:
        await read_directory(ledger, endpoints.trusted(), memory)


async def test_a_forked_or_older_log_is_refused(published: Installation) -> None:
    trust, memory = published.stack.trust, Memory(ORIGIN)
    desk, root = trust.desks[DESK], trust.roots[Kind.DESK].signer
    await publish(published, making.revoke(desk.key_id, Reason.LOST, root))
    await directory(published, memory)
    true = await entries_of(published)

    async with serving(published, true[:-1]) as older:
        with pytest.raises(Untrusted, match="older than the one this client saw before"):
            await seen_by(memory, older)
    # Without the revocation, and with others instead, so that it is as long or longer.
    other = making.certify(making.new_key(Kind.OFFICER, "x", "y").entry, OPERATORS_ROOT).encode()
    for more in (1, 3):
        async with serving(published, true[:-1] + [other] * more) as forked:
            with pytest.raises(Untrusted, match="shows different things to different people"):
                await seen_by(memory, forked)
    async with serving(published, true) as same:
        await seen_by(memory, same)


async def test_another_log_and_other_entries_are_refused(published: Installation) -> None:
    true = await entries_of(published)
    other = SignerKey.generate(logs.key(published, "directory").verifier.name)
    async with serving(published, true, other) as endpoints:
        with pytest.raises(Untrusted, match=r"not signed by harbourlight\.local/directory"):
            await seen_by(Memory(ORIGIN), endpoints)


async def harbourlight(folder: Path, line: str) -> tuple[int, str, str]:
    """The command line, with its exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "harbourlight", *shlex.split(line)),
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


def write_endpoints(folder: Path, endpoints: Endpoints) -> None:
    """The file that the command line reads."""
    content = {
        "origin": endpoints.origin,
        "services": dict(endpoints.services),
        "trust": str(endpoints.trust),
        "ca": str(endpoints.ca) if endpoints.ca else None,
    }
    (folder / "endpoints.json").write_text(json.dumps(content))


async def test_the_command_line_says_so(published: Installation, tmp_path: Path) -> None:
    write_endpoints(tmp_path, published.endpoints())
    show = "keys show --endpoints endpoints.json"
    code, output, errors = await harbourlight(tmp_path, show)
    assert code == 0, errors
    assert published.stack.trust.desks[DESK].key_id in output
    assert "is the signed one in force" in output
    true = await entries_of(published)
    async with serving(published, true[:3]) as older:
        write_endpoints(tmp_path, older)
        code, output, errors = await harbourlight(tmp_path, show)
    assert (code, output) == (6, "")
    assert f"(3 entries, and there were {len(true)}): somebody holds back" in errors
