"""How subscriptions look to clients of the Cedros routes."""

from collections.abc import Mapping
from datetime import datetime

from tillway.core.catalog import PriceKind, Product, SubscriptionTerms
from tillway.core.intervals import CUSTOM, Interval, days_of, interval_of
from tillway.core.money import Money
from tillway.core.periods import later
from tillway.core.subscription_moves import NEXT, X402
from tillway.core.subscriptions import Subscription, SubscriptionState
from tillway.entrypoints.http.apis.cedros.texts import moment, seconds

_DAY = 86_400


def status_word(state: SubscriptionState) -> str:
    """Give the word of the wire, which spells one of them otherwise."""
    return "canceled" if state is SubscriptionState.CANCELLED else state.value


def period_shown(terms: SubscriptionTerms, asked: Interval, now: datetime) -> Mapping[str, object]:
    """Write the period that would begin now."""
    count = terms.billing_interval
    days = {"intervalDays": asked.days} if asked.name == CUSTOM else {}
    return {
        "interval": asked.name,
        **days,
        "durationSeconds": days_of(terms.billing_period, count) * _DAY,
        "periodStart": seconds(now),
        "periodEnd": seconds(later(now, terms.billing_period, count)),
    }


def interval_shown(subscription: Subscription) -> Mapping[str, object]:
    """Write how often it is billed."""
    named = interval_of(subscription.billing_period, subscription.billing_interval)
    days = {"intervalDays": named.days} if named.days else {}
    return {"interval": named.name, **days}


def details(subscription: Subscription, product: Product | None) -> Mapping[str, object]:
    """Write all that a client may know of it."""
    price = price_of(subscription.method, product)
    body: dict[str, object] = {
        "id": subscription.id,
        "resource": subscription.product,
        "status": status_word(subscription.state),
        **interval_shown(subscription),
        **priced(price),
        "cancelAtPeriodEnd": subscription.cancel_at_period_end,
        "currentPeriodStart": moment(subscription.period_start),
        "currentPeriodEnd": moment(subscription.period_end),
        "createdAt": moment(subscription.created_at),
        "paymentMethod": subscription.method,
    }
    if subscription.trial_end is not None:
        body["trialEnd"] = moment(subscription.trial_end)
    if subscription.stripe_customer is not None:
        body["customerId"] = subscription.stripe_customer
    if NEXT in subscription.metadata:
        body["nextResource"] = subscription.metadata[NEXT]
    return body


def price_of(method: str, product: Product | None) -> Money | None:
    """Give what a period costs now by the way in which it is paid."""
    if product is None:
        return None
    return product.price(PriceKind.CRYPTO if method == X402 else PriceKind.FIAT)


def priced(price: Money | None) -> Mapping[str, object]:
    """Write a price in its smallest units."""
    if price is None:
        return {"pricePerPeriod": 0, "currency": ""}
    return {"pricePerPeriod": price.minor, "currency": currency(price)}


def currency(price: Money) -> str:
    """Name a price's currency as clients do: stripe's word for it, or the token's code."""
    return price.asset.stripe or price.asset.code


def activated(subscription: Subscription) -> Mapping[str, object]:
    """Write a subscription that was paid for, in the names of all clients."""
    start, end = moment(subscription.period_start), moment(subscription.period_end)
    return {
        "success": True,
        "subscriptionId": subscription.id,
        "productId": subscription.product,
        "resource": subscription.product,
        "wallet": subscription.subscriber,
        "status": status_word(subscription.state),
        "currentPeriodStart": start,
        "currentPeriodEnd": end,
        "periodStart": start,
        "periodEnd": end,
        "billingPeriod": subscription.billing_period.value,
        "billingInterval": subscription.billing_interval,
    }
