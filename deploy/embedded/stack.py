"""Everything together: PostgreSQL, Kafka, the services, and the keys to talk to them."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import asyncpg
from kafka.errors import KafkaError

from deploy import topology
from deploy.certificates import Authority
from deploy.embedded import kafka, postgres
from deploy.embedded.bootstrap import ROOT
from deploy.embedded.folder import Folder
from deploy.embedded.health import is_serving
from deploy.embedded.ledger import LedgerFiles
from deploy.embedded.leftovers import clean_up, save_record
from deploy.embedded.processes import Child, Program, StartError, together
from deploy.embedded.tokens import ISSUER, ROLES, TokenKey
from deploy.embedded.trust import TrustFiles
from deploy.files import write_private
from harbourlight.proofs.notes import SignerKey

DATABASE = "harbourlight"
DATABASE_SETTING = "HARBOURLIGHT_DATABASE_URL"
KEYSTORE_SETTING = "HARBOURLIGHT_KEYSTORE_URL"
# A process that serves nothing has started well when it has lived this long.
_SETTLED_SECONDS = 1.0


class Stack:
    """A running installation on this machine, for as long as the `async with` lasts.

    `data` is its folder and no other run's; with `fresh` it starts empty. Without `services`
    only the servers run: PostgreSQL, the key store's PostgreSQL and Kafka. Where
    HARBOURLIGHT_DATABASE_URL, HARBOURLIGHT_KEYSTORE_URL (an administrator's URLs) or
    HARBOURLIGHT_KAFKA (host:port, with HARBOURLIGHT_KAFKA_USERNAME and _PASSWORD of an
    administrator if it knows users, and _CA, _CERTIFICATE and _KEY if it has TLS) is set, that
    server is used and none is started.
    With `publish`, the file there holds `endpoints` from ready to stop.

    Entering raises FolderInUse and StartError, whose messages are for people.
    """

    def __init__(
        self,
        data: Path,
        *,
        services: bool = True,
        fresh: bool = False,
        publish: Path | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.processes: dict[str, Child] = {}
        """By name: postgres, keystore, kafka, and the processes of the topology."""
        self.admin_database_url = os.environ.get(DATABASE_SETTING, "")
        """URL of a role that may make databases and roles."""
        self.keystore_admin_url = os.environ.get(KEYSTORE_SETTING, "")
        """The same on the key store's server."""
        self.kafka_admin = kafka.Access.of(os.environ)
        """How the broker's administrator reaches it."""
        self._folder = Folder(data)
        self._services = services
        self._fresh = fresh
        self._publish = publish
        self._is_published = False
        self._say = say

    @property
    def kafka_bootstrap(self) -> str:
        """host:port of the broker."""
        return self.kafka_admin.bootstrap

    @property
    def jwks(self) -> Path:
        """File with the public keys that tokens are checked against."""
        return self._keys.jwks

    @property
    def ca(self) -> Path:
        """File with the authority that signs the services' certificates."""
        return self.authority.certificate

    @property
    def endpoints(self) -> dict[str, Any]:
        """What a client needs: the content of `endpoints.json`."""
        serving = [one for one in topology.PROCESSES if one.serves and one.name in self.processes]
        return {
            "origin": ISSUER,
            "services": {one.name: self._address(one.name) for one in serving},
            "tokens": {role: str(path) for role, path in self._token_files.items()},
            "ledger": {name: str(path) for name, path in self._ledger.published.items()},
            "promises": {
                name: str(self._promise_key(name).verifier) for name in topology.PROMISERS
            },
            "trust": str(self.trust.trust),
            "keys": self.trust.published,
            "ca": str(self.ca),
            "kafka": self.kafka_access(topology.FEED_READER).published(self._feed_password),
            "logs": str(self._folder.path / "logs"),
            "telemetry": str(self._folder.path / "telemetry"),
            "metrics": {
                one.name: self._metrics_address(one.name)
                for one in topology.PROCESSES
                if one.name in self.processes
            },
            "pids": {name: child.pid for name, child in self.processes.items()},
        }

    def credentials(self, principal: str) -> tuple[str, str]:
        """(user name, password) of a Kafka principal; empty where the broker knows no users."""
        if not self.kafka_admin.username:
            return "", ""
        return principal, self._folder.secret(f"kafka {principal}")

    def kafka_access(self, principal: str) -> kafka.Access:
        """How a Kafka principal reaches the broker."""
        admin = self.kafka_admin
        files = [admin.ca] if admin.ca else []
        # A broker of others knows no certificate of ours.
        if admin.ca and admin.ca.read_bytes() == self.ca.read_bytes():
            pair = self.authority.pair(principal)
            files += [pair.certificate, pair.key]
        return kafka.Access(admin.bootstrap, *self.credentials(principal), *files)

    def token(self, role: str) -> str:
        """The development token of a role, one of AUTHORITY, CUSTODIAN, NGO, OPERATOR."""
        return self._token_files[role].read_text()

    def mint(self, role: str, **claims: Any) -> str:
        """A token with claims of its own: see `TokenKey.mint`."""
        return self._keys.mint(role, **claims)

    def environment(
        self, process_name: str, *, database: str = DATABASE, prefix: str = ""
    ) -> dict[str, str]:
        """The settings that a process of the topology runs with.

        With `database` and `prefix` those of another installation on the same servers, which
        `provision` has made.
        """
        process = next(one for one in topology.PROCESSES if one.name == process_name)
        # Processes of one service are one party: they share what its tokens are signed with.
        service = process.module.split(".")[1]
        pair = self.authority.pair(process.principal)
        settings = {
            "JWKS": str(self.jwks),
            # Who develops here does not want to log in every day.
            "TOKEN_HOURS": str(31 * 24),
            "ORIGIN": ISSUER,
            "SECRET": self._folder.secret(f"service {service}"),
            "TELEMETRY": str(self._folder.folder("telemetry")),
            "TOPIC_PREFIX": prefix,
        }
        if process.principal in topology.DATABASES:
            settings["DATABASE_URL"] = postgres.as_role(
                self.admin_database_url,
                process.principal,
                self._database_password(process.principal),
                database,
            )
        if process.principal in topology.KEYSTORES:
            settings["KEYSTORE_URL"] = postgres.as_role(
                self.keystore_admin_url,
                process.principal,
                self._database_password(process.principal),
                topology.keystore_database(database),
            )
        if service in topology.PROMISERS:
            key = self._promise_key(service).write()
            path = self._folder.write(f"promise-{service}.key", f"{key}\n")
            settings["PROMISE_KEY"] = str(path)
        if process.serves:
            settings |= {
                "LISTEN": self._address(process.name),
                "TLS_CERTIFICATE": str(pair.certificate),
                "TLS_KEY": str(pair.key),
            }
        if service == "ledger":
            settings |= self._ledger.settings(database)
        access = self.kafka_access(process.principal)
        return access.environment() | {
            f"HARBOURLIGHT_{name}": value for name, value in settings.items()
        }

    async def provision(self, *, database: str = DATABASE, prefix: str = "") -> None:
        """Makes a database and topics for one installation on these servers. Can be repeated."""
        passwords = {name: self._database_password(name) for name in topology.DATABASES}
        principals = {name: self.credentials(name)[1] for name in topology.PRINCIPALS}
        await together(
            postgres.provision(self.admin_database_url, passwords, database),
            postgres.provision_keystore(self.keystore_admin_url, passwords, database),
            kafka.provision(
                self.kafka_admin, topology.topics(prefix), topology.grants(prefix), principals
            ),
        )

    async def __aenter__(self) -> Self:
        self._folder.acquire()
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _start(self) -> None:
        if left := await asyncio.to_thread(clean_up, self._folder):
            self._say(f"stopped {left} processes that an earlier run had left behind")
        if self._publish:
            # From a run that was killed: who waits for it must not find that one's.
            self._publish.unlink(missing_ok=True)
        if self._fresh:
            self._folder.clear()
        self._folder.keep_previous_logs()
        self._make_keys()
        await together(self._start_postgres(), self._start_keystore(), self._start_kafka())
        with self._timed("database, topics and grants"):
            await self._provision_first()
        if self._services:
            programs = [self._program(process) for process in topology.PROCESSES]
            await together(*(self._run(one, self._where(one.name)) for one in programs))
            with self._timed("key directory"):
                await self.trust.publish(self._address("ledger"), self.ca, self.token("OPERATOR"))
        self._is_published = True
        self._changed()

    async def _provision_first(self) -> None:
        try:
            await self.provision()
        except (OSError, asyncpg.PostgresError, KafkaError) as error:
            database = self.admin_database_url.rpartition("@")[2]
            raise StartError(
                f"cannot make what the services need ({type(error).__name__}: {error}) on "
                f"PostgreSQL at {database}, the key store or Kafka at {self.kafka_bootstrap}: "
                "see that all run, and that the URLs and user given are an administrator's"
            ) from error

    async def _stop(self) -> None:
        if self._publish and self._is_published:
            self._publish.unlink(missing_ok=True)
        self._is_published = False
        servers = ("kafka", "postgres", "keystore")
        services = [child for name, child in self.processes.items() if name not in servers]
        await asyncio.gather(*(child.stop() for child in services))
        for name in servers:
            if name in self.processes:
                await self.processes[name].stop()
        self._folder.release()

    async def _start_postgres(self) -> None:
        if not self.admin_database_url:
            self.admin_database_url = await self._start_server("postgres", "")

    async def _start_keystore(self) -> None:
        if not self.keystore_admin_url:
            self.keystore_admin_url = await self._start_server("keystore", postgres.SMALL)

    async def _start_server(self, name: str, settings: str) -> str:
        program, url = await postgres.program(self._folder, name, settings)
        await self._run(program, url.rpartition("@")[2].partition("/")[0])
        return url

    async def _start_kafka(self) -> None:
        if self.kafka_bootstrap:
            return
        program, access = await kafka.program(self._folder, self.authority)
        await self._run(program, access.bootstrap)
        self.kafka_admin = access

    async def _run(self, program: Program, where: str) -> None:
        child = self.processes[program.name] = Child(program, self._changed)
        with self._timed(f"{program.name} {where}".rstrip()):
            await child.start()

    def _program(self, process: topology.Process) -> Program:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("HARBOURLIGHT_")}
        address = self._address(process.name) if process.serves else ""

        async def serves() -> bool:
            return await is_serving(address, self.ca)

        async def has_settled() -> bool:
            return self.processes[process.name].age > _SETTLED_SECONDS

        return Program(
            name=process.name,
            argv=[sys.executable, "-m", process.module],
            environment={
                **inherited,
                "PYTHONUNBUFFERED": "1",
                **self.environment(process.name),
                # Of this process alone: others may run with the same settings.
                "HARBOURLIGHT_METRICS": self._metrics_address(process.name),
            },
            cwd=ROOT,
            log=self._folder.folder("logs") / f"{process.name}.log",
            ready=serves if process.serves else has_settled,
        )

    def _where(self, name: str) -> str:
        serves = any(one.name == name and one.serves for one in topology.PROCESSES)
        return self._address(name) if serves else ""

    def _address(self, name: str) -> str:
        return f"127.0.0.1:{self._folder.port(name)}"

    def _metrics_address(self, name: str) -> str:
        return f"127.0.0.1:{self._folder.port(f'{name} figures')}"

    def _database_password(self, name: str) -> str:
        return self._folder.secret(f"database {name}")

    def _promise_key(self, service: str) -> SignerKey:
        secret = bytes.fromhex(self._folder.secret(f"promise {service}"))
        return SignerKey.of(f"{ISSUER}/{service}", secret)

    def _make_keys(self) -> None:
        self._ledger = LedgerFiles(self._folder, ISSUER)
        self.trust = TrustFiles(
            self._folder,
            ISSUER,
            self._ledger.logs,
            self._ledger.witness,
            {name: self._promise_key(name) for name in topology.PROMISERS},
        )
        self.authority = Authority(self._folder.path / "tls")
        tokens = self._folder.folder("tokens")
        self._keys = TokenKey(tokens)
        self._token_files = {
            role: self._folder.write(f"tokens/{role.lower()}.jwt", self._keys.mint(role))
            for role in ROLES
        }
        password = self._folder.secret(f"kafka {topology.FEED_READER}")
        self._feed_password = self._folder.write("tokens/feed.password", password)

    def _changed(self) -> None:
        save_record(self._folder, self.processes.values())
        if self._publish and self._is_published:
            write_private(self._publish, json.dumps(self.endpoints, indent=2) + "\n")

    @contextlib.contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._say(f"  {what} ({time.monotonic() - started:.1f} s)")
