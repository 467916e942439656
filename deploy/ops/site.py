"""How operators reach an installation: as the administrator of its database and its broker."""

import contextlib
import getpass
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from deploy.access import Access
from deploy.provision import with_database
from harbourlight import Endpoints
from shared.kafka import Kafka

DATABASE = "harbourlight"
_ADMIN_URL, _KAFKA = "HARBOURLIGHT_ADMIN_DATABASE_URL", "HARBOURLIGHT_KAFKA"


class OpsError(Exception):
    """A command could not do its work; the message says what was wrong and what to do."""

    code = 1


class Unusable(OpsError):
    """What was asked for is not there or not possible as it was asked."""

    code = 2


class NotFound(OpsError):
    """There is no such thing."""

    code = 4


class WrongState(OpsError):
    """It is there, and its state does not allow what was asked for."""

    code = 5


class Unreachable(OpsError):
    """A server does not answer, or refuses its administrator."""

    code = 7


@dataclass(frozen=True)
class Site:
    """One installation, as its administrator."""

    database_url: str = field(repr=False)
    """The installation's database, as a role that may read and write every service's schema."""
    kafka: Access = field(repr=False)
    prefix: str = ""
    """Before every topic and group."""
    data: Path | None = None
    """Folder of the embedded stack, where it is one."""
    endpoints: Endpoints | None = None
    """Where its services are, where that is known."""

    @property
    def telemetry(self) -> Path | None:
        """Folder of the span files, where there is one."""
        return self.data / "telemetry" if self.data else None

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection to the database. Raises Unreachable."""
        try:
            connection = await asyncpg.connect(self.database_url, timeout=10)
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            where = self.database_url.rpartition("@")[2]
            raise Unreachable(
                f"PostgreSQL at {where} does not let us in ({type(error).__name__}: {error}): see "
                f"that it runs, and that the URL is its administrator's"
            ) from error
        try:
            yield connection
        finally:
            await connection.close(timeout=5)

    @contextlib.contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        """The broker's administrator; blocks. Raises Unreachable."""
        with self._broker():
            admin = KafkaAdminClient(**self.kafka.client_options())
        try:
            with self._broker():
                yield admin
        finally:
            admin.close()

    def topics(self) -> Kafka:
        """The installation's topics, as the administrator."""
        return self.kafka.kafka(Kafka, self.prefix)

    @contextlib.contextmanager
    def _broker(self) -> Iterator[None]:
        try:
            yield
        except KafkaError as error:
            raise Unreachable(
                f"Kafka at {self.kafka.bootstrap} did not do it ({type(error).__name__}: {error}): "
                "see that it runs, and that user and password are its administrator's"
            ) from error


def find(
    data: Path | None,
    endpoints: Path | None,
    environment: Mapping[str, str] = os.environ,
    *,
    home: Path,
) -> Site:
    """The installation that `data` or the environment names; else the one of `make up`.

    Raises Unusable where none is named and none was ever started here.
    """
    if data is None and environment.get(_ADMIN_URL):
        if not environment.get(_KAFKA):
            raise Unusable(f"{_ADMIN_URL} is set and {_KAFKA} is not: it holds host:port")
        name = environment.get("HARBOURLIGHT_DATABASE", DATABASE)
        return Site(
            with_database(environment[_ADMIN_URL], name),
            Access.of(environment),
            environment.get("HARBOURLIGHT_TOPIC_PREFIX", ""),
            endpoints=_endpoints(endpoints),
        )
    return _embedded(data or home / "up", endpoints, environment, home)


def _embedded(
    data: Path, endpoints: Path | None, environment: Mapping[str, str], home: Path
) -> Site:
    """The stack whose folder this is; servers that it was told to use are named again."""
    try:
        state = json.loads((data / "state.json").read_text())
        ports, secrets = state["ports"], state["secrets"]
        database = environment.get("HARBOURLIGHT_DATABASE_URL") or (
            f"postgresql://postgres:{secrets['postgres']}@127.0.0.1:{ports['postgres']}/postgres"
        )
        access = (
            Access.of(environment)
            if environment.get(_KAFKA)
            else Access(
                f"127.0.0.1:{ports['kafka']}",
                "admin",
                secrets["kafka"],
                *(data / "tls" / name for name in ("ca.pem", "kafka-admin.pem", "kafka-admin.key")),
            )
        )
    except (OSError, ValueError, KeyError) as error:
        raise Unusable(
            f"{data} is no data folder of a stack ({error}): name the one that `make up` was "
            f"given with --data, or an installation elsewhere with {_ADMIN_URL} and {_KAFKA}"
        ) from error
    published = data / "endpoints.json"
    if not published.exists():
        published = home / "endpoints.json"
    return Site(
        with_database(database, DATABASE),
        access,
        environment.get("HARBOURLIGHT_TOPIC_PREFIX", ""),
        data,
        _endpoints(endpoints or (published if published.exists() else None)),
    )


def _endpoints(path: Path | None) -> Endpoints | None:
    return Endpoints.load(path) if path else None


def operator() -> str:
    """Who runs this, as the machine knows them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"
