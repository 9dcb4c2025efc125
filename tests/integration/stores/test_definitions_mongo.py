"""Products and coupons in collections beside the main store, as settings name them."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.manual_clock import ManualClock
from support.mongo import Mongo
from support.pages import DOCS, Page
from tillway.core.assets import BUILT_IN, USD, USDC
from tillway.core.catalog import BillingPeriod, Product, SubscriptionTerms
from tillway.core.contracts.samples import NOW, coupon, product
from tillway.core.errors import Unavailable
from tillway.core.ids import CouponCode, ProductId
from tillway.core.money import Money
from tillway.core.observations import Observers
from tillway.core.tenancy import DEFAULT, Tenant
from tillway.entrypoints.bootstrap import create_app
from tillway.entrypoints.configuration import configure
from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.settings.faults import SettingsError
from tillway.plugins import mongodb
from tillway.plugins.context import Context

pytest.importorskip("motor", reason="motor is not installed")

GUIDE = Page(DOCS / "how-to" / "sell-from-another-table.md")

PRODUCTS: tuple[Mapping[str, Any], ...] = (
    {
        "_id": "ebook",
        "description": "A book",
        "fiatAtomic": 1250,
        "fiatAsset": "USD",
        "stripePriceId": "price_1",
        "cryptoAtomic": 1_000_000,
        "cryptoAsset": "USDC",
        "cryptoAccount": "",
        "memoTemplate": "",
        "metadata": {"shelf": "A"},
        "active": True,
        "createdAt": datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
    },
    {"_id": "token", "cryptoAtomic": 50_000, "cryptoAsset": "USDC", "active": True},
    {
        "_id": "course",
        "fiatAtomic": 900.0,
        "fiatAsset": "USD",
        "subscription": {"billingPeriod": "month", "trialDays": 7},
        "active": True,
    },
    {"_id": "withdrawn", "fiatAtomic": 100, "fiatAsset": "USD", "active": False},
    {"_id": "unsaid", "fiatAtomic": 100, "fiatAsset": "USD"},
)
COUPONS: tuple[Mapping[str, Any], ...] = (
    {"_id": "ODD", "discountType": "percentage", "discountValue": 18.4, "scope": "specific",
     "productIds": ["ebook"], "autoApply": True, "appliesAt": "catalog", "active": True},
    {"_id": "TENTH", "discountType": "percentage", "discountValue": 10, "scope": "all",
     "usageLimit": 100, "usageCount": 40, "active": True, "autoApply": False},
)  # fmt: skip


@asynccontextmanager
async def opened(sections: Mapping[str, Any]) -> AsyncIterator[Gateway]:
    """Open the gateway of these settings, without rails."""
    text = yaml.safe_dump({"logging": {"environment": "development"}, **sections})
    gateway = create_app(configure(text, {}), background=False)
    await gateway.open()
    try:
        yield gateway
    finally:
        await gateway.aclose()


@contextmanager
def collections(mongo: Mongo) -> Iterator[str]:
    """Give a database with Cedros' collections."""
    name = mongo.fresh()
    for kind, documents in (("products", PRODUCTS), ("coupons", COUPONS)):
        for document in documents:
            mongo.write(name, kind, document)
    yield name


@pytest.fixture
def shop(mongo: Mongo) -> Iterator[str]:
    with collections(mongo) as name:
        yield name


@pytest.fixture
def cedros(mongo: Mongo, shop: str, tmp_path: Path) -> dict[str, Any]:
    """Give settings that read these collections, and keep payments in a file."""
    code = next(b.code for b in GUIDE.blocks() if b.code.startswith("# mongodb.yaml\n"))
    storage = {
        "backend": "file",
        "file_path": str(tmp_path / "tillway.db"),
        "mongodb_url": mongo.url.reveal(),
        "mongodb_database": shop,
        **yaml.safe_load(code)["storage"],
    }
    return {
        "storage": storage,
        "paywall": {"product_source": "mongodb"},
        "coupons": {"coupon_source": "mongodb"},
    }


class TestCedrosCollections:
    async def test_products_are_sold_as_they_are(self, cedros: dict[str, Any]) -> None:
        """With both prices and what stands beside; absent fields are no trouble."""
        async with opened(cedros) as gateway:
            found = await gateway.catalogue.products(DEFAULT)
            ebook = await gateway.catalogue.product(DEFAULT, ProductId("ebook"))
            others = await gateway.catalogue.products(Tenant("other"))

        assert [each.id for each in found] == ["course", "ebook", "token"]
        assert found[0].fiat_price == Money(900, USD)
        assert found[0].subscription == SubscriptionTerms(
            billing_period=BillingPeriod.MONTH, trial_days=7
        )
        assert others == ()
        assert ebook == Product(
            id=ProductId("ebook"),
            description="A book",
            fiat_price=Money(1250, USD),
            stripe_price_id="price_1",
            crypto_price=Money(1_000_000, USDC),
            metadata={"shelf": "A"},
            created_at=datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        )

    async def test_coupons_are_percent_exactly(self, cedros: dict[str, Any]) -> None:
        """18.4 is 18.4, though it is a float there; uses before our time are counted."""
        async with opened(cedros) as gateway:
            odd, tenth = await gateway.catalogue.coupons(DEFAULT)

        assert (odd.code, str(odd.discount_value)) == ("ODD", "18.4")
        assert odd.product_ids == ("ebook",)
        assert (tenth.code, tenth.usage_limit) == ("TENTH", 60)

    async def test_a_faulty_document_is_named_and_left_out(
        self, cedros: dict[str, Any], mongo: Mongo, shop: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """By collection, document and field."""
        broken = {"_id": "token", "cryptoAtomic": 0.5, "cryptoAsset": "USDC", "active": True}
        mongo.write(shop, "products", broken)
        async with opened(cedros) as gateway:
            found = await gateway.catalogue.products(DEFAULT)
            with pytest.raises(Unavailable):
                await gateway.catalogue.product(DEFAULT, ProductId("token"))

        assert [each.id for each in found] == ["course", "ebook"]
        named = "table products, row 'token', column cryptoAtomic: must be a whole number"
        assert any(named in message for message in caplog.messages)

    async def test_names_are_values_only(self, cedros: dict[str, Any]) -> None:
        """Whatever somebody asks for, it is looked for and not found."""
        async with opened(cedros) as gateway:
            for name in ("$where", "{}", '{"$gt": ""}', "a.b"):
                assert await gateway.catalogue.product(DEFAULT, ProductId(name)) is None

    async def test_a_collection_that_is_missing_is_named(self, cedros: dict[str, Any]) -> None:
        """And nothing starts."""
        mapping = {"products": {"table_name": "goods"}, "coupons": {"table_name": "codes"}}
        settings = {**cedros, "storage": {**cedros["storage"], "schema_mapping": mapping}}
        with pytest.raises(SettingsError) as raised:
            async with opened(settings):
                pass

        assert [fault.key for fault in raised.value.faults] == [
            "storage.schema_mapping.products.table_name",
            "storage.schema_mapping.coupons.table_name",
        ]


class TestOtherGateways:
    async def test_their_definitions_are_read_and_nothing_else(
        self, mongo: Mongo, tmp_path: Path
    ) -> None:
        """Payments stay in the main store; the other database is not written."""
        url, name = mongo.url.reveal(), mongo.fresh()
        theirs = {"backend": "mongodb", "mongodb_url": url, "mongodb_database": name}
        async with opened({"storage": theirs}) as gateway, gateway.store.begin() as unit:
            await unit.products.put(DEFAULT, product("article"), NOW)
            await unit.coupons.put(DEFAULT, coupon("SPRING"))
        kinds = ("log", "marks", "products", "coupons", "payments", "quote_keys")
        before = [mongo.documents(name, f"tillway_{kind}") for kind in kinds]
        place = {"mongodb_url": url, "mongodb_database": name}
        settings = {
            "storage": {"backend": "file", "file_path": str(tmp_path / "tillway.db")},
            "paywall": {"product_source": "mongodb", **place},
            "coupons": {"coupon_source": "mongodb", **place},
        }
        async with opened(settings) as gateway:
            found = await gateway.catalogue.product(DEFAULT, ProductId("article"))
            assert found == product("article")
            assert await gateway.catalogue.coupons(DEFAULT) == (coupon("SPRING"),)
            assert await gateway.catalogue.coupon(DEFAULT, CouponCode("NONE")) is None
            assert [each.id for each in await gateway.catalogue.products(DEFAULT)] == ["article"]
        assert [mongo.documents(name, f"tillway_{kind}") for kind in kinds] == before

    async def test_a_database_without_a_gateway_is_named_by_its_url(
        self, cedros: dict[str, Any]
    ) -> None:
        """Nothing is made of it."""
        settings = {**cedros, "storage": {**cedros["storage"], "schema_mapping": {}}}
        with pytest.raises(SettingsError) as raised:
            async with opened(settings):
                pass

        assert [fault.key for fault in raised.value.faults] == [
            "paywall.mongodb_url",
            "coupons.mongodb_url",
        ]


class TestConnections:
    async def test_equal_urls_share_the_stores_connections(
        self, cedros: dict[str, Any], mongo: Mongo
    ) -> None:
        """A collection of another database of the store's deployment takes no others."""
        store = {"backend": "mongodb", "mongodb_database": mongo.fresh()}
        place = {"mongodb_database": cedros["storage"]["mongodb_database"]}
        settings = {
            "storage": {**cedros["storage"], **store},
            "paywall": {**cedros["paywall"], **place},
            "coupons": {**cedros["coupons"], **place},
        }
        async with opened(settings) as gateway:
            found = await gateway.catalogue.products(DEFAULT)
            assert [each.id for each in found] == ["course", "ebook", "token"]

    def test_each_deployment_has_one_set_of_connections(self, cedros: dict[str, Any]) -> None:
        """The store's for what is there, one for products and coupons elsewhere."""
        from tillway.adapters.stores.mongo.beside import OwnDeployment, StoresDeployment

        beside = context_of(cedros)
        products, coupons = deployments(beside)
        assert isinstance(products, OwnDeployment)
        assert products is coupons
        inside = context_of({**cedros, "storage": {**cedros["storage"], "backend": "mongodb"}})
        (store,) = mongodb.tillway_stores(inside)
        for place in deployments(inside):
            assert isinstance(place, StoresDeployment)
            assert place.store is store


def context_of(sections: Mapping[str, Any]) -> Context:
    """Give the context of a gateway with these settings."""
    configured = configure(yaml.safe_dump(sections), {})
    return Context(
        sections=configured.settings.sections,
        assets=BUILT_IN,
        clock=ManualClock(),
        random=bytes,
        observe=Observers(),
        environment="development",
    )


def deployments(context: Context) -> list[Any]:
    """Give what products and coupons are read by."""
    found: list[Any] = [
        *mongodb.tillway_products(context),
        *mongodb.tillway_coupons(context),
    ]
    return [each.rows.deployment for each in found]
