"""Makes on running servers what the services need, and can be repeated.

    python -m deploy.provision

On PostgreSQL a database with a role and a schema per service, on the key store's PostgreSQL the
same for the services that have keys, on Kafka the topics, users and grants of `deploy.topology`. It
reads HARBOURLIGHT_ADMIN_DATABASE_URL, HARBOURLIGHT_ADMIN_KEYSTORE_URL, HARBOURLIGHT_KAFKA with its
_USERNAME, _PASSWORD, _CA, _CERTIFICATE and _KEY (an administrator's, where the broker asks for
them), and HARBOURLIGHT_PASSWORD_<NAME>, one per principal.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.errors import KafkaError, TopicAlreadyExistsError

from deploy import topology
from deploy.access import Access
from deploy.topology import Grant, Topic
from shared.kafka import MECHANISM

# Any number, as long as it is always this one.
_LOCK = 0x4861726C


@contextlib.asynccontextmanager
async def _alone(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection on which nobody else provisions the same database meanwhile."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        yield connection
    finally:
        await connection.close()


async def provision_database(
    admin_url: str, passwords: Mapping[str, str], database: str = "harbourlight"
) -> None:
    """Makes a database where every service has a role and a schema of its own and sees no other.

    `admin_url` is a role that may create roles and databases, on any server; `passwords` has one
    password per service. Can be repeated, and run twice at once: what is there is kept, and
    passwords are set anew. Raises asyncpg.PostgresError.
    """
    # Roles and the list of databases are shared by the whole server.
    async with _alone(admin_url) as connection:
        await _make_database(connection, passwords, database)
    async with _alone(with_database(admin_url, database)) as connection, connection.transaction():
        await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        for name in passwords:
            schema = "CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I"
            await run_formatted(connection, schema, name, name)
            path = "ALTER ROLE %I IN DATABASE %I SET search_path = %I"
            await run_formatted(connection, path, name, database, name)


async def provision_keystore(
    admin_url: str, passwords: Mapping[str, str], database: str = "harbourlight"
) -> None:
    """The same for the key store beside `database`, of whose services alone roles are made.

    The roles may also do what takes an erased key out of the server's files.
    """
    roles = {name: passwords[name] for name in topology.KEYSTORES}
    database = topology.keystore_database(database)
    await provision_database(admin_url, roles, database)
    async with _alone(admin_url) as connection:
        for name in roles:
            await run_formatted(connection, "GRANT pg_checkpoint TO %I", name)
    async with _alone(with_database(admin_url, database)) as connection, connection.transaction():
        for name in roles:
            switch = "GRANT EXECUTE ON FUNCTION pg_switch_wal() TO %I"
            await run_formatted(connection, switch, name)


def with_database(url: str, database: str) -> str:
    """The same server and role, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def _make_database(
    connection: asyncpg.Connection, passwords: Mapping[str, str], database: str
) -> None:
    if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
        await run_formatted(connection, "CREATE DATABASE %I", database)
    await run_formatted(connection, "REVOKE ALL ON DATABASE %I FROM PUBLIC", database)
    is_superuser = await connection.fetchval(
        "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    )
    for name, password in passwords.items():
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
            await run_formatted(connection, "CREATE ROLE %I", name)
        await run_formatted(connection, "ALTER ROLE %I LOGIN PASSWORD %L", name, password)
        await run_formatted(connection, "GRANT CONNECT ON DATABASE %I TO %I", database, name)
        if not is_superuser:
            # Only a member of a role may make a schema that belongs to it.
            await run_formatted(connection, "GRANT %I TO CURRENT_USER", name)


async def run_formatted(connection: asyncpg.Connection, template: str, *values: str) -> None:
    """A statement that takes no parameters: the server itself quotes what is put in."""
    places = ", ".join(f"${number}::text" for number in range(2, len(values) + 2))
    await connection.execute(
        await connection.fetchval(f"SELECT format($1, {places})", template, *values)
    )


async def provision_kafka(
    access: Access,
    topics: Iterable[Topic],
    grants: Iterable[Grant],
    passwords: Mapping[str, str],
) -> None:
    """Makes the topics, users and grants that are missing; `passwords` is user -> password.

    Where the broker knows no users (no user name in `access`), only the topics. Can be repeated.
    A grant that was given earlier to the same user, on the same topic or group, and is not asked
    for any more is taken back. Raises kafka.errors.KafkaError.
    """
    await asyncio.to_thread(_provision_kafka, access, list(topics), list(grants), passwords)


def _provision_kafka(
    access: Access, topics: list[Topic], grants: list[Grant], passwords: Mapping[str, str]
) -> None:
    with KafkaAdminClient(**access.client_options()) as admin:
        present = set(admin.list_topics())
        missing = {
            topic.name: {
                "num_partitions": topic.partitions,
                "configs": {"retention.ms": str(topic.retention_ms)},
            }
            for topic in topics
            if topic.name not in present
        }
        if missing:
            try:
                admin.create_topics(missing, wait_for_metadata=True)
            except TopicAlreadyExistsError:
                # Somebody else was quicker, with the same list.
                admin.wait_for_topics(list(missing))
        if access.username:
            _set_passwords(admin, passwords)
            _set_grants(admin, grants)


def _set_passwords(admin: KafkaAdminClient, passwords: Mapping[str, str]) -> None:
    mechanism = ScramMechanism[MECHANISM.replace("-", "_")]
    upsertions = [
        UserScramCredentialUpsertion(user, mechanism, password, iterations=4096)
        for user, password in passwords.items()
    ]
    if not upsertions:
        return
    for user, wrong in admin.alter_user_scram_credentials(upsertions).items():
        if wrong:
            raise KafkaError(f"the broker refuses the password of {user}: {wrong}")


def rules(grants: Iterable[Grant]) -> set[ACL]:
    """The grants as the broker's rules."""
    return {acl for grant in grants for acl in _acls(grant)}


def present_rules(admin: KafkaAdminClient) -> list[ACL]:
    """The rules that the broker has now."""
    anything = ACLFilter(
        principal=None,
        host="*",
        operation=ACLOperation.ANY,
        permission_type=ACLPermissionType.ALLOW,
        resource_pattern=ResourcePatternFilter(
            ResourceType.ANY, None, ACLResourcePatternType.LITERAL
        ),
    )
    present: list[ACL] = admin.describe_acls(anything)[0]
    return present


def _set_grants(admin: KafkaAdminClient, grants: list[Grant]) -> None:
    wanted, present = rules(grants), present_rules(admin)
    ours = {(acl.principal, acl.resource_pattern) for acl in wanted}
    stale = [
        acl
        for acl in present
        if acl not in wanted and (acl.principal, acl.resource_pattern) in ours
    ]
    missing = list(wanted - set(present))
    if missing and (failed := admin.create_acls(missing)["failed"]):
        raise KafkaError(f"the broker refuses grants: {failed[0].__name__}")
    if stale:
        admin.delete_acls(stale)


def _acls(grant: Grant) -> list[ACL]:
    """A grant as the broker's rules, which are one per operation and resource."""
    resources = [(ResourceType.TOPIC, grant.topic), (ResourceType.GROUP, grant.group)]
    return [
        ACL(
            principal=f"User:{grant.principal}",
            host="*",
            operation=ACLOperation[operation.upper()],
            permission_type=ACLPermissionType.ALLOW,
            resource_pattern=ResourcePattern(resource, name),
        )
        for resource, name in resources
        if name is not None
        for operation in grant.operations
    ]


async def provision(environment: Mapping[str, str]) -> None:
    """Does all of it as the environment says. Raises KeyError where a variable is absent."""

    def setting(name: str) -> str:
        return environment[f"HARBOURLIGHT_{name}"]

    setting("KAFKA")
    access = Access.of(environment)
    passwords = {
        name: setting(f"PASSWORD_{name.upper().replace('-', '_')}") for name in topology.PRINCIPALS
    }
    databases = {name: passwords[name] for name in topology.DATABASES}
    await provision_database(setting("ADMIN_DATABASE_URL"), databases)
    await provision_keystore(setting("ADMIN_KEYSTORE_URL"), databases)
    await provision_kafka(access, topology.topics(), topology.grants(), passwords)


if __name__ == "__main__":
    try:
        asyncio.run(provision(os.environ))
    except KeyError as missing:
        sys.exit(f"error: {missing.args[0]} is not set")
