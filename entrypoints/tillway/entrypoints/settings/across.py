"""What settings of different sections, or different entries of one, must fulfil together."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from tillway.core.assets import BUILT_IN, AssetKind, Assets
from tillway.entrypoints.settings.draft import Draft
from tillway.entrypoints.settings.durations import format_duration
from tillway.entrypoints.settings.mappings import check_mappings
from tillway.entrypoints.settings.places import check_places
from tillway.entrypoints.settings.scalars import did_you_mean
from tillway.entrypoints.settings.sections import LoggingSettings, ServerSettings
from tillway.plugins.settings.coupons import CouponSettings
from tillway.plugins.settings.monitoring import MonitoringSettings
from tillway.plugins.settings.paywall import PaywallSettings, Resource
from tillway.plugins.settings.storage import StorageSettings
from tillway.plugins.settings.subscriptions import SubscriptionSettings
from tillway.plugins.settings.x402 import X402Settings

LEAST_THRESHOLD: Final = Decimal("0.001")
"""SOL: below it a sponsor wallet has stopped working before anybody is warned."""


def check_across(draft: Draft) -> None:
    """Name what does not fit together."""
    for check in _CHECKS:
        check(draft)


def _resources(draft: Draft) -> None:
    paywall = draft.find(PaywallSettings)
    if paywall is None or not draft.is_sound("paywall.resources", "paywall.product_source"):
        return
    if paywall.product_source == "yaml" and not paywall.resources:
        draft.refuse(
            "paywall.resources",
            "paywall.resources must define at least one resource when product_source is 'yaml'",
        )


def _prices(draft: Draft) -> None:
    paywall = draft.find(PaywallSettings)
    assets = _assets(draft)
    for name, resource in {} if paywall is None else paywall.resources.items():
        key = f"paywall.resources.{name}"
        if _has_price(resource) or not draft.is_sound(key):
            _price_in_token(draft, key, resource, assets)
            continue
        draft.refuse(
            key,
            f'paywall.resource "{name}" must define fiat_amount_cents, crypto_atomic_amount, '
            "or stripe_price_id",
        )


def _has_price(resource: Resource) -> bool:
    amounts = (resource.fiat_amount_cents, resource.crypto_atomic_amount)
    return any(amounts) or bool(resource.stripe_price_id)


def _assets(draft: Draft) -> Assets:
    x402 = draft.find(X402Settings)
    sound = draft.is_sound("x402.network", "x402.extra_mints")
    try:
        return x402.assets if x402 is not None and sound else BUILT_IN
    except ValueError:
        return BUILT_IN


def _price_in_token(draft: Draft, key: str, resource: Resource, assets: Assets) -> None:
    tokens = [asset.code for asset in assets if asset.kind is AssetKind.SPL]
    if resource.crypto_token in tokens or not draft.is_sound(f"{key}.crypto_token"):
        return
    hint = did_you_mean(resource.crypto_token.upper(), tuple(tokens))
    draft.refuse(f"{key}.crypto_token", f"must be the symbol of a known token{hint}")


def _resource_ids(draft: Draft) -> None:
    paywall = draft.find(PaywallSettings)
    resources = {} if paywall is None else paywall.resources
    ids = {name: resource.resource_id for name, resource in resources.items()}
    _refuse_twins(draft, "paywall.resources", "resource_id", ids)


def _coupon_codes(draft: Draft) -> None:
    coupons = draft.find(CouponSettings)
    entries = {} if coupons is None else coupons.coupons
    codes = {name: entry.code for name, entry in entries.items()}
    _refuse_twins(draft, "coupons.coupons", "code", codes)


def _refuse_twins(draft: Draft, table: str, field: str, values: Mapping[str, str]) -> None:
    counts = Counter(values.values())
    for name, value in values.items():
        key = f"{table}.{name}.{field}"
        if counts[value] > 1 and draft.is_sound(key):
            draft.refuse(key, "must not be that of another entry too")


def _coupon_products(draft: Draft) -> None:
    paywall, coupons = draft.find(PaywallSettings), draft.find(CouponSettings)
    if paywall is None or coupons is None or paywall.product_source != "yaml":
        return
    known = {resource.resource_id for resource in paywall.resources.values()}
    for name, entry in coupons.coupons.items():
        unknown = [product for product in entry.product_ids if product not in known]
        if unknown:
            key = f"coupons.coupons.{name}.product_ids"
            draft.warn(key, f"names {unknown[0]!r}, which is no product")


def _commitment(draft: Draft) -> None:
    x402, logging = draft.find(X402Settings), draft.find(LoggingSettings)
    if x402 is None or logging is None:
        return
    if not draft.is_sound("x402.commitment", "logging.environment"):
        return
    if x402.commitment == "processed" and logging.environment != "development":
        draft.refuse("x402.commitment", "processed needs logging.environment development")


def _memory(draft: Draft) -> None:
    storage, logging = draft.find(StorageSettings), draft.find(LoggingSettings)
    server = draft.find(ServerSettings)
    if storage is None or storage.backend != "memory":
        return
    if logging and logging.environment == "production" and draft.is_sound("logging.environment"):
        draft.refuse(
            "storage.backend",
            "memory forgets payments: refused when logging.environment is production",
        )
    if server and server.workers > 1:
        draft.refuse("server.workers", "must be 1 with storage.backend memory")


def _threshold(draft: Draft) -> None:
    x402, monitoring = draft.find(X402Settings), draft.find(MonitoringSettings)
    key = "monitoring.low_balance_threshold"
    if x402 is None or monitoring is None or not draft.is_sound(key):
        return
    watched = x402.gasless_enabled and monitoring.low_balance_alert_url
    if watched and monitoring.low_balance_threshold < LEAST_THRESHOLD:
        least = f"({monitoring.low_balance_threshold}) must be at least {LEAST_THRESHOLD} SOL"
        draft.refuse(key, f"{key} {least} when wallets are watched")


def _patience(draft: Draft) -> None:
    x402, server = draft.find(X402Settings), draft.find(ServerSettings)
    if x402 is None or server is None or server.write_timeout > x402.confirm_wait:
        return
    wait = format_duration(x402.confirm_wait)
    draft.warn("server.write_timeout", f"cuts off answers: x402.confirm_wait is {wait}")


def _words(draft: Draft) -> None:
    subscriptions, server = draft.find(SubscriptionSettings), draft.find(ServerSettings)
    logging = draft.find(LoggingSettings)
    if subscriptions is None or server is None or logging is None or server.public_url:
        return
    known = draft.is_sound("server.public_url", "subscriptions.enabled", "logging.environment")
    if known and subscriptions.enabled and logging.environment != "development":
        draft.warn(
            "server.public_url",
            "is not set: subscribers cannot show who they are by a wallet's word",
        )


_CHECKS: Final[Sequence[Callable[[Draft], None]]] = (
    _resources,
    _prices,
    _resource_ids,
    _coupon_codes,
    _coupon_products,
    _commitment,
    _memory,
    check_places,
    check_mappings,
    _threshold,
    _patience,
    _words,
)
