"""Products and coupons as the operator's settings define them."""

from collections.abc import Iterable, Sequence

from tillway.core.assets import Assets
from tillway.core.catalog import (
    AppliesAt,
    BillingPeriod,
    Coupon,
    DiscountType,
    Product,
    Scope,
    SubscriptionTerms,
    product_faults,
)
from tillway.core.ids import CouponCode, ProductId
from tillway.core.money import Money
from tillway.entrypoints.settings.faults import Fault, SettingsError
from tillway.plugins.settings.coupons import CouponEntry
from tillway.plugins.settings.paywall import Resource, SubscriptionPlan


def products_of(resources: Iterable[Resource], assets: Assets) -> Sequence[Product]:
    """Give the products; SettingsError names all that are faulty by their key path."""
    products = products_from(resources, assets)
    faults = [
        Fault(key=f"paywall.resources.{product.id}.{fault.field}", message=fault.message)
        for product in products
        for fault in product_faults(product)
    ]
    if faults:
        raise SettingsError(tuple(faults))
    return products


def products_from(resources: Iterable[Resource], assets: Assets) -> Sequence[Product]:
    """Give the products, faulty ones too."""
    return [_product(resource, assets) for resource in resources]


def coupons_of(entries: Iterable[CouponEntry]) -> Sequence[Coupon]:
    """Give the coupons. The settings have refused the inconsistent ones already."""
    return [_coupon(entry) for entry in entries]


def _product(resource: Resource, assets: Assets) -> Product:
    return Product(
        id=ProductId(resource.resource_id),
        description=resource.description,
        fiat_price=_money(resource.fiat_amount_cents, resource.fiat_currency.upper(), assets),
        stripe_price_id=resource.stripe_price_id,
        crypto_price=_money(resource.crypto_atomic_amount, resource.crypto_token, assets),
        crypto_account=resource.crypto_account,
        memo_template=resource.memo_template,
        metadata=resource.metadata,
        subscription=_subscription(resource.subscription),
    )


def _money(minor: int, code: str, assets: Assets) -> Money | None:
    return Money(minor, assets.by_code(code)) if minor else None


def _subscription(plan: SubscriptionPlan | None) -> SubscriptionTerms | None:
    if plan is None:
        return None
    return SubscriptionTerms(
        billing_period=BillingPeriod(plan.billing_period),
        billing_interval=plan.billing_interval,
        trial_days=plan.trial_days,
        stripe_price_id=plan.stripe_price_id,
        allow_x402=plan.allow_x402,
        grace_period_hours=plan.grace_period_hours,
    )


def _coupon(entry: CouponEntry) -> Coupon:
    return Coupon(
        code=CouponCode(entry.code),
        discount_type=DiscountType(entry.discount_type),
        discount_value=entry.discount_value,
        currency=entry.currency,
        scope=Scope(entry.scope),
        product_ids=tuple(ProductId(each) for each in entry.product_ids),
        payment_method=entry.payment_method or None,
        auto_apply=entry.auto_apply,
        applies_at=AppliesAt(entry.applies_at) if entry.applies_at else None,
        usage_limit=_uses_left(entry),
        starts_at=entry.starts_at,
        expires_at=entry.expires_at,
        active=entry.active,
        metadata=entry.metadata,
    )


def _uses_left(entry: CouponEntry) -> int | None:
    """Give the limit of what the store counts: it knows nothing of uses before its time."""
    if entry.usage_limit is None:
        return None
    return max(0, entry.usage_limit - entry.usage_count)
