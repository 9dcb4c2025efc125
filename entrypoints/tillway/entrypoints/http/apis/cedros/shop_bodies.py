"""The JSON bodies of what is shown to shop fronts."""

from collections.abc import Mapping, Sequence
from typing import Literal

from attrs import frozen

from tillway.entrypoints.http.wire import wire


@frozen(kw_only=True)
class Image:
    """A picture, and what it shows."""

    url: str
    alt: str | None = None


@frozen(kw_only=True)
class ListedProduct:
    """One product with its list prices and those after coupons, in major units."""

    id: str
    description: str
    fiat_amount: float
    effective_fiat_amount: float
    fiat_currency: str = wire(doc="Empty without a price in a currency.")
    stripe_price_id: str | None = None
    crypto_amount: float
    effective_crypto_amount: float
    crypto_token: str = wire(doc="Empty without a price in a token.")
    has_stripe_coupon: bool
    has_crypto_coupon: bool
    stripe_coupon_code: str | None = None
    crypto_coupon_code: str | None = wire(default=None, doc="Several stand with commas between.")
    stripe_discount_percent: float
    crypto_discount_percent: float
    metadata: Mapping[str, str] | None = None
    title: str | None = wire(default=None, doc="This and what follows: of metadata.")
    short_description: str | None = None
    slug: str | None = None
    seo_title: str | None = None
    seo_description: str | None = None
    image_url: str | None = None
    images: Sequence[Image] | None = None
    tags: Sequence[str] | None = None
    category_ids: Sequence[str] | None = None
    featured: bool
    sort_order: int | None = None
    shipping_profile: Literal["physical", "digital"] | None = None
    checkout_requirements: Mapping[str, object] | None = None
    fulfillment: Mapping[str, object] | None = None
    fulfillment_type: str | None = None
    fulfillment_notes: str | None = None
    fiat_amount_cents: int | None = wire(default=None, doc="Absent without a price in a currency.")
    effective_fiat_amount_cents: int | None = None
    compare_at_fiat_amount: float | None = None
    compare_at_amount_cents: int | None = None
    compare_at_fiat_currency: str | None = None
    inventory_status: Literal["in_stock", "low", "out_of_stock", "backorder"] | None = None
    inventory_quantity: int | None = None
    inventory_policy: str | None = None


@frozen(kw_only=True)
class ListedCoupon:
    """A coupon that comes off the whole by itself."""

    code: str
    discount_type: Literal["percentage", "fixed"]
    discount_value: float
    currency: str | None = None
    description: str | None = None


@frozen(kw_only=True)
class PriceList:
    """What is sold, and the coupons of the checkout for either way to pay."""

    products: Sequence[ListedProduct]
    total: int = wire(doc="How many fit what was asked for, on all pages.")
    count: int = wire(doc="The same.")
    limit: int
    offset: int
    checkout_stripe_coupons: Sequence[ListedCoupon]
    checkout_crypto_coupons: Sequence[ListedCoupon]


@frozen(kw_only=True)
class QuoteCard:
    """A price by card, in the currency's smallest units; none for a price that only Stripe has."""

    price_id: str
    amount_cents: int | None = None
    currency: str
    description: str
    metadata: Mapping[str, str]


@frozen(kw_only=True)
class EveryQuote:
    """What a resource costs by each way to pay that is open here."""

    resource: str
    expires_at: str = wire(format="date-time")
    free: bool = wire(doc="It costs nothing, and is had by `POST /paywall/v1/quote`.")
    stripe: QuoteCard | None = None
    crypto: Mapping[str, object] | None = wire(default=None, doc="An x402 v0 requirement.")


@frozen(kw_only=True)
class Methods:
    """The ways to pay that are open."""

    stripe: bool
    x402: bool
    credits: bool


@frozen(kw_only=True)
class Storefront:
    """How the shop is to look, as its operator saved it, and how it can be paid."""

    config: Mapping[str, object]
    payment_methods: Methods


@frozen(kw_only=True)
class CheckoutRules:
    """Whether buyers need an account."""

    guest_checkout: bool


@frozen(kw_only=True)
class CardSide:
    """What a page needs to take cards."""

    publishable_key: str
    mode: Literal["test", "live"]
    enabled: bool


@frozen(kw_only=True)
class TokenSide:
    """What a page needs to take tokens."""

    network: str
    payment_address: str
    token_mint: str
    token_symbol: str
    enabled: bool


@frozen(kw_only=True)
class ShopFacts:
    """What a shop's pages have to know of it."""

    checkout: CheckoutRules
    stripe: CardSide | None
    x402: TokenSide | None
    payment_methods: Methods
