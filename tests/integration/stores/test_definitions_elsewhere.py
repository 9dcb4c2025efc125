"""Products and coupons in databases beside the main store, as settings name them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import evolve

from support import cedros_tables
from support.pages import DOCS, Page
from support.postgres import APP, Databases
from tillway.core.assets import EUR, USD, USDC
from tillway.core.catalog import Product
from tillway.core.contracts.samples import NOW, coupon, product
from tillway.core.errors import Unavailable
from tillway.core.ids import CouponCode, ProductId
from tillway.core.money import Money
from tillway.core.tenancy import DEFAULT, Tenant
from tillway.entrypoints.bootstrap import create_app
from tillway.entrypoints.configuration import configure
from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.settings.faults import SettingsError

pytest.importorskip("asyncpg", reason="asyncpg is not installed")

OTHER = Tenant("other")
Sections = Mapping[str, Mapping[str, Any]]


GUIDE = Page(DOCS / "how-to" / "sell-from-another-table.md")


def guide(name: str) -> dict[str, Any]:
    """Give the mapping that the guide has under this name."""
    found = next(block.code for block in GUIDE.blocks() if block.code.startswith(f"# {name}\n"))
    mapping: dict[str, Any] = yaml.safe_load(found)["storage"]["schema_mapping"]
    return mapping


@asynccontextmanager
async def opened(sections: Sections) -> AsyncIterator[Gateway]:
    """Open the gateway of these settings, without rails."""
    text = yaml.safe_dump({"logging": {"environment": "development"}, **sections})
    gateway = create_app(configure(text, {}), background=False)
    await gateway.open()
    try:
        yield gateway
    finally:
        await gateway.aclose()


async def faults_of(sections: Sections) -> list[str]:
    """Give the keys of what keeps the gateway from opening."""
    try:
        async with opened(sections):
            return []
    except SettingsError as error:
        return [str(fault) for fault in error.faults]


@pytest.fixture
async def shop(postgres: Databases) -> AsyncIterator[str]:
    """Give the URL of a database with Cedros' tables and rows, in which we may only read them."""
    name = await postgres.fresh(empty=True)
    tables = (cedros_tables.PRODUCTS, cedros_tables.COUPONS, *cedros_tables.ROWS)
    grant = f"GRANT SELECT ON products, coupons TO {APP}"
    await postgres.sql(*tables, grant, database=name)
    yield postgres.server.url(name).reveal()
    await postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def cedros(shop: str, tmp_path: Path) -> dict[str, Any]:
    """Give settings that read these tables, and keep payments in a file."""
    return {
        "storage": {
            "backend": "file",
            "file_path": str(tmp_path / "tillway.db"),
            "postgres_url": shop,
            "schema_mapping": guide("after-005.yaml"),
        },
        "paywall": {"product_source": "postgres"},
        "coupons": {"coupon_source": "postgres"},
    }


def mapped(cedros: dict[str, Any], kind: str, **mapping: Any) -> dict[str, Any]:
    """Give the settings with another mapping of products or coupons."""
    storage = cedros["storage"]
    mappings = storage["schema_mapping"]
    changed = {**mappings, kind: {**mappings[kind], **mapping}}
    return {**cedros, "storage": {**storage, "schema_mapping": changed}}


async def sql_in(postgres: Databases, url: str, *commands: str) -> None:
    """Run commands as the owner of the shop's tables."""
    await postgres.sql(*commands, database=url.rpartition("/")[2])


class TestCedrosTables:
    async def test_products_are_sold_as_they_are(self, cedros: dict[str, Any]) -> None:
        """With both prices and all that stands beside; empty columns are no trouble."""
        async with opened(cedros) as gateway:
            found = {str(each.id): each for each in await gateway.catalogue.products(DEFAULT)}
            ebook = await gateway.catalogue.product(DEFAULT, ProductId("ebook"))

        assert list(found) == ["card", "ebook", "token"]
        assert found["card"].fiat_price == Money(999, EUR)
        assert found["token"].crypto_price == Money(50_000, USDC)
        assert ebook is not None
        assert evolve(ebook, updated_at=None) == Product(
            id=ProductId("ebook"),
            description="A book",
            fiat_price=Money(1250, USD),
            stripe_price_id="price_1",
            crypto_price=Money(1_000_000, USDC),
            metadata={"shelf": "A", "pages": "300"},
            created_at=datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        )

    async def test_coupons_of_migration_005_are_percent_and_dollars(
        self, cedros: dict[str, Any]
    ) -> None:
        """Basis points and cents are divided; uses before our time are counted."""
        async with opened(cedros) as gateway:
            found = {each.code: each for each in await gateway.catalogue.coupons(DEFAULT)}

        assert list(found) == ["FIVE", "ODD", "TENTH"]
        values = {code: str(each.discount_value) for code, each in found.items()}
        assert values == {"FIVE": "5", "ODD": "18.4", "TENTH": "10"}
        assert found[CouponCode("TENTH")].usage_limit == 60
        assert found[CouponCode("ODD")].product_ids == ("ebook",)

    async def test_coupons_before_migration_005_are_read_as_they_are(
        self, cedros: dict[str, Any], postgres: Databases, shop: str
    ) -> None:
        """Percent and dollars, in a table without tenants."""
        await sql_in(
            postgres,
            shop,
            "DELETE FROM coupons WHERE tenant_id <> 'default'",
            "ALTER TABLE coupons DROP COLUMN tenant_id",
            "ALTER TABLE products DROP COLUMN tenant_id",
            "ALTER TABLE coupons ALTER COLUMN discount_value TYPE DOUBLE PRECISION",
            "UPDATE coupons SET discount_value = discount_value / 100",
        )
        storage = {**cedros["storage"], "schema_mapping": guide("before-005.yaml")}
        async with opened({**cedros, "storage": storage}) as gateway:
            assert len(await gateway.catalogue.products(DEFAULT)) == 4
            found = await gateway.catalogue.coupons(DEFAULT)
            others = await gateway.catalogue.coupons(OTHER)

        assert {each.code: str(each.discount_value) for each in found} == {
            "FIVE": "5",
            "ODD": "18.4",
            "TENTH": "10",
        }
        assert others == ()

    async def test_tenants_have_their_own_rows(self, cedros: dict[str, Any]) -> None:
        """The column keeps them apart, for one and for all."""
        async with opened(cedros) as gateway:
            catalogue = gateway.catalogue
            assert [each.id for each in await catalogue.products(OTHER)] == ["theirs"]
            assert await catalogue.product(OTHER, ProductId("ebook")) is None
            tenth = await catalogue.coupon(OTHER, CouponCode("TENTH"))
            assert tenth is not None
            assert tenth.discount_value == 50

    async def test_a_whole_table_may_be_one_tenants(
        self, cedros: dict[str, Any], postgres: Databases, shop: str
    ) -> None:
        """A constant says whose."""
        await sql_in(postgres, shop, "ALTER TABLE products DROP COLUMN tenant_id")
        constant = {"tenant_id": {"constant": "other"}}
        async with opened(mapped(cedros, "products", transforms=constant)) as gateway:
            assert len(await gateway.catalogue.products(OTHER)) == 4
            assert await gateway.catalogue.products(DEFAULT) == ()

    async def test_any_table_can_be_described(
        self, cedros: dict[str, Any], postgres: Databases, shop: str
    ) -> None:
        """Other names, other types, dollars in place of cents, a plan in JSON, no tenant."""
        await sql_in(
            postgres,
            shop,
            'CREATE SCHEMA "erp"',
            """
            CREATE TABLE erp."Goods" ("Sku" INT PRIMARY KEY, label VARCHAR(80),
                dollars NUMERIC(10,2), details JSON, live SMALLINT, changed TIMESTAMPTZ)
            """,
            """
            INSERT INTO erp."Goods" VALUES (7, 'Course', 4.35,
                '{"plan": {"billingPeriod": "month", "trialDays": 7}, "usdc": "4.35"}', 1,
                '2024-05-06 07:08:09+02')
            """,
            f"GRANT USAGE ON SCHEMA erp TO {APP}",
            f'GRANT SELECT ON erp."Goods" TO {APP}',
        )
        settings = mapped(cedros, "products", **guide("erp.yaml")["products"])
        async with opened(settings) as gateway:
            found = await gateway.catalogue.product(DEFAULT, ProductId("7"))

        assert found is not None
        assert found.fiat_price == Money(435, USD)
        assert found.crypto_price == Money(4_350_000, USDC)
        assert found.subscription is not None
        assert found.subscription.trial_days == 7
        assert found.updated_at == datetime(2024, 5, 6, 5, 8, 9, tzinfo=UTC)


class TestFaultyRows:
    async def test_they_are_named_and_keep_nobody_from_the_others(
        self,
        cedros: dict[str, Any],
        postgres: Databases,
        shop: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Asked for, a faulty one is an error; in a list it is missing; the log says why."""
        broken = "UPDATE products SET crypto_token = 'DOGE' WHERE id = 'ebook'"
        await sql_in(postgres, shop, broken)
        async with opened(cedros) as gateway:
            assert [each.id for each in await gateway.catalogue.products(DEFAULT)] == [
                "card",
                "token",
            ]
            with pytest.raises(Unavailable, match="This product cannot be read at present"):
                await gateway.catalogue.product(DEFAULT, ProductId("ebook"))

        named = "table products, row 'ebook', column crypto_token: must be the code of a known"
        assert sum(named in message for message in caplog.messages) == 2

    async def test_two_rows_of_one_name_are_none(
        self, cedros: dict[str, Any], postgres: Databases, shop: str
    ) -> None:
        """Which of two prices holds is nobody's guess."""
        await sql_in(
            postgres,
            shop,
            "ALTER TABLE products DROP CONSTRAINT products_pkey",
            "INSERT INTO products (id, fiat_amount, fiat_currency) VALUES ('card', 1, 'USD')",
        )
        async with opened(cedros) as gateway:
            assert [each.id for each in await gateway.catalogue.products(DEFAULT)] == [
                "ebook",
                "token",
            ]
            with pytest.raises(Unavailable):
                await gateway.catalogue.product(DEFAULT, ProductId("card"))

    @pytest.mark.parametrize(
        "name", ["x'; DROP TABLE products; --", "\x00", "\x01", "%", "é" * 255]
    )
    async def test_names_are_values_only(self, cedros: dict[str, Any], name: str) -> None:
        """Whatever somebody asks for, it is looked for and not found."""
        async with opened(cedros) as gateway:
            assert await gateway.catalogue.product(DEFAULT, ProductId(name)) is None
            assert await gateway.catalogue.coupon(DEFAULT, CouponCode(name)) is None
            assert len(await gateway.catalogue.products(DEFAULT)) == 3


class TestMisfits:
    async def test_all_are_named_by_their_keys(self, cedros: dict[str, Any]) -> None:
        """What is missing in both tables, at once; nothing starts."""
        settings = mapped(
            mapped(cedros, "products", field_map={"fiat_amount": "price", "id": "sku"}),
            "coupons",
            table_name="vouchers",
        )
        faults = await faults_of(settings)

        assert [fault.split(":")[0] for fault in faults] == [
            "storage.schema_mapping.products.field_map.id",
            "storage.schema_mapping.products.field_map.fiat_amount",
            "storage.schema_mapping.coupons.table_name",
        ]
        assert "there is no table vouchers" in faults[2]

    async def test_a_table_that_may_not_be_read_is_named(
        self, cedros: dict[str, Any], postgres: Databases, shop: str
    ) -> None:
        """With what the database says."""
        await sql_in(postgres, shop, f"REVOKE SELECT ON products FROM {APP}")
        (fault,) = await faults_of(cedros)

        assert fault.startswith("storage.schema_mapping.products.table_name: products cannot be")
        assert "permission denied" in fault

    async def test_a_database_without_definitions_is_named_by_its_url(
        self, cedros: dict[str, Any], shop: str
    ) -> None:
        """Somebody else's database is no gateway's, and none is made of it."""
        settings = {**cedros, "storage": {**cedros["storage"], "schema_mapping": {}}}
        faults = await faults_of(settings)

        assert [fault.split(":")[0] for fault in faults] == [
            "paywall.postgres_url",
            "coupons.postgres_url",
        ]
        assert "name a table if it has one of its own" in faults[0]

    async def test_a_place_that_cannot_be_reached_is_unavailable(
        self, cedros: dict[str, Any]
    ) -> None:
        """With its name and the cause, and without its password."""
        url = "postgresql://user:hidden@127.0.0.1:1/shop"
        settings = {**cedros, "paywall": {"product_source": "postgres", "postgres_url": url}}
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1/shop cannot be reached") as raised:
            async with opened(settings):
                pass
        assert "hidden" not in str(raised.value)


class TestOtherGateways:
    async def test_their_definitions_are_read_and_nothing_else(
        self, postgres: Databases, tmp_path: Path
    ) -> None:
        """Payments stay in the main store, and the other database is written nothing."""
        name = await postgres.fresh()
        url = postgres.server.url(name).reveal()
        theirs = {"storage": {"postgres_url": url}}
        async with opened(theirs) as gateway, gateway.store.begin() as unit:
            await unit.products.put(DEFAULT, product("article"), NOW)
            await unit.coupons.put(DEFAULT, coupon("SPRING"))
        before = await everything(postgres, name)
        settings = {
            "storage": {"backend": "file", "file_path": str(tmp_path / "tillway.db")},
            "paywall": {"product_source": "postgres", "postgres_url": url},
            "coupons": {"coupon_source": "postgres", "postgres_url": url},
        }
        async with opened(settings) as ours:
            assert await ours.catalogue.product(DEFAULT, ProductId("article")) == product("article")
            assert await ours.catalogue.coupons(DEFAULT) == (coupon("SPRING"),)
            assert [each.id for each in await ours.catalogue.products(DEFAULT)] == ["article"]
            async with ours.store.view() as view:
                assert await view.products.all(DEFAULT) == []
        assert await everything(postgres, name) == before
        await postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


async def everything(postgres: Databases, name: str) -> Mapping[str, Any]:
    """Give all rows of all tables, and how often each was written."""
    tables = await postgres.rows(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database=name
    )
    return {
        table: await postgres.rows(
            f'SELECT xmin::text, * FROM "{table}" ORDER BY 1, 2', database=name
        )
        for (table,) in tables
    }


class TestPools:
    @staticmethod
    async def connections(postgres: Databases, url: str) -> int:
        """Tell how many connections a database has from gateways."""
        ((count,),) = await postgres.rows(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = $1"
            " AND application_name = 'tillway'",
            url.rpartition("/")[2],
            database="postgres",
        )
        return int(count)

    async def test_equal_urls_share_one_pool(
        self, cedros: dict[str, Any], postgres: Databases, shop: str
    ) -> None:
        """The main store's, with its limits, for products and coupons as well."""
        await sql_in(postgres, shop, f"GRANT CREATE ON SCHEMA public TO {APP}")
        storage = {
            **cedros["storage"],
            "backend": "postgres",
            "postgres_pool": {"max_open_conns": 2},
        }
        pools = {"postgres_pool": {"max_open_conns": 20}}
        settings = {
            **cedros,
            "storage": storage,
            "paywall": {**cedros["paywall"], **pools, "product_cache_ttl": 0},
            "coupons": {**cedros["coupons"], **pools, "cache_ttl": 0},
        }
        async with opened(settings) as gateway:
            catalogue = gateway.catalogue
            names = [ProductId(f"p{number}") for number in range(40)]
            await asyncio.gather(
                *(catalogue.product(DEFAULT, name) for name in names),
                *(catalogue.coupon(DEFAULT, CouponCode(name)) for name in names),
            )
            assert await self.connections(postgres, shop) <= 2
        assert await self.connections(postgres, shop) == 0

    async def test_a_failed_opening_leaves_nothing_open(
        self, cedros: dict[str, Any], postgres: Databases, shop: str
    ) -> None:
        """Of two places, one that fits is closed again."""
        assert await faults_of(mapped(cedros, "coupons", table_name="vouchers"))
        assert await self.connections(postgres, shop) == 0
