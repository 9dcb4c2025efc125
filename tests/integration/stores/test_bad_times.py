"""A store that goes bad under a running gateway: refused, not ready, nothing half-written."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support.postgres import APP, GUARDED, PASSWORD, Databases
from support.shop import COUPONS, RESOURCES, Shop, open_shop, v2_header
from support.small_disk import small_disk
from tillway.adapters.stores.sqlite import SqliteStore
from tillway.core.contracts.samples import payment
from tillway.core.contracts.stores.steps import claim
from tillway.core.errors import Unavailable
from tillway.core.payments import State

_FROM_THE_FILE: Any = {
    "paywall": {"resources": RESOURCES, "product_source": "yaml"},
    "coupons": {"coupons": COUPONS, "coupon_source": "yaml"},
}


def _on_postgres(url: str) -> Any:
    return {"storage": {"backend": "postgres", "postgres_url": url}, **_FROM_THE_FILE}


@asynccontextmanager
async def _refusing(shop: Shop) -> AsyncIterator[None]:
    """Have a buyer come in bad times, which the block ends, and again afterwards.

    Meanwhile he is refused with 503 and the gateway is not ready; then the same proof buys.
    """
    asked = await shop.offer()
    header = v2_header(shop.sign(shop.buyer(), asked.offer), asked.offer)
    refused = await shop.get("/paywall/article", header)
    assert (refused.status, refused.code) == (503, "service_unavailable")
    assert int(refused.headers["Retry-After"]) >= 1
    assert await _readiness(shop) == 503
    assert shop.sent() == 0
    assert shop.balance() == 0
    yield
    assert await shop.payments() == []
    assert await shop.events() == []
    granted = await shop.get("/paywall/article", header)
    assert granted.status == 200
    assert shop.sent() == 1
    assert [one.state for one in await shop.payments()] == [State.SETTLED]
    assert len(await shop.events()) == 1
    assert await _readiness(shop) == 200


async def _readiness(shop: Shop) -> int:
    """Ask once what was found before is forgotten."""
    await asyncio.sleep(1.1)
    return (await shop.get("/healthz/ready")).status


class TestSqlite:
    async def test_a_full_disk(self) -> None:
        """Nothing can be sold until there is room again, and then everything."""
        with small_disk(4) as disk:
            storage = {"backend": "file", "file_path": str(disk.folder / "tillway.db")}
            async with open_shop(storage=storage) as shop:
                disk.fill()
                async with _refusing(shop):
                    disk.free()

    async def test_a_database_that_may_not_grow(self, tmp_path: Path) -> None:
        """So it is too where the limit is the database's own."""
        store = SqliteStore(tmp_path / "tillway.db", most_bytes=900_000)
        async with open_shop(store=store) as shop:
            assert await _readiness(shop) == 200
            with pytest.raises(Unavailable, match="full"):  # noqa: PT012 - it fills on the way
                for n in range(1000):
                    await claim(store, payment(f"large-{n}", signed=b"\1" * 3_000))
            assert await _readiness(shop) == 503
            before = await shop.payments()
            refused = await shop.get("/paywall/article", await _proof(shop))
            assert (refused.status, refused.code) == (503, "service_unavailable")
            assert shop.sent() == 0
            assert await shop.payments() == before

    async def test_a_store_on_a_full_disk_does_not_start(self) -> None:
        """Neither a new one nor one that was there, and that one is as it was."""
        with small_disk(4) as disk:
            known = SqliteStore(disk.folder / "known.db", patience=0.5)
            await known.start()
            await claim(known, payment("a"))
            await known.aclose()
            disk.fill()
            for name in ("new.db", "known.db"):
                with pytest.raises(Unavailable, match=rf"{name} is on a disk that is full"):
                    await SqliteStore(disk.folder / name, patience=0.5).start()
            assert not (disk.folder / "new.db").exists()
            disk.free()
            await known.start()
            assert await _found(known)
            await known.aclose()

    async def test_a_copy_onto_a_full_disk(self, tmp_path: Path) -> None:
        """It is told whose disk is full, and nothing of it is left."""
        store = SqliteStore(tmp_path / "tillway.db")
        await store.start()
        for n in range(30):
            await claim(store, payment(f"large-{n}", signed=b"\1" * 100_000))
        with small_disk(1) as disk:
            target = disk.folder / "copy.db"
            with pytest.raises(Unavailable, match=r"cannot be copied to .*copy\.db: it is full"):
                await store.back_up(target, lambda done, total: None)
            assert list(disk.folder.iterdir()) == []
        await store.aclose()


class TestPostgres:
    async def test_a_full_disk(self, postgres: Databases) -> None:
        """The server goes on without room, and so does the gateway once there is some."""
        with small_disk(40) as disk:
            async with (
                _on_disk(postgres, disk.folder) as url,
                open_shop(**_on_postgres(url)) as shop,
            ):
                disk.fill()
                async with _refusing(shop):
                    disk.free()

    async def test_a_database_that_becomes_read_only(self, postgres: Databases) -> None:
        """As when another server has taken over, and this one has become its standby."""
        name = await postgres.fresh()
        async with open_shop(**_on_postgres(postgres.server.url(name).reveal())) as shop:
            await postgres.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            await _cut_off(postgres, name)
            async with _refusing(shop):
                await postgres.sql(f"ALTER DATABASE {name} RESET default_transaction_read_only")
                await _cut_off(postgres, name)

    async def test_a_password_that_is_changed(self, postgres: Databases) -> None:
        """Buyers learn nothing of it but that they may come again."""
        name = await postgres.fresh()
        rights = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public"
        await postgres.sql(f"GRANT {rights} TO {GUARDED}", database=name)
        url = postgres.server.url(name, GUARDED, PASSWORD).reveal()
        async with open_shop(**_on_postgres(url)) as shop:
            await postgres.sql(f"ALTER ROLE {GUARDED} PASSWORD 'another'")
            await _cut_off(postgres, name)
            try:
                async with _refusing(shop):
                    await postgres.sql(f"ALTER ROLE {GUARDED} PASSWORD '{PASSWORD}'")
            finally:
                await postgres.sql(f"ALTER ROLE {GUARDED} PASSWORD '{PASSWORD}'")


async def _proof(shop: Shop) -> dict[str, str]:
    asked = await shop.offer()
    return v2_header(shop.sign(shop.buyer(), asked.offer), asked.offer)


async def _found(store: SqliteStore) -> bool:
    async with store.view() as view:
        return await view.payments.find(payment("a").chain, payment("a").key) is not None


async def _cut_off(postgres: Databases, name: str) -> None:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
    await postgres.rows(end, name, database="postgres")


@asynccontextmanager
async def _on_disk(postgres: Databases, folder: Path) -> AsyncIterator[str]:
    """Make a database on a disk of its own, and give its URL."""
    space = folder / "space"
    space.mkdir()
    owner = (postgres.server.folder / "data").stat()
    shutil.chown(space, owner.st_uid, owner.st_gid)
    await postgres.sql(f"CREATE TABLESPACE small LOCATION '{space}'")
    await postgres.sql(f"CREATE DATABASE on_small OWNER {APP} TABLESPACE small TEMPLATE template0")
    try:
        yield postgres.server.url("on_small").reveal()
    finally:
        await postgres.sql("DROP DATABASE on_small WITH (FORCE)", "DROP TABLESPACE small")
