"""The section `paywall`: what is for sale."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final, Literal

from attrs import frozen

from tillway.core.assets import BUILT_IN, AssetKind
from tillway.core.catalog import STRIPE_MOST_MINOR
from tillway.core.ids import product_id_fault
from tillway.core.money import MOST
from tillway.core.secrets import Secret
from tillway.plugins.rules import (
    base58_key,
    between,
    identifier,
    is_blank,
    is_zero,
    not_negative,
    positive,
)
from tillway.plugins.setting import Alias, setting
from tillway.plugins.settings.pools import Pool

_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}")
_OWN_IMAGE: Final = re.compile(
    r"/(?!/)[!#-&(-;=?-\[\]^_a-~]*|data:image/[a-z.+-]+;base64,[A-Za-z0-9+/=]{1,200000}"
)

Source = Literal["yaml", "file", "postgres", "mongodb"]


def _bare(name: str) -> tuple[Alias, ...]:
    return (Alias(name=f"PAYWALL_{name}"),)


def _currency(text: str) -> str | None:
    codes = [asset.code for asset in BUILT_IN if asset.kind is AssetKind.FIAT]
    return None if text.upper() in codes else f"must be one of {', '.join(codes).lower()}"


def _colour(text: str) -> str | None:
    return None if _COLOUR.fullmatch(text) else "must be a colour like #1f4fd8"


def _own_image(text: str) -> str | None:
    if not text or _OWN_IMAGE.fullmatch(text):
        return None
    return "must be a path on the same host, or a data: address of an image"


@frozen(kw_only=True)
class SubscriptionPlan:
    """How often a product is paid. A product without this block is paid once."""

    billing_period: Literal["day", "week", "month", "year"] = setting(
        env=None, doc="The unit of time between payments."
    )
    billing_interval: int = setting(
        default=1,
        env=None,
        unset_when=lambda count: count <= 0,
        rules=(between(1, 1000),),
        doc="How many units lie between two payments.",
    )
    trial_days: int = setting(
        default=0, env=None, rules=(between(0, 730),), doc="Days before the first payment."
    )
    stripe_price_id: str = setting(
        default="", env=None, doc="Stripe's recurring price, in place of the product's own."
    )
    allow_x402: bool = setting(default=False, env=None, doc="May be paid with stablecoins too.")
    grace_period_hours: int = setting(
        default=0, env=None, rules=(not_negative,), doc="Access after a payment failed."
    )


@frozen(kw_only=True)
class Resource:
    """One product: its prices and what stands beside them."""

    KEYED: ClassVar[str] = "resource_id"

    resource_id: str = setting(
        default="",
        env=None,
        default_is="the entry's key",
        unset_when=is_blank,
        rules=(product_id_fault,),
        doc="The product's id.",
    )
    description: str = setting(default="", env=None, doc="For people.")
    stripe_price_id: str = setting(default="", env=None, doc="Stripe's price.")
    fiat_amount_cents: int = setting(
        default=0,
        env=None,
        rules=(between(0, STRIPE_MOST_MINOR),),
        doc="The price in cents; 0 for none.",
    )
    fiat_currency: str = setting(
        default="usd",
        env=None,
        unset_when=is_blank,
        rules=(_currency,),
        doc="The currency of that price.",
    )
    crypto_atomic_amount: int = setting(
        default=0,
        env=None,
        rules=(between(0, MOST),),
        doc="The price in the token's smallest units; 0 for none.",
    )
    crypto_token: str = setting(
        default="",
        env=None,
        default_is="the symbol of `x402.token_mint`",
        doc="The token of that price, by its symbol.",
    )
    crypto_account: str = setting(
        default="", env=None, rules=(base58_key,), doc="A token account to be paid instead."
    )
    memo_template: str = setting(
        default="",
        env=None,
        doc="The memo of v0 payments; `{{resource}}` and `{{nonce}}` are filled in.",
    )
    metadata: Mapping[str, str] = setting(factory=dict, env=None, doc="Goes with every payment.")
    extras: Mapping[str, Any] = setting(
        factory=dict, env=None, in_force=False, doc="Anything else."
    )
    subscription: SubscriptionPlan | None = setting(
        default=None, doc="How often the product is paid."
    )


@frozen(kw_only=True)
class PageSettings:
    """The page that browsers get where something is to be paid."""

    enabled: bool = setting(default=True, doc="Browsers get a page, and all others JSON.")
    title: str = setting(default="", doc="The seller's name, which stands above what is sold.")
    accent: str = setting(
        default="#1f4fd8", unset_when=is_blank, rules=(_colour,), doc="The colour of buttons."
    )
    logo: str = setting(
        default="",
        rules=(_own_image,),
        doc="An image: a path on the same host, or a `data:` address.",
    )


@frozen(kw_only=True)
class PaywallSettings:
    """What is for sale, and for how long a price holds."""

    quote_ttl: timedelta = setting(
        default=timedelta(minutes=5),
        env="CEDROS_PAYWALL_QUOTE_TTL",
        aliases=_bare("QUOTE_TTL"),
        unset_when=is_zero,
        rules=(positive,),
        doc="How long a quoted price holds.",
    )
    product_source: Source = setting(
        default="yaml",
        default_is="`storage.backend` if that is a database, else `yaml`",
        env="CEDROS_PAYWALL_PRODUCT_SOURCE",
        aliases=_bare("PRODUCT_SOURCE"),
        doc="Where products come from.",
    )
    product_cache_ttl: timedelta = setting(
        default=timedelta(minutes=5),
        env="CEDROS_PAYWALL_PRODUCT_CACHE_TTL",
        aliases=_bare("PRODUCT_CACHE_TTL"),
        rules=(not_negative,),
        doc="How long products are remembered; 0 asks every time.",
    )
    postgres_url: Secret | None = setting(
        default=None,
        default_is="`storage.postgres_url` when `product_source` is `postgres`",
        env="CEDROS_PAYWALL_POSTGRES_URL",
        aliases=_bare("POSTGRES_URL"),
        doc="The database of products.",
    )
    postgres_table_name: str = setting(
        default="products",
        default_is="`storage.schema_mapping.products.table_name`, else `products`",
        env=None,
        rules=(identifier,),
        unset_when=is_blank,
        doc="Their table.",
    )
    product_layout: Literal["tillway", "columns"] = setting(
        default="tillway",
        default_is="`columns` if a table, a field or a transform of them is named, else `tillway`",
        env=None,
        doc="Whether a database has them as gateways keep them, or in a table of columns.",
    )
    mongodb_url: Secret | None = setting(
        default=None,
        default_is="`storage.mongodb_url` when `product_source` is `mongodb`",
        env="CEDROS_PAYWALL_MONGODB_URL",
        aliases=_bare("MONGODB_URL"),
        doc="The MongoDB deployment of products.",
    )
    mongodb_database: str = setting(
        default="",
        default_is="`storage.mongodb_database` when `product_source` is `mongodb`",
        env="CEDROS_PAYWALL_MONGODB_DATABASE",
        aliases=_bare("MONGODB_DATABASE"),
        doc="The database in it.",
    )
    mongodb_collection: str = setting(
        default="products",
        default_is="`storage.schema_mapping.products.table_name`, else `products`",
        env="CEDROS_PAYWALL_MONGODB_COLLECTION",
        aliases=_bare("MONGODB_COLLECTION"),
        rules=(identifier,),
        unset_when=is_blank,
        doc="Their collection.",
    )
    resources: Mapping[str, Resource] = setting(
        factory=dict, env=None, doc="The products, when `product_source` is `yaml`."
    )
    postgres_pool: Pool = setting(
        factory=Pool, doc="Connections to the database of products, if it is not the store's."
    )
    page: PageSettings = setting(
        factory=PageSettings, doc="The page that browsers get where something is to be paid."
    )
