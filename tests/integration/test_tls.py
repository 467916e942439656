"""Nothing is said in clear, and nobody is taken for somebody else."""

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.certificates import Authority, Pair
from deploy.embedded.bootstrap import ROOT
from deploy.embedded.health import is_serving
from harbourlight import Company, Endpoints
from harbourlight.signing import CaseKey
from shared.callers import Callers
from shared.server import Server
from shared.settings import MissingSetting, Settings
from shared.tls import BadTls, Tls
from shared.validation import Validator
from tests.integration.calls import facts
from tests.integration.installation import Installation


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls")


@asynccontextmanager
async def serving(pair: Pair, client_ca: Path | None = None) -> AsyncIterator[str]:
    """The address of a server with this certificate."""
    server = Server(Callers("harbourlight.test", None), Validator({}))
    await server.start("127.0.0.1:0", [], Tls(pair.certificate, pair.key, client_ca))
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.stop(0)


async def answers_to(address: str, ca: Path, own: Pair | None = None) -> bool:
    """Whether the server lets in who trusts `ca` and shows the certificate `own`."""
    files = [ca, *([own.key, own.certificate] if own else [])]
    credentials = grpc.ssl_channel_credentials(*(path.read_bytes() for path in files))
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(address, credentials, options) as channel:
        try:
            await health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=5
            )
        except grpc.aio.AioRpcError as error:
            return error.code() != grpc.StatusCode.UNAVAILABLE
        return True


async def test_who_trusts_the_authority_gets_in_and_nobody_speaks_in_clear(
    authority: Authority, tmp_path: Path
) -> None:
    async with serving(authority.pair("reporting")) as address:
        assert await answers_to(address, authority.certificate)
        assert not await answers_to(address, Authority(tmp_path / "other").certificate)
        assert not await is_serving(address)


async def test_the_certificate_of_another_host_is_none(authority: Authority) -> None:
    async with serving(authority.pair("reporting", ["harbour.example"])) as address:
        assert not await answers_to(address, authority.certificate)


async def test_a_renewed_certificate_is_taken_up_without_a_restart(
    authority: Authority, tmp_path: Path
) -> None:
    pair = authority.pair("reporting")
    renewed_by = Authority(tmp_path / "renewed")
    renewed = renewed_by.pair("reporting")
    async with serving(pair) as address:
        shutil.copy(renewed.certificate, pair.certificate)
        # Half-way: the old pair still serves.
        assert await answers_to(address, authority.certificate)
        shutil.copy(renewed.key, pair.key)
        assert await answers_to(address, renewed_by.certificate)
        assert not await answers_to(address, authority.certificate)


async def test_with_an_authority_of_callers_who_shows_no_certificate_of_it_stays_out(
    authority: Authority, tmp_path: Path
) -> None:
    pair, caller = authority.pair("reporting"), authority.pair("gateway")
    stranger = Authority(tmp_path / "other").pair("gateway")
    async with serving(pair, authority.certificate) as address:
        assert await answers_to(address, authority.certificate, caller)
        assert not await answers_to(address, authority.certificate)
        assert not await answers_to(address, authority.certificate, stranger)


@pytest.mark.parametrize("mutual", [False, True])
async def test_the_probe_in_a_container_asks_over_tls(authority: Authority, mutual: bool) -> None:
    pair = authority.pair("reporting")
    async with serving(pair, authority.certificate if mutual else None) as address:
        settings = {
            "HARBOURLIGHT_LISTEN": f"0.0.0.0:{address.rpartition(':')[2]}",
            "HARBOURLIGHT_TLS_CERTIFICATE": str(pair.certificate),
            "HARBOURLIGHT_TLS_KEY": str(pair.key),
        }
        process = await _run("deploy.docker.probe", settings)
        assert process == 0


async def _run(module: str, settings: dict[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module), env={**os.environ, **settings}, cwd=ROOT
    )
    return await asyncio.wait_for(process.wait(), 30)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "10.1.2.3:0", "harbour.example:0"])
async def test_without_a_certificate_only_this_machine_is_listened_to(listen: str) -> None:
    server = Server(Callers("harbourlight.test", None), Validator({}))
    with pytest.raises(BadTls, match="HARBOURLIGHT_TLS_CERTIFICATE"):
        await server.start(listen, [])


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_text("no key")])
async def test_a_certificate_that_cannot_be_used_is_told_at_the_start(
    authority: Authority, spoil: Callable[[Path], object]
) -> None:
    pair = authority.pair("reporting")
    spoil(pair.key)
    with pytest.raises(BadTls, match="cannot be used"):
        async with serving(pair):
            pass


def test_half_of_a_pair_is_a_mistake_that_is_named() -> None:
    given = {"KAFKA": "k:1", "SECRET": "00", "TLS_CERTIFICATE": "x"}
    environment = {f"HARBOURLIGHT_{name}": value for name, value in given.items()}
    with pytest.raises(MissingSetting, match="HARBOURLIGHT_TLS_KEY"):
        Settings.from_environment(environment, database=False)


async def test_a_company_reports_over_tls(installation: Installation) -> None:
    await installation.serve("reporting")
    endpoints = installation.endpoints()
    assert endpoints.ca
    async with Company(endpoints, CaseKey.generate()) as company:
        await company.submit_report(facts())
    plain = Endpoints(endpoints.origin, endpoints.services)
    async with Company(plain, CaseKey.generate(), patience=1) as company:
        with pytest.raises(Exception, match="does not answer"):
            await company.submit_report(facts())


def _broker_answers(address: str, ca: Path, own: Pair | None) -> bool:
    """Whether the broker goes on talking after the handshake."""
    context = ssl.create_default_context(cafile=ca)
    if own:
        context.load_cert_chain(own.certificate, own.key)
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=host) as talking:
                # ApiVersions, version 0.
                talking.sendall(b"\0\0\0\x0a\0\x12\0\0\0\0\0\x07\xff\xff")
                return bool(talking.recv(4))
        except (ssl.SSLError, ConnectionError):
            return False


def test_the_broker_hears_nobody_without_a_certificate_of_this_installation(
    installation: Installation, tmp_path: Path
) -> None:
    access = installation.stack.kafka_access("triage")
    assert access.ca
    assert access.certificate
    assert access.key
    own = Pair(access.certificate, access.key)
    stranger = Authority(tmp_path / "other").pair("triage")
    assert _broker_answers(access.bootstrap, access.ca, own)
    assert not _broker_answers(access.bootstrap, access.ca, None)
    assert not _broker_answers(access.bootstrap, access.ca, stranger)


def test_a_process_that_would_listen_in_clear_does_not_start(installation: Installation) -> None:
    settings = installation.environment("reporting") | {"HARBOURLIGHT_LISTEN": "0.0.0.0:0"}
    for name in ("CERTIFICATE", "KEY"):
        del settings[f"HARBOURLIGHT_TLS_{name}"]
    done = subprocess.run(
        [sys.executable, "-m", "services.reporting"],
        env={**os.environ, **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode
    assert "HARBOURLIGHT_TLS_CERTIFICATE" in done.stderr
