"""Defaults that come from other sections, in the order of the contract."""

from collections.abc import Callable, Sequence
from typing import Final

from attrs import evolve

from tillway.entrypoints.settings.draft import Draft
from tillway.plugins.settings.coupons import CouponSettings
from tillway.plugins.settings.paywall import PaywallSettings
from tillway.plugins.settings.storage import DATABASES, StorageSettings
from tillway.plugins.settings.subscriptions import SubscriptionSettings
from tillway.plugins.settings.x402 import X402Settings

USUAL_TOKEN: Final = "USDC"  # noqa: S105 - a currency's symbol


def derive(draft: Draft) -> None:
    """Fill in what was not set from what was set elsewhere."""
    for step in _STEPS:
        step(draft)


def _sources(draft: Draft) -> None:
    storage = draft.find(StorageSettings)
    if storage is None or storage.backend not in DATABASES:
        return
    for section, kind, name in (
        ("paywall", PaywallSettings, "product_source"),
        ("coupons", CouponSettings, "coupon_source"),
    ):
        if draft.find(kind) is not None:
            draft.change(section, "storage.backend", **{name: storage.backend})


def _databases(draft: Draft) -> None:
    storage = draft.find(StorageSettings)
    paywall, coupons = draft.find(PaywallSettings), draft.find(CouponSettings)
    if storage is not None and paywall is not None:
        _database(draft, storage, "paywall", paywall.product_source)
        _table(draft, "paywall", "products", storage.schema_mapping.products.table_name)
    if storage is not None and coupons is not None:
        _database(draft, storage, "coupons", coupons.coupon_source)
        _table(draft, "coupons", "coupons", storage.schema_mapping.coupons.table_name)


def _database(draft: Draft, storage: StorageSettings, section: str, source: str) -> None:
    if source == "postgres":
        draft.change(section, "storage.postgres_url", postgres_url=storage.postgres_url)
    if source == "mongodb":
        draft.change(section, "storage.mongodb_url", mongodb_url=storage.mongodb_url)
        draft.change(section, "storage.mongodb_database", mongodb_database=storage.mongodb_database)


def _table(draft: Draft, section: str, name: str, table: str) -> None:
    origin = f"storage.schema_mapping.{name}.table_name"
    if table:
        draft.change(section, origin, postgres_table_name=table, mongodb_collection=table)


def _layouts(draft: Draft) -> None:
    """Take a table that is named, or described, for one that is somebody else's."""
    for section, kind, name in (
        ("paywall", "products", "product_layout"),
        ("coupons", "coupons", "coupon_layout"),
    ):
        mapping = f"storage.schema_mapping.{kind}"
        named = (
            f"{section}.postgres_table_name",
            f"{section}.mongodb_collection",
            f"{mapping}.field_map",
            f"{mapping}.transforms",
        )
        key = next((each for each in named if draft.is_set(each)), None)
        if key is not None and section in draft.sections:
            draft.change(section, key, **{name: "columns"})


def _subscriptions(draft: Draft) -> None:
    storage, subscriptions = draft.find(StorageSettings), draft.find(SubscriptionSettings)
    if storage is not None and subscriptions is not None and subscriptions.backend == "postgres":
        draft.change("subscriptions", "storage.postgres_url", postgres_url=storage.postgres_url)


def _only_databases(draft: Draft) -> None:
    """Drop what the file lists when a database has the last word."""
    paywall, coupons = draft.find(PaywallSettings), draft.find(CouponSettings)
    if paywall is not None and paywall.resources and paywall.product_source != "yaml":
        source = paywall.product_source
        draft.warn("paywall.resources", f"are not used: product_source is {source}")
        draft.sections["paywall"] = evolve(paywall, resources={})
    if coupons is not None and coupons.coupons and coupons.coupon_source != "yaml":
        draft.warn("coupons.coupons", f"are not used: coupon_source is {coupons.coupon_source}")
        draft.sections["coupons"] = evolve(coupons, coupons={})


def _tokens(draft: Draft) -> None:
    """Price in the token that is taken, by its symbol. Cedros has its address here, by mistake."""
    paywall, x402 = draft.find(PaywallSettings), draft.find(X402Settings)
    if paywall is None:
        return
    token = _token(draft, x402)
    resources = {
        name: each if each.crypto_token else evolve(each, crypto_token=token)
        for name, each in paywall.resources.items()
    }
    draft.sections["paywall"] = evolve(paywall, resources=resources)


def _token(draft: Draft, x402: X402Settings | None) -> str:
    sound = draft.is_sound("x402.token_mint", "x402.network", "x402.extra_mints")
    try:
        return x402.token if x402 is not None and sound else USUAL_TOKEN
    except LookupError:
        return USUAL_TOKEN


_STEPS: Final[Sequence[Callable[[Draft], None]]] = (
    _sources,
    _databases,
    _layouts,
    _subscriptions,
    _only_databases,
    _tokens,
)
