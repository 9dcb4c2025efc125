"""PostgreSQL: the store for several machines, and definitions in databases beside it."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from tillway.core.ports.definitions import CouponDefinitions, ProductDefinitions
from tillway.core.ports.store import Store
from tillway.core.secrets import Secret
from tillway.plugins.context import Context
from tillway.plugins.hooks import hookimpl
from tillway.plugins.mapping import mapping_of
from tillway.plugins.plugin import Kind, Plugin
from tillway.plugins.settings.coupons import CouponSettings
from tillway.plugins.settings.paywall import PaywallSettings
from tillway.plugins.settings.pools import Pool
from tillway.plugins.settings.storage import TABLES, SchemaMapping, StorageSettings

if TYPE_CHECKING:
    from tillway.adapters.stores.postgres.lender import Lender
    from tillway.adapters.stores.postgres.names import Names

PLUGIN = Plugin(
    kind=Kind.STORE,
    name="postgres",
    summary="keeps everything in a PostgreSQL database",
    extra="postgres",
)


@hookimpl
def tillway_stores(context: Context) -> Sequence[Store]:
    """Give a store in the database of ``storage.postgres_url``."""
    from tillway.adapters.stores.postgres.store import PostgresStore

    storage = context.section("storage", StorageSettings)
    lender = _lender(context, "storage.postgres_url", storage.postgres_url, storage.postgres_pool)
    store = PostgresStore(
        lender.url,
        context.assets,
        limits=lender.limits,
        names=lender.names,
        migrates=storage.migrate,
        lender=lender,
    )
    return [store]


@hookimpl
def tillway_products(context: Context) -> Sequence[ProductDefinitions]:
    """Give the products in the database of ``paywall.postgres_url``."""
    from tillway.adapters.stores.mapped.definitions import MappedDefinitions
    from tillway.adapters.stores.mapped.layout import PRODUCT
    from tillway.adapters.stores.mapped.products import ReadProduct
    from tillway.adapters.stores.postgres.elsewhere import products_elsewhere
    from tillway.adapters.stores.postgres.tables import TableRows

    paywall = context.section("paywall", PaywallSettings)
    lender = _lender(context, "paywall.postgres_url", paywall.postgres_url, paywall.postgres_pool)
    if paywall.product_layout == "tillway":
        return [products_elsewhere(lender, context.assets)]
    table = context.section("storage", StorageSettings).schema_mapping.products
    mapping = mapping_of(PRODUCT, paywall.postgres_table_name, table)
    rows = TableRows(lender=lender, mapping=mapping)
    return [MappedDefinitions(rows=rows, read=ReadProduct(context.assets))]


@hookimpl
def tillway_coupons(context: Context) -> Sequence[CouponDefinitions]:
    """Give the coupons in the database of ``coupons.postgres_url``."""
    from tillway.adapters.stores.mapped.coupons import read_coupon
    from tillway.adapters.stores.mapped.definitions import MappedDefinitions
    from tillway.adapters.stores.mapped.layout import COUPON
    from tillway.adapters.stores.postgres.elsewhere import coupons_elsewhere
    from tillway.adapters.stores.postgres.tables import TableRows

    coupons = context.section("coupons", CouponSettings)
    lender = _lender(context, "coupons.postgres_url", coupons.postgres_url, coupons.postgres_pool)
    if coupons.coupon_layout == "tillway":
        return [coupons_elsewhere(lender, context.assets)]
    table = context.section("storage", StorageSettings).schema_mapping.coupons
    mapping = mapping_of(COUPON, coupons.postgres_table_name, table)
    rows = TableRows(lender=lender, mapping=mapping)
    return [MappedDefinitions(rows=rows, read=read_coupon)]


def _lender(context: Context, key: str, url: Secret | None, pool: Pool) -> "Lender":
    """Give the connections of a database: the same for all who name it by the same URL."""
    from tillway.adapters.stores.postgres.lender import Lender
    from tillway.adapters.stores.postgres.pool import Limits

    # The settings' own rule: what is to be read has a URL.
    if url is None:
        raise ValueError(f"{key} is required")
    limits = Limits(
        most=pool.max_open_conns,
        idle=pool.max_idle_conns,
        age=pool.conn_max_lifetime.total_seconds(),
    )
    names = _names(context.section("storage", StorageSettings).schema_mapping)
    make = partial(Lender, url, limits=limits, names=names)
    return context.shared.once(Lender, url.reveal(), make)


def _names(mapping: SchemaMapping) -> "Names":
    from tillway.adapters.stores.postgres.names import Names

    named = {ours: getattr(mapping, theirs).table_name for theirs, ours in TABLES.items()}
    tables = {word: name for word, name in named.items() if name}
    return Names(prefix=mapping.prefix, tables=tables)
