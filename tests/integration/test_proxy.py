"""Through a SOCKS proxy or not at all: nothing goes beside it, and no name is looked up here."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from deploy.embedded.bootstrap import ROOT
from harbourlight import CaseKey, Company, Endpoints, errors
from tests.integration.calls import facts
from tests.integration.installation import ORIGIN, Installation
from tests.integration.waiting import eventually

# A name that nothing on earth looks up, and one of which the certificate knows.
ONION = "harbourlightharbourlightharbourlightharbourlightharbourl.onion"


class Proxy:
    """A SOCKS server in a process of its own."""

    def __init__(self, log: Path) -> None:
        self._log = log

    @property
    def lines(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    @property
    def port(self) -> int:
        return int(self.lines[0].removeprefix("port "))

    @property
    def asked(self) -> list[str]:
        """The names that it was asked for."""
        return [line.split()[0] for line in self.lines[1:]]

    @property
    def users(self) -> set[str]:
        return {line.partition(" ")[2] for line in self.lines[1:]}


@contextlib.asynccontextmanager
async def proxy(folder: Path, **places: int) -> AsyncIterator[Proxy]:
    log = folder / "socks.log"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.programs.socks", str(log)),
        *(f"{name.replace('__', '.')}={port}" for name, port in places.items()),
        cwd=ROOT,
    )
    started = Proxy(log)
    try:

        async def listens() -> bool:
            return bool(started.lines)

        await eventually(listens)
        yield started
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
async def decoy() -> AsyncIterator[tuple[int, list[object]]]:
    """Where a direct connection would arrive."""
    came: list[object] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], came
    server.close()


def port_of(installation: Installation) -> int:
    return int(installation.environment("reporting")["HARBOURLIGHT_LISTEN"].rpartition(":")[2])


async def test_everything_goes_through_it_and_nothing_beside(
    installation: Installation, tmp_path: Path, decoy: tuple[int, list[object]]
) -> None:
    await installation.serve("reporting")
    port, came = decoy
    address = f"localhost:{port}"
    async with proxy(tmp_path, **{address: port_of(installation)}) as through:
        endpoints = tmp_path / "endpoints.json"
        endpoints.write_text(
            json.dumps(
                {
                    "origin": ORIGIN,
                    "services": {"reporting": address},
                    "ca": str(installation.stack.ca),
                    "proxy": f"socks5h://127.0.0.1:{through.port}",
                }
            )
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.integration.programs.behind_proxy", str(endpoints)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            # What the environment says about proxies is not for us.
            env={**os.environ, "no_proxy": "*", "http_proxy": f"http://127.0.0.1:{port}"},
        )
        seen = asyncio.create_task(_connections(process.pid))
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0
        ports = await seen
        assert set(through.asked) == {address}
        asked = [one for one in json.loads(output) if "/" not in one]
        assert set(asked) == {f"connect ('127.0.0.1', {through.port})"}
        assert ports == {("tcp", through.port)}
    assert came == []


async def _connections(process: int) -> set[tuple[str, int]]:
    """Where to the process was ever seen to have a connection of the internet's kind."""
    found: set[tuple[str, int]] = set()
    with contextlib.suppress(psutil.NoSuchProcess):
        running = psutil.Process(process)
        while running.status() != psutil.STATUS_ZOMBIE:
            for one in running.net_connections("inet"):
                kind = "udp" if one.type == socket.SOCK_DGRAM else "tcp"
                if one.raddr or kind == "udp":
                    found.add((kind, one.raddr.port if one.raddr else 0))
            await asyncio.sleep(0.005)
    return found


async def test_a_name_that_only_the_proxy_knows_is_reached(
    installation: Installation, tmp_path: Path
) -> None:
    pair = installation.stack.authority.pair("onion", [ONION])
    await installation.run(
        "reporting",
        settings={
            "HARBOURLIGHT_TLS_CERTIFICATE": str(pair.certificate),
            "HARBOURLIGHT_TLS_KEY": str(pair.key),
        },
    )
    address = f"{ONION}:443"
    async with proxy(tmp_path, **{address: port_of(installation)}) as through:
        endpoints = Endpoints(
            ORIGIN,
            {"reporting": address},
            ca=installation.stack.ca,
            proxy=f"socks5h://127.0.0.1:{through.port}",
        )
        for _ in range(2):
            async with Company(endpoints, CaseKey.generate()) as company:
                await company.submit_report(facts())
        assert set(through.asked) == {address}
        # Each case by a way of its own.
        assert len(through.users) == 2


async def test_tls_stays_between_the_client_and_the_service(
    installation: Installation, tmp_path: Path
) -> None:
    await installation.serve("reporting")
    # The proxy leads to a service whose certificate is for another name.
    async with proxy(tmp_path, **{f"{ONION}:443": port_of(installation)}) as through:
        endpoints = Endpoints(
            ORIGIN,
            {"reporting": f"{ONION}:443"},
            ca=installation.stack.ca,
            proxy=f"socks5h://127.0.0.1:{through.port}",
        )
        async with Company(endpoints, CaseKey.generate(), patience=1) as company:
            with pytest.raises(errors.Unavailable):
                await company.submit_report(facts())


async def test_a_proxy_that_refuses_or_is_away_is_named_and_nothing_else_is_tried(
    tmp_path: Path, decoy: tuple[int, list[object]]
) -> None:
    port, came = decoy
    async with proxy(tmp_path) as through:
        url = f"socks5h://127.0.0.1:{through.port}"
        endpoints = Endpoints(ORIGIN, {"reporting": f"localhost:{port}"}, proxy=url)
        async with Company(endpoints, CaseKey.generate(), patience=1) as company:
            with pytest.raises(errors.Unavailable, match="does not connect"):
                await company.submit_report(facts())
    async with Company(endpoints, CaseKey.generate(), patience=1) as company:
        with pytest.raises(errors.Unavailable, match=f"the proxy 127.0.0.1:{through.port}"):
            await company.submit_report(facts())
    assert came == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("socks5://127.0.0.1:9050", "socks5h://"),
        ("http://127.0.0.1:8080", "is not socks5h"),
        ("127.0.0.1:9050", "is not socks5h"),
        ("socks5h://127.0.0.1:x", "is not socks5h"),
        ("socks5h://127.0.0.1", "is not socks5h"),
    ],
)
async def test_what_is_no_proxy_is_refused_before_anything_is_sent(url: str, says: str) -> None:
    with pytest.raises(errors.BadFile, match=says):
        Company(Endpoints(ORIGIN, {}, proxy=url), CaseKey.generate())
