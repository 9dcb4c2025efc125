"""Stripe's own prices: what they come to, remembered for a while since amounts never change."""

from datetime import datetime, timedelta
from typing import Final

from attrs import define, field, frozen

from tillway.adapters.stripe.answers import Fields
from tillway.adapters.stripe.client import Api, segment
from tillway.core.assets import Assets
from tillway.core.catalog import BillingPeriod, SubscriptionTerms
from tillway.core.money import Money
from tillway.core.ports.clock import Clock

REMEMBERED: Final = timedelta(minutes=5)
"""A price's amount is fixed, but it can be switched off."""

MOST_REMEMBERED: Final = 1_000


@frozen(kw_only=True)
class Price:
    """A price. ``unit`` is None where it is not one amount for one piece (tiers, buyer's choice).

    ``period`` is None for what is paid once.
    """

    id: str
    active: bool
    unit: Money | None
    period: BillingPeriod | None = None
    interval: int = 1

    def is_for(self, terms: SubscriptionTerms | None) -> bool:
        """Tell whether it is charged as often as these terms say; None is once."""
        if terms is None:
            return self.period is None
        return (self.period, self.interval) == (terms.billing_period, terms.billing_interval)


def read_price(fields: Fields, assets: Assets) -> Price:
    """Read a price, of a currency that we know or not."""
    recurring = fields.inner("recurring")
    return Price(
        id=fields.need_ref("id"),
        active=fields.flag("active"),
        unit=_unit(fields, assets),
        period=None if recurring is None else read_period(recurring),
        interval=1 if recurring is None else recurring.whole("interval_count") or 1,
    )


def read_period(fields: Fields) -> BillingPeriod:
    """Read how often something is charged."""
    return fields.word("interval", BillingPeriod)


def _unit(fields: Fields, assets: Assets) -> Money | None:
    known = any(one.stripe == fields.text("currency") for one in assets)
    if not known or not fields.has("unit_amount") or fields.text("billing_scheme") == "tiered":
        return None
    return fields.money("unit_amount", fields.asset(assets))


@define(kw_only=True)
class Prices:
    """Prices by their ids."""

    api: Api = field(repr=False)
    assets: Assets = field(repr=False)
    clock: Clock = field(repr=False)
    _known: dict[str, tuple[datetime, Price | None]] = field(factory=dict, init=False, repr=False)

    async def get(self, price_id: str) -> Price | None:
        """Give a price as it was at most a few minutes ago; None if there is none of that id."""
        now = self.clock.now()
        known = self._known.get(price_id)
        if known is not None and now - known[0] < REMEMBERED:
            return known[1]
        found = await self.ask(price_id)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[price_id] = (now, found)
        return found

    async def ask(self, price_id: str) -> Price | None:
        """Give a price as it is now."""
        return await self.api.find(
            "prices.retrieve",
            f"/v1/prices/{segment(price_id)}",
            {},
            lambda fields: read_price(fields, self.assets),
        )
