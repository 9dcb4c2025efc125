"""Subscriptions: read as they stand, changed, ended, taken back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from attrs import define, field, frozen

from tillway.adapters.stripe.answers import Fields, Misshapen
from tillway.adapters.stripe.client import Api, key_of, segment
from tillway.adapters.stripe.config import StripeConfig
from tillway.adapters.stripe.errors import Refused
from tillway.adapters.stripe.hosts import refuse_elsewhere
from tillway.adapters.stripe.lines import named, priced
from tillway.adapters.stripe.metadata import CHECKOUT, written
from tillway.adapters.stripe.preview import read_preview
from tillway.adapters.stripe.prices import Prices, read_period, read_price
from tillway.core.errors import Code, Declined
from tillway.core.money import Money
from tillway.core.ports.clock import Clock
from tillway.core.ports.hosting import HostedSubscription, PlanChange, Preview
from tillway.core.subscriptions import SubscriptionState

_PATH: Final = "/v1/subscriptions"

STATES: Final[Mapping[str, SubscriptionState]] = {
    "active": SubscriptionState.ACTIVE,
    "trialing": SubscriptionState.TRIALING,
    "past_due": SubscriptionState.PAST_DUE,
    "canceled": SubscriptionState.CANCELLED,
    "unpaid": SubscriptionState.EXPIRED,
    "incomplete": SubscriptionState.EXPIRED,
    "incomplete_expired": SubscriptionState.EXPIRED,
    # A trial that ended without a card: nothing is billed until it is resumed.
    "paused": SubscriptionState.PAST_DUE,
}
"""The contract's words for Stripe's; what Stripe may add later counts as active there."""


def read_subscription(fields: Fields) -> HostedSubscription:
    """Read a subscription, with its period on its items or, as it was before, on itself."""
    item = _item(fields)
    price = item.need("price")
    recurring = price.need("recurring")
    metadata = fields.texts("metadata")
    period_end = _moved(item, fields, "current_period_end")
    return HostedSubscription(
        id=fields.need_ref("id"),
        state=STATES.get(fields.need_text("status"), SubscriptionState.ACTIVE),
        reference=metadata.get(CHECKOUT),
        price_id=price.need_ref("id"),
        period=read_period(recurring),
        interval=recurring.whole("interval_count") or 1,
        period_start=_moved(item, fields, "current_period_start"),
        period_end=period_end,
        cancel_at_period_end=_ends_with(fields, period_end),
        customer=fields.ref("customer"),
        trial_end=fields.time("trial_end"),
        ended_at=fields.time("ended_at"),
        metadata=metadata,
    )


def _ends_with(fields: Fields, period_end: datetime) -> bool:
    """Tell whether it ends with its period: by the flag, or at a time that was set elsewhere."""
    ends = fields.time("cancel_at")
    return fields.flag("cancel_at_period_end") or (ends is not None and ends <= period_end)


def _item(fields: Fields) -> Fields:
    for item in fields.each("items"):
        return item
    raise Misshapen(fields.at("items"), "has nothing in it")


def _moved(item: Fields, fields: Fields, name: str) -> datetime:
    return item.time(name) or fields.need_time(name)


@define(kw_only=True)
class Subscriptions:
    """Changes subscriptions. The laws are those of `HostsSubscriptions`."""

    api: Api = field(repr=False)
    config: StripeConfig
    clock: Clock = field(repr=False)
    prices: Prices = field(repr=False)

    async def get(self, subscription: str) -> HostedSubscription | None:
        """Give a subscription as it stands."""
        return await self.api.find(
            "subscriptions.retrieve", _path(subscription), {}, read_subscription
        )

    async def change(self, change: PlanChange) -> HostedSubscription:
        """Put a subscription on another plan at once."""
        item = await self._standing(change.subscription)
        price = await self._usable(change) or await self._made(change)
        params = {
            "items": [{"id": item.id, "price": price, "quantity": change.plan.quantity}],
            "proration_behavior": change.proration.value,
            "metadata": dict(written(change.metadata, {})),
        }
        return await self._write("change", change.subscription, params, change.key)

    async def preview(self, change: PlanChange) -> Preview:
        """Ask for the invoice that a change would make, without making it."""
        item = await self._standing(change.subscription)
        price = await self._usable(change)
        planned: dict[str, Any] = {"id": item.id, "quantity": change.plan.quantity}
        if price is None:
            planned["price_data"] = {**priced(_unit(change), change.terms), "product": item.product}
        else:
            planned["price"] = price
        details = {"items": [planned], "proration_behavior": change.proration.value}
        return await self.api.read(
            "invoices.create_preview",
            "/v1/invoices/create_preview",
            {"subscription": change.subscription, "subscription_details": details},
            lambda fields: read_preview(fields, self.config.assets, self.clock.now()),
            method="post",
        )

    async def cancel(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> HostedSubscription:
        """End a subscription now, or have it end with its period."""
        if at_period_end:
            return await self._write("end", subscription, {"cancel_at_period_end": True}, key)
        try:
            return await self._write("cancel", subscription, {}, key, method="delete")
        except Refused:
            # What has ended already cannot be ended, and is as it was asked to be.
            found = await self.get(subscription)
            if found is None or found.state is not SubscriptionState.CANCELLED:
                raise
            return found

    async def reactivate(self, subscription: str, *, key: str) -> HostedSubscription:
        """Take back that a subscription ends with its period."""
        goes_on = {"cancel_at_period_end": False}
        found = await self._write("reactivate", subscription, goes_on, key)
        if found.cancel_at_period_end:
            # Stripe's portal sets a time instead, which this flag does not take away.
            found = await self._write("unset", subscription, {"cancel_at": ""}, key)
        return found

    async def portal(self, customer: str, return_url: str, key: str) -> str:
        """Give the address of the customer's own page; each call gives another."""
        refuse_elsewhere(return_url, self.config.hosts, "returnUrl")
        return await self.api.write(
            "billing_portal.sessions.create",
            "/v1/billing_portal/sessions",
            {"customer": customer, "return_url": return_url},
            lambda fields: fields.need_text("url"),
            key=key,
        )

    async def _write(
        self,
        verb: str,
        subscription: str,
        params: Mapping[str, Any],
        key: str,
        method: str = "post",
    ) -> HostedSubscription:
        return await self.api.write(
            f"subscriptions.{verb}",
            _path(subscription),
            params,
            read_subscription,
            key=key_of(verb, key),
            method=method,
        )

    async def _standing(self, subscription: str) -> "_Standing":
        found = await self.api.find(
            "subscriptions.retrieve", _path(subscription), {}, _read_standing
        )
        if found is None:
            raise Declined(Code.RESOURCE_NOT_FOUND, "Subscription not found")
        return found

    async def _usable(self, change: PlanChange) -> str | None:
        """Give Stripe's own price of a plan, if that is charged as often and comes to the same."""
        plan = change.plan
        price = await self.prices.get(plan.price_id) if plan.price_id else None
        if price is None or not price.active or not price.is_for(change.terms):
            return None
        return price.id if plan.unit in (None, price.unit) else None

    async def _made(self, change: PlanChange) -> str:
        """Make a price of ours: a running subscription takes no other."""
        params = {
            **priced(_unit(change), change.terms),
            "product_data": {"name": named(change.plan, "Subscription")},
        }
        made = await self.api.write(
            "prices.create",
            "/v1/prices",
            params,
            lambda fields: read_price(fields, self.config.assets),
            key=key_of("price", change.key),
        )
        return made.id


@frozen(kw_only=True)
class _Standing:
    """What a subscription is on: its item, and the product of that."""

    id: str
    product: str


def _read_standing(fields: Fields) -> _Standing:
    item = _item(fields)
    return _Standing(id=item.need_ref("id"), product=item.need("price").need_ref("product"))


def _unit(change: PlanChange) -> Money:
    unit = change.plan.unit
    if unit is None or unit.asset.stripe is None:
        raise Declined(Code.INVALID_RESOURCE, "The plan has no price that can be paid by card.")
    return unit


def _path(subscription: str) -> str:
    return f"{_PATH}/{segment(subscription)}"
