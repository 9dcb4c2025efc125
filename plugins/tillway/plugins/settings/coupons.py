"""The section `coupons`: discounts."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar, Literal

from attrs import frozen

from tillway.core.catalog import FIXED_MOST
from tillway.core.ids import coupon_code_fault
from tillway.core.secrets import Secret
from tillway.plugins.rules import each, identifier, is_blank, not_blank, not_negative, positive
from tillway.plugins.setting import Rule, setting
from tillway.plugins.settings.pools import Pool

Source = Literal["yaml", "file", "postgres", "mongodb", "disabled"]


def _not_too_much(value: Decimal, kind: str) -> str | None:
    most, unit = (100, "percent") if kind == "percentage" else (FIXED_MOST, "dollars")
    return f"must not exceed {most} {unit}" if value > most else None


def _names_products(products: tuple[str, ...], scope: str) -> str | None:
    needed = scope == "specific" and not products
    return "must name at least one product when scope is specific" if needed else None


def _is_specific(products: tuple[str, ...], scope: str) -> str | None:
    moot = scope == "all" and products
    return "is not used: scope is all, so the coupon is for every product" if moot else None


def _fits_place(scope: str, applies_at: str) -> str | None:
    if applies_at == "catalog" and scope != "specific":
        return "must be specific when applies_at is catalog"
    if applies_at == "checkout" and scope != "all":
        return "must be all when applies_at is checkout"
    return None


def _says_where(applies_at: str, auto_apply: bool) -> str | None:
    return "is required when auto_apply is set" if auto_apply and not applies_at else None


def _ends_later(ends: datetime | None, starts: datetime | None) -> str | None:
    return "must not be before starts_at" if ends and starts and ends < starts else None


@frozen(kw_only=True)
class CouponEntry:
    """One coupon."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(fields=("discount_value", "discount_type"), check=_not_too_much),
        Rule(fields=("product_ids", "scope"), check=_names_products),
        Rule(fields=("product_ids", "scope"), check=_is_specific, warns=True),
        Rule(fields=("scope", "applies_at"), check=_fits_place),
        Rule(fields=("applies_at", "auto_apply"), check=_says_where),
        Rule(fields=("expires_at", "starts_at"), check=_ends_later),
    )

    code: str = setting(
        env=None, rules=(coupon_code_fault,), doc="What a buyer types; case counts."
    )
    discount_type: Literal["percentage", "fixed"] = setting(
        env=None, doc="A share of the price, or dollars off it."
    )
    discount_value: Decimal = setting(
        env=None, rules=(positive,), doc="Percent, or dollars: `18.4`."
    )
    currency: str = setting(default="", env=None, doc="Not used in pricing.")
    scope: Literal["all", "specific"] = setting(
        env=None, doc="Every product, or those of `product_ids`."
    )
    product_ids: tuple[str, ...] = setting(
        default=(), env=None, rules=(each(not_blank),), doc="The products that it is for."
    )
    payment_method: Literal["", "stripe", "x402"] = setting(
        default="", env=None, doc="Only for this way to pay; blank for all."
    )
    auto_apply: bool = setting(default=False, env=None, doc="Needs not be typed.")
    applies_at: Literal["", "catalog", "checkout"] = setting(
        default="", env=None, doc="On a product's price, or on the whole."
    )
    usage_limit: int | None = setting(
        default=None, env=None, rules=(not_negative,), doc="How often it can be used."
    )
    usage_count: int = setting(
        default=0, env=None, rules=(not_negative,), doc="How often it was used before."
    )
    starts_at: datetime | None = setting(default=None, env=None, doc="From when it counts.")
    expires_at: datetime | None = setting(default=None, env=None, doc="Until when it counts.")
    active: bool = setting(default=False, env=None, doc="Must be set, or it does not count.")
    metadata: Mapping[str, str] = setting(
        factory=dict, env=None, doc="`description` is shown to buyers."
    )


@frozen(kw_only=True)
class CouponSettings:
    """Discounts."""

    coupon_source: Source = setting(
        default="yaml",
        default_is="`storage.backend` if that is a database, else `yaml`",
        env="COUPON_SOURCE",
        doc="Where coupons come from.",
    )
    strict: bool = setting(
        default=False, doc="Refuses an unknown coupon, instead of asking the full price."
    )
    postgres_url: Secret | None = setting(
        default=None,
        default_is="`storage.postgres_url` when `coupon_source` is `postgres`",
        env="COUPON_POSTGRES_URL",
        doc="The database of coupons.",
    )
    postgres_table_name: str = setting(
        default="coupons",
        default_is="`storage.schema_mapping.coupons.table_name`, else `coupons`",
        env=None,
        rules=(identifier,),
        unset_when=is_blank,
        doc="Their table.",
    )
    coupon_layout: Literal["tillway", "columns"] = setting(
        default="tillway",
        default_is="`columns` if a table, a field or a transform of them is named, else `tillway`",
        env=None,
        doc="Whether a database has them as gateways keep them, or in a table of columns.",
    )
    mongodb_url: Secret | None = setting(
        default=None,
        default_is="`storage.mongodb_url` when `coupon_source` is `mongodb`",
        env="COUPON_MONGODB_URL",
        doc="The MongoDB deployment of coupons.",
    )
    mongodb_database: str = setting(
        default="",
        default_is="`storage.mongodb_database` when `coupon_source` is `mongodb`",
        env="COUPON_MONGODB_DATABASE",
        doc="The database in it.",
    )
    mongodb_collection: str = setting(
        default="coupons",
        default_is="`storage.schema_mapping.coupons.table_name`, else `coupons`",
        env="COUPON_MONGODB_COLLECTION",
        rules=(identifier,),
        unset_when=is_blank,
        doc="Their collection.",
    )
    cache_ttl: timedelta = setting(
        default=timedelta(minutes=1),
        env="COUPON_CACHE_TTL",
        rules=(not_negative,),
        doc="How long coupons are remembered; 0 asks every time.",
    )
    coupons: Mapping[str, CouponEntry] = setting(
        factory=dict, env=None, doc="The coupons, when `coupon_source` is `yaml`."
    )
    postgres_pool: Pool = setting(
        factory=Pool, doc="Connections to the database of coupons, if it is not the store's."
    )
