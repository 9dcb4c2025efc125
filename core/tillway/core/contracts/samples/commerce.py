"""Carts, refunds, subscriptions and checkouts: equal names give the same ids."""

from datetime import timedelta
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from tillway.core.assets import USD, USDC
from tillway.core.carts import Cart, CartItem
from tillway.core.catalog import BillingPeriod
from tillway.core.checkouts import Checkout, CheckoutId
from tillway.core.contracts.samples.payments import NOW, purchase
from tillway.core.ids import CartId, ProductId, RefundId, SubscriptionId
from tillway.core.money import Money
from tillway.core.payments import Reservation
from tillway.core.refunds import Refund
from tillway.core.subscriptions import Subscription, SubscriptionState
from tillway.core.tenancy import DEFAULT, Tenant

TERM: Final = timedelta(minutes=15)
"""How long carts, pending refunds and checkouts live."""

MONTH: Final = timedelta(days=30)


def cart(name: str, tenant: Tenant = DEFAULT, principal: str = "user-1") -> Cart:
    """Give an open cart of two lines."""
    lines = (
        CartItem(
            resource="article",
            quantity=2,
            price=Money(50_000, USDC),
            metadata={"colour": "blue"},
        ),
        CartItem(resource="book", quantity=1, price=Money(20_000, USDC)),
    )
    return Cart(
        id=CartId(f"cart_{name}"),
        tenant=tenant,
        items=lines,
        total=Money(120_000, USDC),
        created_at=NOW,
        expires_at=NOW + TERM,
        principal=principal,
        coupons=("SPRING",),
        metadata={"order": "17"},
    )


def refund(
    name: str, minor: int = 10, tenant: Tenant = DEFAULT, purchase: str = "signature-a"
) -> Refund:
    """Give a pending refund of some of a purchase."""
    return Refund(
        id=RefundId(f"refund_{name}"),
        tenant=tenant,
        purchase=purchase,
        recipient="payer-wallet",
        amount=Money(minor, USDC),
        created_at=NOW,
        expires_at=NOW + TERM,
        reason="broken",
        metadata={"ticket": "4"},
    )


def subscription(
    name: str,
    tenant: Tenant = DEFAULT,
    subscriber: str = "payer-wallet",
    product: str = "article",
    state: SubscriptionState = SubscriptionState.ACTIVE,
) -> Subscription:
    """Give a monthly subscription that Stripe knows too."""
    return Subscription(
        id=SubscriptionId(str(uuid5(NAMESPACE_URL, name))),
        tenant=tenant,
        product=ProductId(product),
        subscriber=subscriber,
        method="stripe",
        billing_period=BillingPeriod.MONTH,
        billing_interval=1,
        state=state,
        period_start=NOW,
        period_end=NOW + MONTH,
        created_at=NOW,
        updated_at=NOW,
        due_at=NOW + MONTH,
        trial_end=NOW + TERM,
        stripe_customer="cus_1",
        stripe_subscription=f"sub_{name}",
        metadata={"plan": "gold"},
    )


def checkout(
    name: str,
    tenant: Tenant = DEFAULT,
    reservations: tuple[Reservation, ...] = (),
    session: str | None = None,
) -> Checkout:
    """Give a checkout whose session is being asked for, or is known."""
    return Checkout(
        id=CheckoutId(f"checkout_{name}"),
        tenant=tenant,
        provider="stripe",
        purchase=purchase(tenant),
        amount=Money(1_000, USD),
        created_at=NOW,
        expires_at=NOW + TERM,
        reservations=reservations,
        metadata={"order": "17"},
        session=session,
    )
