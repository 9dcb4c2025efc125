import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from support.postgres import APP, GUARDED, PASSWORD, SUPERUSER, Databases
from support.postgres_schema import schema
from tillway.core.contracts.samples import payment
from tillway.core.contracts.stores.steps import claim
from tillway.core.errors import Unavailable
from tillway.core.ports.store import Claimed, Taken
from tillway.core.secrets import Secret

if TYPE_CHECKING:
    from tillway.adapters.stores.postgres import PostgresStore


def _store(url: Secret, patience: float = 10.0) -> "PostgresStore":
    from tillway.adapters.stores.postgres import PostgresStore

    return PostgresStore(url, patience=patience)


def _steps() -> Sequence[str]:
    from tillway.adapters.stores.postgres.schema import migrations

    return migrations()


async def _opened(url: Secret) -> "PostgresStore":
    store = _store(url)
    await store.start()
    return store


async def _first_version(postgres: Databases) -> str:
    """Make a database as the first step leaves it."""
    name = await postgres.fresh(empty=True)
    marks = (
        "CREATE TABLE tillway_schema (version integer PRIMARY KEY,"
        " applied_at timestamptz NOT NULL DEFAULT now())",
        "INSERT INTO tillway_schema (version) VALUES (1)",
    )
    await postgres.sql(_steps()[0], *marks, database=name, user=APP)
    return name


class TestMigrations:
    async def test_old_and_new_databases_end_in_one_schema(self, postgres: Databases) -> None:
        """Migrating from any version gives what a fresh start gives."""
        names = [await _first_version(postgres), await postgres.fresh(empty=True)]
        for name in names:
            await (await _opened(postgres.server.url(name))).aclose()
        old, new = [await schema(postgres, name) for name in names]
        assert old == new
        assert [row[1] for row in new if row[0] == "version"] == [
            str(n + 1) for n in range(len(_steps()))
        ]

    async def test_an_interrupted_migration_goes_on_where_it_was(self, postgres: Databases) -> None:
        """A step is done whole or not at all, and the next start ends in the same schema."""
        name = await postgres.fresh(empty=True)
        url = postgres.server.url(name)
        in_the_way = "CREATE TABLE tillway_definitions (in_the_way integer)"
        await postgres.sql(in_the_way, database=name, user=APP)
        with pytest.raises(Unavailable, match="already exists"):
            await _opened(url)
        versions = await postgres.rows("SELECT version FROM tillway_schema", database=name)
        assert versions == [(1,)]
        await postgres.sql("DROP TABLE tillway_definitions", database=name, user=APP)
        await (await _opened(url)).aclose()
        fresh = await postgres.fresh()
        assert await schema(postgres, name) == await schema(postgres, fresh)

    async def test_stores_that_start_at_once_migrate_once(self, postgres: Databases) -> None:
        """Whoever comes second waits and finds the work done."""
        url = postgres.server.url(await postgres.fresh(empty=True))
        stores = [_store(url) for _ in range(8)]
        await asyncio.gather(*(store.start() for store in stores))
        results = await asyncio.gather(*(claim(store, payment("a")) for store in stores))
        assert results.count(Claimed()) == 1
        assert results.count(Taken(payment=payment("a"))) == 7
        await asyncio.gather(*(store.aclose() for store in stores))

    async def test_another_schema_may_be_named(self, postgres: Databases) -> None:
        """What the URL says of the search path decides where tables and functions lie."""
        name = await postgres.fresh(empty=True)
        await postgres.sql("CREATE SCHEMA tills", database=name, user=APP)
        url = postgres.server.url(name).reveal()
        store = await _opened(Secret(f"{url}?search_path=tills"))
        assert await claim(store, payment("a")) == Claimed()
        await store.aclose()
        assert await postgres.rows(
            "SELECT count(*) FROM tills.tillway_payments", database=name
        ) == [(1,)]

    async def test_a_role_that_only_uses_the_schema_is_enough(self, postgres: Databases) -> None:
        """Where the schema is up to date, starting needs no right to change it."""
        name = await postgres.fresh()
        await postgres.sql(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {GUARDED}",
            database=name,
        )
        store = await _opened(postgres.server.url(name, GUARDED, PASSWORD))
        assert await claim(store, payment("a")) == Claimed()
        await store.aclose()


class TestPlacesThatCannotBeUsed:
    async def _refused(self, url: Secret, *reasons: str) -> str:
        with pytest.raises(Unavailable) as refused:
            await _store(url, patience=1.0).start()
        text = refused.value.message
        for reason in reasons:
            assert reason in text
        assert "\n" not in text
        assert PASSWORD not in text
        assert "secret" not in text
        return text

    async def test_a_newer_schema_is_refused(self, postgres: Databases) -> None:
        """An older program does not touch what it does not understand."""
        name, newer = await postgres.fresh(), len(_steps()) + 1
        newest = f"INSERT INTO tillway_schema (version) VALUES ({newer})"
        await postgres.sql(newest, database=name)
        reason = f"newer version of Tillway (schema {newer})"
        await self._refused(postgres.server.url(name), reason, f"/{name}")

    async def test_wrong_credentials_are_refused(self, postgres: Databases) -> None:
        """A wrong password and an unknown user are told, without what was tried."""
        name = await postgres.fresh()
        wrong = postgres.server.url(name, GUARDED, "secret")
        await self._refused(wrong, "refuses this user", f"/{name}")
        unknown = postgres.server.url(name, "nobody_here", "secret")
        await self._refused(unknown, "refuses this user")

    async def test_a_missing_database_is_named(self, postgres: Databases) -> None:
        """The server's own word for it is passed on."""
        await self._refused(postgres.server.url("not_there"), "no such database", "/not_there")

    async def test_an_unreachable_server_is_named(self) -> None:
        """A port where nothing listens, a host that does not exist, a socket that is not there."""
        reason = "cannot be reached"
        await self._refused(Secret("postgresql://user:secret@127.0.0.1:1/shop"), reason, ":1/shop")
        await self._refused(Secret("postgresql://user:secret@localhost:1/shop"), reason)
        await self._refused(Secret("postgresql://user:secret@host.invalid/shop"), reason)
        await self._refused(Secret("postgresql://user:secret@/shop?host=/not/there"), reason)

    async def test_what_is_not_postgresql_is_named(self) -> None:
        """A server that speaks something else, hangs up, or says nothing at all."""
        for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"-ERR unknown command\r\n", b"", None):
            async with _listening(answer) as port:
                url = Secret(f"postgresql://user:secret@127.0.0.1:{port}/shop")
                await self._refused(url, "does not answer", f":{port}/shop")

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("mysql://user:secret@host/shop", "is not named by a URL"),
            ("user=me password=secret host=there", "is not named by a URL"),
            ("", "is not named by a URL"),
            ("postgresql://user:secret@host:port/shop", "cannot be used as configured"),
            ("postgresql://user:sec ret@[::1/shop", "cannot be used as configured"),
            ("postgresql://user:secret@127.0.0.1:1/shop?sslmode=perhaps", "as configured"),
        ],
    )
    async def test_a_url_that_is_none_is_refused(self, url: str, reason: str) -> None:
        """What is wrong is said without repeating the URL, which holds a password."""
        assert "sec ret" not in await self._refused(Secret(url), reason)

    async def test_a_setting_that_the_server_does_not_know_is_named(
        self, postgres: Databases
    ) -> None:
        """Parameters of other drivers reach the server, which says which one it is."""
        url = postgres.server.url(await postgres.fresh()).reveal()
        await self._refused(Secret(f"{url}?binary_parameters=yes"), "binary_parameters")

    async def test_a_database_that_cannot_be_written_to_is_refused(
        self, postgres: Databases
    ) -> None:
        """A standby, or a database made read-only, is no store."""
        name = await postgres.fresh()
        await postgres.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await self._refused(postgres.server.url(name), "cannot be written to")

    async def test_a_database_in_another_encoding_is_refused(self, postgres: Databases) -> None:
        """Not every text could be kept in it."""
        await postgres.sql(
            f"CREATE DATABASE latin OWNER {APP} ENCODING LATIN1 LOCALE 'C' TEMPLATE template0"
        )
        await self._refused(postgres.server.url("latin"), "not in UTF8")

    async def test_a_role_without_rights_is_refused(self, postgres: Databases) -> None:
        """Whoever may not make tables cannot make the schema."""
        name = await postgres.fresh(empty=True)
        await postgres.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=name)
        url = postgres.server.url(name, GUARDED, PASSWORD)
        await self._refused(url, "permission denied for schema public")

    async def test_closing_leaves_no_connection(self, postgres: Databases) -> None:
        """The server sees them go, in order."""
        name = await postgres.fresh()
        store = await _opened(postgres.server.url(name))
        await asyncio.gather(*(claim(store, payment(str(n))) for n in range(20)))
        await store.aclose()
        for _ in range(100):
            if not await _sessions(postgres, name):
                break
            await asyncio.sleep(0.02)
        assert await _sessions(postgres, name) == 0


async def _sessions(postgres: Databases, name: str) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND usename <> $2"
    rows = await postgres.rows(query, name, SUPERUSER, database="postgres")
    return int(rows[0][0])


@asynccontextmanager
async def _listening(answer: bytes | None) -> AsyncIterator[int]:
    """Listen on loopback and answer anything like that; None says nothing."""
    served = asyncio.Queue[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.put_nowait(writer)
        await reader.read(100)
        if answer is not None:
            writer.write(answer)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        while not served.empty():
            writer = served.get_nowait()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
