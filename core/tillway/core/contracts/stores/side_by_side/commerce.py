"""Calls of the catalogue, carts, refunds, subscriptions and checkouts."""

from typing import Final

from attrs import evolve
from hypothesis import strategies as st

from tillway.core.assets import EUR, USDC
from tillway.core.checkouts import UNPAID, Checkout, CheckoutState
from tillway.core.contracts.samples import (
    cart,
    checkout,
    coupon,
    product,
    quote_key,
    refund,
    subscription,
)
from tillway.core.contracts.stores.side_by_side.calls import (
    NAMES,
    TIMES,
    call,
    few,
    limits,
    some,
    tenants,
    times,
)
from tillway.core.contracts.stores.side_by_side.payments import shares
from tillway.core.ids import ProductId
from tillway.core.money import Money
from tillway.core.refunds import Refund, RefundState
from tillway.core.subscriptions import RUNNING, Subscription, SubscriptionState
from tillway.core.tenancy import DEFAULT, Tenant

PURCHASES: Final = ("signature-a", "signature-b")
SUBSCRIBERS: Final = ("wallet-1", "wallet-2")
MOST_REFUNDED: Final = 100

_principals: Final = st.sampled_from(("user-1", "user-2"))
_carts: Final = st.builds(
    lambda name, tenant, principal, at, expires: evolve(
        cart(name, tenant, principal), created_at=at, expires_at=expires
    ),
    few,
    tenants,
    _principals,
    times,
    times,
)
_cart_ids: Final = few.map(lambda name: cart(name).id)
_CARTS: Final = (
    call("carts.add", _carts),
    call(
        "carts.pay",
        tenants,
        _cart_ids,
        st.sampled_from(PURCHASES),
        _principals,
        times,
    ),
    call("carts.reverse", tenants, _cart_ids, st.sampled_from(PURCHASES)),
    call("carts.purge", times, limits),
)
_CART_READS: Final = (
    call("carts.get", tenants, _cart_ids),
    call("carts.unpaid", tenants, _principals, times),
)


def refund_of(
    name: str,
    tenant: Tenant = DEFAULT,
    state: RefundState = RefundState.PENDING,
    more: int = 0,
) -> Refund:
    """Give a refund of this name: two of a purchase come to what was paid for it."""
    place = NAMES.index(name)
    return evolve(
        refund(name, 60 - place % 2 * 20 + more, tenant, PURCHASES[place // 4]),
        created_at=TIMES[place // 3],
        expires_at=TIMES[place % 3],
        state=state,
    )


_refunds: Final = st.builds(
    refund_of,
    few,
    tenants,
    st.sampled_from((RefundState.PENDING, RefundState.PENDING, *RefundState)),
    st.sampled_from((*[0] * 12, 20, -60)),
)
_refund_states: Final = some(*RefundState)
_REFUNDS: Final = (
    call(
        "refunds.add",
        _refunds,
        st.sampled_from((*[Money(MOST_REFUNDED, USDC)] * 5, Money(50, USDC), Money(9, EUR))),
    ),
    call("refunds.move", _refunds, _refund_states),
    call("refunds.expire", times, limits),
)
_REFUND_READS: Final = (
    call("refunds.get", tenants, few.map(lambda name: refund(name).id)),
    call("refunds.of", tenants, st.sampled_from(PURCHASES)),
    call("refunds.listed", tenants, _refund_states, limits, st.one_of(st.none(), times)),
)


def subscription_of(
    name: str,
    tenant: Tenant = DEFAULT,
    state: SubscriptionState = SubscriptionState.ACTIVE,
    version: int = 0,
    stripe: str = "own",
) -> Subscription:
    """Give a subscription of this name."""
    place = NAMES.index(name)
    known = subscription(name, tenant, SUBSCRIBERS[place % 2], "book" if place > 3 else "article")
    return evolve(
        known,
        state=state,
        version=version,
        created_at=TIMES[place // 3],
        due_at=TIMES[place % 4] if state in RUNNING else None,
        stripe_subscription={"own": f"sub_{name}", "none": None}.get(stripe, stripe),
    )


_subscriptions: Final = st.builds(
    subscription_of,
    few,
    tenants,
    st.sampled_from((*SubscriptionState, SubscriptionState.ACTIVE)),
    st.sampled_from((0, 0, 1, 2)),
    st.sampled_from(("own", "own", "none", "sub_a")),
)
_subscribers: Final = st.sampled_from(SUBSCRIBERS)
_products: Final = st.sampled_from((ProductId("article"), ProductId("book")))
_SUBSCRIPTIONS: Final = (
    call("subscriptions.add", _subscriptions),
    call("subscriptions.replace", _subscriptions),
)
_SUBSCRIPTION_READS: Final = (
    call("subscriptions.get", tenants, few.map(lambda name: subscription(name).id)),
    call("subscriptions.by_stripe", tenants, few.map(lambda name: f"sub_{name}")),
    call("subscriptions.running", tenants, _subscribers, _products),
    call("subscriptions.of", tenants, _subscribers),
    call("subscriptions.listed", tenants, limits, st.one_of(st.none(), times)),
    call("subscriptions.due", times, limits),
)


def _checkout(name: str, tenant: Tenant, state: CheckoutState, session: str | None) -> Checkout:
    made = checkout(name, tenant, shares(name, tenant), session and f"cs_{session}")
    money = f"pi_{session}" if state is CheckoutState.PAID and session else None
    return evolve(made, state=state, expires_at=TIMES[NAMES.index(name) % 4], paid_with=money)


_checkouts: Final = st.builds(
    _checkout,
    few,
    tenants,
    st.sampled_from((*sorted(UNPAID), *sorted(UNPAID), *CheckoutState)),
    st.sampled_from((None, None, "a", "b")),
)
_CHECKOUTS: Final = (
    call("checkouts.add", _checkouts),
    call("checkouts.move", _checkouts, some(*CheckoutState)),
    call("checkouts.purge", times, limits),
)
_CHECKOUT_READS: Final = (
    call("checkouts.get", tenants, few.map(lambda name: checkout(name).id)),
    call("checkouts.by_session", tenants, st.just("stripe"), st.sampled_from(("cs_a", "cs_b"))),
    call("checkouts.by_payment", tenants, st.just("stripe"), st.sampled_from(("pi_a", "pi_b"))),
    call("checkouts.due", times, limits),
)

_CATALOGUE: Final = (
    call("products.put", tenants, st.builds(product, few, st.integers(1, 2)), times),
    call("products.remove", tenants, few.map(lambda name: product(name).id)),
    call("coupons.put", tenants, st.builds(coupon, few, limit=st.integers(1, 2))),
    call("coupons.remove", tenants, few.map(lambda name: coupon(name).code)),
    call("quote_keys.add", few.map(quote_key)),
    call("quote_keys.retire", few, times),
    call("quote_keys.revive", few),
)
_CATALOGUE_READS: Final = (
    call("products.all", tenants),
    call("coupons.all", tenants),
    call("products.get", tenants, few.map(lambda name: product(name).id)),
    call("coupons.get", tenants, few.map(lambda name: coupon(name).code)),
    call("quote_keys.all"),
)

CALLS: Final = st.one_of(*_CARTS, *_REFUNDS, *_SUBSCRIPTIONS, *_CHECKOUTS)
DEFINITIONS: Final = st.one_of(*_CATALOGUE)
READS: Final = st.one_of(
    *_CART_READS, *_REFUND_READS, *_SUBSCRIPTION_READS, *_CHECKOUT_READS, *_CATALOGUE_READS
)
