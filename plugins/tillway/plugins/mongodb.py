"""MongoDB: a store for several machines, and definitions in databases beside it."""

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
from tillway.plugins.settings.storage import StorageSettings

if TYPE_CHECKING:
    from tillway.adapters.stores.mongo.beside import Deployment

PLUGIN = Plugin(
    kind=Kind.STORE,
    name="mongodb",
    summary="keeps everything in a MongoDB database",
    extra="mongo",
)


@hookimpl
def tillway_stores(context: Context) -> Sequence[Store]:
    """Give a store in the database of ``storage.mongodb_url``."""
    from tillway.adapters.stores.mongo.store import MongoStore

    storage = context.section("storage", StorageSettings)
    url = _required("storage.mongodb_url", storage.mongodb_url)
    make = partial(MongoStore, url, storage.mongodb_database, context.assets)
    return [context.shared.once(MongoStore, url.reveal(), make)]


@hookimpl
def tillway_products(context: Context) -> Sequence[ProductDefinitions]:
    """Give the products in the database of ``paywall.mongodb_url``."""
    from tillway.adapters.stores.mapped.definitions import MappedDefinitions
    from tillway.adapters.stores.mapped.layout import PRODUCT
    from tillway.adapters.stores.mapped.products import ReadProduct
    from tillway.adapters.stores.mongo.collections import CollectionRows, gateways_products

    paywall = context.section("paywall", PaywallSettings)
    place = _deployment(context, _required("paywall.mongodb_url", paywall.mongodb_url))
    name = paywall.mongodb_database
    if paywall.product_layout == "tillway":
        return [gateways_products(place, name, context.assets)]
    table = context.section("storage", StorageSettings).schema_mapping.products
    mapping = mapping_of(PRODUCT, paywall.mongodb_collection, table)
    rows = CollectionRows(deployment=place, name=name, mapping=mapping)
    return [MappedDefinitions(rows=rows, read=ReadProduct(context.assets))]


@hookimpl
def tillway_coupons(context: Context) -> Sequence[CouponDefinitions]:
    """Give the coupons in the database of ``coupons.mongodb_url``."""
    from tillway.adapters.stores.mapped.coupons import read_coupon
    from tillway.adapters.stores.mapped.definitions import MappedDefinitions
    from tillway.adapters.stores.mapped.layout import COUPON
    from tillway.adapters.stores.mongo.collections import CollectionRows, gateways_coupons

    coupons = context.section("coupons", CouponSettings)
    place = _deployment(context, _required("coupons.mongodb_url", coupons.mongodb_url))
    name = coupons.mongodb_database
    if coupons.coupon_layout == "tillway":
        return [gateways_coupons(place, name, context.assets)]
    table = context.section("storage", StorageSettings).schema_mapping.coupons
    mapping = mapping_of(COUPON, coupons.mongodb_collection, table)
    rows = CollectionRows(deployment=place, name=name, mapping=mapping)
    return [MappedDefinitions(rows=rows, read=read_coupon)]


def _required(key: str, url: Secret | None) -> Secret:
    # The settings' own rule: what is to be kept or read there has a URL.
    if url is None:
        raise ValueError(f"{key} is required")
    return url


def _deployment(context: Context, url: Secret) -> "Deployment":
    """Give the connections of a deployment: the store's own where it is the store's."""
    from tillway.adapters.stores.mongo.beside import OwnDeployment, StoresDeployment
    from tillway.adapters.stores.mongo.store import MongoStore

    store = context.shared.find(MongoStore, url.reveal())
    if store is not None:
        return StoresDeployment(store)
    return context.shared.once(OwnDeployment, url.reveal(), partial(OwnDeployment, url))
