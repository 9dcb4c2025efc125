"""What is sold, and what makes it cheaper: products and coupons as plain values.

Values can hold whatever a source of theirs holds; `product_faults` and `coupon_faults` say what
is wrong with them, all at once, and whoever loads or edits a catalogue refuses the faulty ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, Self

from attrs import evolve, field, frozen, validators

from tillway.core.assets import AssetKind
from tillway.core.errors import Fault
from tillway.core.ids import CouponCode, ProductId, coupon_code_fault, product_id_fault
from tillway.core.money import Money

STRIPE_MOST_MINOR: Final = 99_999_999
"""The largest amount that Stripe takes, in minor units."""

FIXED_MOST: Final = 1_000_000_000
"""The largest fixed discount, in dollars: far above any price, far below 64 bits."""


def _frozen_texts(pairs: Mapping[str, str]) -> Mapping[str, str]:
    return dict(pairs)


def _distinct(ids: Iterable[ProductId]) -> tuple[ProductId, ...]:
    return tuple(dict.fromkeys(ids))


def _aware(_: object, attribute: object, moment: datetime) -> None:
    if moment.utcoffset() is None:
        raise ValueError(f"{getattr(attribute, 'name', 'time')} needs a time zone")


_aware_or_none = validators.optional(_aware)


class BillingPeriod(StrEnum):
    """The unit in which a subscription is billed."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@frozen(kw_only=True)
class SubscriptionTerms:
    """How a product is subscribed to: every `billing_interval` periods, after `trial_days`."""

    billing_period: BillingPeriod
    billing_interval: int = 1
    trial_days: int = 0
    stripe_price_id: str = ""
    allow_x402: bool = False
    grace_period_hours: int = 0


class PriceKind(StrEnum):
    """Which of a product's two prices is meant."""

    FIAT = "fiat"
    CRYPTO = "crypto"


@frozen(kw_only=True)
class PreviousPrice:
    """The prices that held until `changed_at`."""

    fiat_price: Money | None
    crypto_price: Money | None
    changed_at: datetime = field(validator=_aware)


@frozen(kw_only=True)
class Product:
    """Something for sale, by card, by stablecoin, or both.

    `crypto_account` is the token account that takes its payments, empty for the gateway's own.
    `memo_template` is empty for the gateway's own. `previous` are the prices before the last
    change: who was shown them may still pay them for a quote's life.
    """

    id: ProductId
    description: str = ""
    fiat_price: Money | None = None
    stripe_price_id: str = ""
    crypto_price: Money | None = None
    crypto_account: str = ""
    memo_template: str = ""
    metadata: Mapping[str, str] = field(factory=dict, converter=_frozen_texts, hash=False)
    active: bool = True
    subscription: SubscriptionTerms | None = None
    previous: PreviousPrice | None = None
    created_at: datetime | None = field(default=None, validator=_aware_or_none)
    updated_at: datetime | None = field(default=None, validator=_aware_or_none)

    def price(self, kind: PriceKind) -> Money | None:
        """Give the list price of a kind, None when the product has none."""
        return self.crypto_price if kind is PriceKind.CRYPTO else self.fiat_price

    def before(self, now: datetime, within: timedelta) -> Self | None:
        """Give this product at its previous prices, if they changed at most `within` ago."""
        past = self.previous
        if past is None or not timedelta(0) <= now - past.changed_at <= within:
            return None
        return evolve(self, fiat_price=past.fiat_price, crypto_price=past.crypto_price)

    def succeeding(self, old: Self | None, at: datetime) -> Self:
        """Give this product as the one that takes an old one's place at a time.

        A changed price leaves the old prices as `previous`; otherwise the old one's `previous`
        stays. A repeat therefore changes nothing.
        """
        if old is None:
            return self
        same = (self.fiat_price, self.crypto_price) == (old.fiat_price, old.crypto_price)
        if same:
            return evolve(self, previous=old.previous)
        previous = PreviousPrice(
            fiat_price=old.fiat_price, crypto_price=old.crypto_price, changed_at=at
        )
        return evolve(self, previous=previous)


class DiscountType(StrEnum):
    """A share of the price, or a sum in dollars."""

    PERCENTAGE = "percentage"
    FIXED = "fixed"


class Scope(StrEnum):
    """Whether a coupon is for every product or for those that it lists."""

    ALL = "all"
    SPECIFIC = "specific"


class AppliesAt(StrEnum):
    """The phase of pricing in which an automatic coupon is taken off."""

    CATALOG = "catalog"
    CHECKOUT = "checkout"


class CouponState(StrEnum):
    """Why a coupon cannot be used now, in the contract's words."""

    INACTIVE = "coupon is inactive"
    NOT_STARTED = "coupon not started yet"
    EXPIRED = "coupon expired"
    USED_UP = "coupon usage limit reached"


@frozen(kw_only=True)
class Coupon:
    """A discount. How often it was used is the store's knowledge.

    `discount_value` is percent, or dollars; `currency` is kept and never read. `payment_method`
    None means any. Codes are compared exactly. Both ends of its time are inside.
    """

    code: CouponCode
    discount_type: DiscountType
    discount_value: Decimal = field(validator=validators.instance_of(Decimal))
    currency: str = ""
    scope: Scope = Scope.ALL
    product_ids: tuple[ProductId, ...] = field(default=(), converter=_distinct)
    payment_method: str | None = None
    auto_apply: bool = False
    applies_at: AppliesAt | None = None
    usage_limit: int | None = None
    starts_at: datetime | None = field(default=None, validator=_aware_or_none)
    expires_at: datetime | None = field(default=None, validator=_aware_or_none)
    active: bool = True
    metadata: Mapping[str, str] = field(factory=dict, converter=_frozen_texts, hash=False)
    created_at: datetime | None = field(default=None, validator=_aware_or_none)
    updated_at: datetime | None = field(default=None, validator=_aware_or_none)

    def covers(self, product: ProductId) -> bool:
        """Tell whether the coupon is for this product."""
        return self.scope is Scope.ALL or product in self.product_ids

    def takes(self, method: str) -> bool:
        """Tell whether the coupon is for this way to pay."""
        return self.payment_method is None or self.payment_method == method

    def state(self, now: datetime, used: int) -> CouponState | None:
        """Say why it cannot be used now, after `used` redemptions; None when it can.

        The first that holds of inactive, not started, expired, used up.
        """
        if not self.active:
            return CouponState.INACTIVE
        if self.starts_at is not None and now < self.starts_at:
            return CouponState.NOT_STARTED
        if self.expires_at is not None and now > self.expires_at:
            return CouponState.EXPIRED
        if self.usage_limit is not None and used >= self.usage_limit:
            return CouponState.USED_UP
        return None


def product_faults(product: Product) -> tuple[Fault, ...]:
    """Name all that is wrong with a product, in the order of its fields."""
    return tuple(Fault(field=name, message=text) for name, text in _product_faults(product))


def _product_faults(product: Product) -> Iterator[tuple[str, str]]:
    fault = product_id_fault(product.id)
    if fault is not None:
        yield "id", fault
    if product.fiat_price is None and product.crypto_price is None and not product.stripe_price_id:
        yield "price", "must have a fiat price, a crypto price or a Stripe price id"
    yield from _price_faults("fiat_price", product.fiat_price, AssetKind.FIAT)
    yield from _price_faults("crypto_price", product.crypto_price, AssetKind.SPL)
    if product.fiat_price is not None and product.fiat_price.minor > STRIPE_MOST_MINOR:
        yield "fiat_price", f"must not be more than {STRIPE_MOST_MINOR} minor units"
    yield from _subscription_faults(product.subscription)


def _price_faults(name: str, price: Money | None, kind: AssetKind) -> Iterator[tuple[str, str]]:
    if price is None:
        return
    if price.asset.kind is not kind:
        what = "a currency" if kind is AssetKind.FIAT else "a token"
        yield name, f"must be in {what}, not in {price.asset.code}"
    if price.minor < 0:
        yield name, "must not be negative"


def _subscription_faults(terms: SubscriptionTerms | None) -> Iterator[tuple[str, str]]:
    if terms is None:
        return
    if terms.billing_interval < 1:
        yield "subscription.billing_interval", "must be at least 1"
    if terms.trial_days < 0:
        yield "subscription.trial_days", "must not be negative"
    if terms.grace_period_hours < 0:
        yield "subscription.grace_period_hours", "must not be negative"


def coupon_faults(coupon: Coupon) -> tuple[Fault, ...]:
    """Name all that is wrong or inconsistent with a coupon, in the order of its fields."""
    return tuple(Fault(field=name, message=text) for name, text in _coupon_faults(coupon))


def _coupon_faults(coupon: Coupon) -> Iterator[tuple[str, str]]:
    fault = coupon_code_fault(coupon.code)
    if fault is not None:
        yield "code", fault
    yield from _discount_faults(coupon)
    yield from _scope_faults(coupon)
    if coupon.auto_apply and coupon.applies_at is None:
        yield "applies_at", "is required for a coupon that applies by itself"
    if coupon.usage_limit is not None and coupon.usage_limit < 0:
        yield "usage_limit", "must not be negative"
    if coupon.starts_at and coupon.expires_at and coupon.expires_at < coupon.starts_at:
        yield "expires_at", "must not be before starts_at"


def _discount_faults(coupon: Coupon) -> Iterator[tuple[str, str]]:
    value = coupon.discount_value
    if not value.is_finite():
        yield "discount_value", "must be a number"
    elif coupon.discount_type is DiscountType.PERCENTAGE and not 0 < value <= 100:
        yield "discount_value", "must be more than 0 and at most 100 percent"
    elif coupon.discount_type is DiscountType.FIXED and not 0 <= value <= FIXED_MOST:
        yield "discount_value", f"must be 0 to {FIXED_MOST}"


def _scope_faults(coupon: Coupon) -> Iterator[tuple[str, str]]:
    if coupon.applies_at is AppliesAt.CATALOG and coupon.scope is not Scope.SPECIFIC:
        yield "scope", "must be specific for a coupon of the catalog"
    if coupon.applies_at is AppliesAt.CHECKOUT and coupon.scope is not Scope.ALL:
        yield "scope", "must be all for a coupon of the checkout"
    if coupon.scope is Scope.SPECIFIC and not coupon.product_ids:
        yield "product_ids", "must name at least one product for a specific coupon"
