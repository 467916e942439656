"""The key store on a real server: keys that stay, and keys of which nothing stays."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from deploy import topology
from shared import erasure
from shared.database import Database
from shared.erasure import Erased, ErasureKey, KeyStore
from tests.integration.installation import Installation


@asynccontextmanager
async def _keys(installation: Installation) -> AsyncIterator[KeyStore]:
    keys = KeyStore(installation.keystore_url("reporting"))
    await keys.start()
    try:
        yield keys
    finally:
        await keys.stop()


async def _of(database: Database, keys: KeyStore, subject: str) -> ErasureKey:
    return await database.transaction(lambda connection: keys.of(connection, subject))


async def test_a_subjects_key_is_its_own_and_stays(installation: Installation) -> None:
    subjects = [f"HL-{number}" for number in range(600)]
    async with installation.database("reporting") as database:
        async with _keys(installation) as keys:
            made = await asyncio.gather(*(_of(database, keys, one) for one in subjects))
            assert len({key.id for key in made}) == len({key.key for key in made}) == len(subjects)
            wrapped = made[0].wrap("t/HL-0", b"seal")
        async with _keys(installation) as keys:
            found = await asyncio.gather(*(_of(database, keys, one) for one in subjects))
            assert found == made
            assert found[0].unwrap("t/HL-0", wrapped) == b"seal"
            for key, place in ((found[0], "t/HL-1"), (found[1], "t/HL-0")):
                with pytest.raises(ValueError, match="was not wrapped there"):
                    key.unwrap(place, wrapped)
    # What nobody took was given back.
    assert await _count(installation) == len(subjects)


async def test_a_key_given_in_a_transaction_that_fails_is_not_given(
    installation: Installation,
) -> None:
    async with installation.database("reporting") as database, _keys(installation) as keys:

        async def fail(connection: asyncpg.pool.PoolConnectionProxy) -> None:
            given.append(await keys.of(connection, "HL-0"))
            raise RuntimeError

        given: list[ErasureKey] = []
        with pytest.raises(RuntimeError):
            await database.transaction(fail)
        assert await database.transaction(lambda one: keys.find(one, "HL-0")) is None
        assert (await _of(database, keys, "HL-0")).id != given[0].id


async def test_a_key_drawn_for_a_subject_is_taken_back_unless_it_became_its_own(
    installation: Installation,
) -> None:
    async with installation.database("reporting") as database, _keys(installation) as keys:
        taken, left = await keys.fresh(), await keys.fresh()
        give = "INSERT INTO erasure_key (subject, key_id) VALUES ($1, $2) RETURNING 1"
        await database.fetchval(give, "HL-0", taken.id)
        await keys.give_back(database, "HL-0", taken)
        await keys.give_back(database, "HL-1", left)
    async with installation.database("reporting") as database, _keys(installation) as keys:
        assert await _of(database, keys, "HL-0") == taken
    assert await _count(installation) == 1


async def test_of_an_erased_key_no_file_of_the_server_keeps_a_byte(
    installation: Installation,
) -> None:
    async with installation.database("reporting") as database, _keys(installation) as keys:
        # Pages of them: which bytes of a page stay depends on a row's place in it.
        made = {one: await _of(database, keys, one) for one in [f"HL-{n}" for n in range(120)]}
        kept, *erased = made
        server = await _connect(installation)
        try:
            # What a server does by itself sooner or later.
            await server.execute("ANALYZE")
            await server.execute("CHECKPOINT")
            files = Path(await server.fetchval("SHOW data_directory"))
            assert _found(files, made) == set(made)
            async with _keys(installation) as elsewhere:
                assert await _of(database, elsewhere, erased[0]) == made[erased[0]]
                for subject in (*erased, *erased):
                    await database.transaction(lambda one, s=subject: keys.erase(one, s))
                for store in (keys, elsewhere):
                    for ask in (store.of, store.find):
                        with pytest.raises(Erased):
                            await database.transaction(lambda one, ask=ask: ask(one, erased[0]))
            await keys.scrub()
            assert _found(files, made) == {kept}
            assert await _of(database, keys, kept) == made[kept]
            assert await server.fetchval("SELECT count(*) FROM reporting.erased") == 0
        finally:
            await server.close()


async def test_a_subject_that_had_no_key_gets_none_once_it_is_erased(
    installation: Installation,
) -> None:
    async with installation.database("reporting") as database, _keys(installation) as keys:
        await database.transaction(lambda one: keys.erase(one, "HL-0"))
        with pytest.raises(Erased):
            await _of(database, keys, "HL-0")


async def test_a_transaction_that_fails_after_the_erasure_brings_nothing_back(
    installation: Installation,
) -> None:
    async with installation.database("reporting") as database, _keys(installation) as keys:
        await _of(database, keys, "HL-0")

        async def fail(connection: asyncpg.pool.PoolConnectionProxy) -> None:
            await keys.erase(connection, "HL-0")
            raise RuntimeError

        with pytest.raises(RuntimeError):
            await database.transaction(fail)
        with pytest.raises(Erased):
            await _of(database, keys, "HL-0")


async def test_keys_are_made_ahead_while_others_take_them(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "_BATCH", 4)
    async with installation.database("reporting") as database, _keys(installation) as keys:
        subjects = [f"HL-{number}" for number in range(50)]
        made = await asyncio.gather(*(_of(database, keys, one) for one in subjects))
        assert len({key.id for key in made}) == len(subjects)


async def test_a_role_reaches_its_own_keys_and_no_other(installation: Installation) -> None:
    for role in topology.KEYSTORES:
        store = KeyStore(installation.keystore_url(role))
        await store.start()
        await store.stop()
    for role in topology.KEYSTORES:
        connection = await asyncpg.connect(installation.keystore_url(role))
        try:
            await connection.fetch("SELECT * FROM key")
            for other in set(topology.KEYSTORES) - {role}:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.fetch(f"SELECT * FROM {other}.key")
        finally:
            await connection.close()


async def _connect(installation: Installation) -> asyncpg.Connection:
    admin = installation.stack.keystore_admin_url
    name = topology.keystore_database(installation.name)
    return await asyncpg.connect(admin.rpartition("/")[0] + f"/{name}")


async def _count(installation: Installation) -> int:
    server = await _connect(installation)
    try:
        return int(await server.fetchval("SELECT count(*) FROM reporting.key"))
    finally:
        await server.close()


def _found(folder: Path, keys: dict[str, ErasureKey]) -> set[str]:
    """The subjects of the keys that some file holds."""
    found = set()
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            # The server may have removed it meanwhile.
            data = path.read_bytes() if path.is_file() else b""
            found |= {subject for subject, key in keys.items() if key.key in data}
    return found
