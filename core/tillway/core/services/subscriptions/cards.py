"""Sell subscriptions on a provider's page: it bills them from then on, and tells us."""

from collections.abc import Mapping
from typing import Final

from attrs import define, evolve, frozen

from tillway.core.catalog import PriceKind, Product, SubscriptionTerms
from tillway.core.checkouts import Checkout
from tillway.core.errors import Code, Declined
from tillway.core.ids import ProductId
from tillway.core.intervals import Interval, refuse_other_interval
from tillway.core.money import Money
from tillway.core.payments import Asked, Phase, Purchase, Reservation
from tillway.core.ports.hosting import HostsCheckout, OrderLine
from tillway.core.ports.rails import Destination
from tillway.core.services.hosted.cards import Buyer
from tillway.core.services.hosted.checkouts import Checkouts, Wanted
from tillway.core.services.paying.quote import PricedQuote, Quoting
from tillway.core.services.paying.refusals import TRIAL_HAD
from tillway.core.services.paying.terms import Terms
from tillway.core.services.subjects import Ware
from tillway.core.services.subscriptions.bills import TRIAL, trial_key
from tillway.core.services.subscriptions.periods import (
    BILLED,
    DISABLED,
    plan_at,
    purchase_of,
)
from tillway.core.tenancy import Tenant

NO_PRICE: Final = "resource has no Stripe price ID configured"


@frozen(kw_only=True)
class _Sold:
    product: Product
    terms: SubscriptionTerms


@frozen(kw_only=True)
class Offered:
    """A plan as it is sold by card: ``first`` is due for the first period, ``price`` for the rest.

    Both are None where only the provider knows. Nothing is due during a trial.
    """

    terms: SubscriptionTerms
    price: Money | None
    first: Money | None


@define(kw_only=True)
class CardPlans:
    """Open checkouts for subscriptions.

    A trial is the product's, and once for a customer, who is told again by his address of
    electronic mail. Where it is known that he has had one he is not offered a second. Until a
    session is paid that is nobody's word but the asker's, who may have named another's address:
    it takes nothing from him. Of trials that are begun after all, all but the first are ended as
    soon as they are heard of.
    """

    quoting: Quoting
    terms: Terms
    checkouts: Checkouts
    enabled: bool

    async def open(
        self,
        tenant: Tenant,
        resource: str,
        interval: Interval,
        coupon: str | None,
        buyer: Buyer,
        asked: Asked,
    ) -> Checkout:
        """Open a checkout; errors are those of `Checkouts.open`, and the contract's."""
        if not self.enabled:
            raise Declined(Code.INVALID_FIELD, DISABLED)
        sold = await self._sold(tenant, resource)
        refuse_other_interval(interval, sold.terms)
        rail = self.checkouts.rail()
        wanted = await self._wanted(rail, tenant, sold, coupon, buyer)
        if not sold.terms.trial_days:
            return await self.checkouts.open(wanted, asked)
        if not buyer.email:
            return await self.checkouts.open(_tried(wanted, sold), asked)
        trial = trial_of(tenant, sold.product.id, buyer.email)
        if await self._was_had(trial):
            return await self.checkouts.open(wanted, asked)
        try:
            return await self.checkouts.open(_tried(wanted, sold, trial), asked)
        except Declined as refusal:
            if refusal.reason != TRIAL_HAD:
                raise
            return await self.checkouts.open(wanted, asked)

    async def offered(self, tenant: Tenant, resource: str, coupon: str | None) -> Offered:
        """Tell what a plan costs, and write nothing. Declined for what `open` refuses.

        Whether the trial was had before is not asked: nobody has said who he is.
        """
        if not self.enabled:
            raise Declined(Code.INVALID_FIELD, DISABLED)
        sold, rail = await self._sold(tenant, resource), self.checkouts.rail()
        if sold.terms.trial_days:
            coupon = None  # none comes off a trial
        wanted = await self._wanted(rail, tenant, sold, coupon, Buyer())
        self.checkouts.refuse_too_little(wanted.amount)
        unit = wanted.lines[0].unit
        first = unit if sold.terms.trial_days else wanted.amount
        return Offered(terms=sold.terms, price=unit, first=first)

    async def _sold(self, tenant: Tenant, resource: str) -> _Sold:
        product, terms = await plan_at(self.quoting.catalogue, tenant, resource)
        sold = _Sold(product=product, terms=terms)
        if not _price_id(sold) and product.price(PriceKind.FIAT) is None:
            raise Declined(Code.INVALID_FIELD, NO_PRICE, field="resource")
        return sold

    async def _wanted(
        self, rail: HostsCheckout, tenant: Tenant, sold: _Sold, coupon: str | None, buyer: Buyer
    ) -> Wanted:
        purchase = purchase_of(tenant, sold.product.id, sold.terms, coupon)
        purchase = evolve(purchase, inputs={**purchase.inputs, BILLED: rail.name})
        ware = Ware(product=sold.product, metadata=sold.product.metadata)
        priced = await self._priced(rail, ware, purchase)
        return Wanted(
            purchase=purchase,
            lines=(_line(sold, priced),),
            amount=None if priced is None else priced.quote.amount,
            discount=_discount(priced),
            reservations=()
            if priced is None
            else self.terms.agreed(priced.quote, ours=False, ware=ware).reservations,
            metadata=sold.product.metadata,
            wishes=buyer.metadata,
            shown=_shown(purchase, sold),
            success_url=buyer.success_url,
            cancel_url=buyer.cancel_url,
            customer_email=buyer.email,
            terms=sold.terms,
        )

    async def _priced(
        self, rail: HostsCheckout, ware: Ware, purchase: Purchase
    ) -> PricedQuote | None:
        """Price the first period; None where only the provider knows the price."""
        price = ware.product.price(PriceKind.FIAT)
        if price is None:
            return None
        to = Destination(network=rail.name, pay_to=rail.name, price=price)
        return await self.quoting.priced(ware, to, rail.method, purchase)

    async def _was_had(self, trial: Reservation) -> bool:
        async with self.quoting.store.view(once=True) as view:
            had = await view.tallies.totals(trial.tenant, [trial.name])
        return bool(had.get(trial.name))


def trial_of(tenant: Tenant, product: ProductId, email: str) -> Reservation:
    """Give what a customer's one trial of a product takes: nothing before it has begun."""
    return Reservation(
        name=f"trial:{trial_key(product, email)}",
        amount=1,
        limit=1,
        counts=frozenset({Phase.SETTLED}),
        tenant=tenant,
    )


def _tried(wanted: Wanted, sold: _Sold, *takes: Reservation) -> Wanted:
    """Have it begin with the trial: nothing is due then, and no coupon is used up for it."""
    purchase, days = wanted.purchase, sold.terms.trial_days
    inputs = {**purchase.inputs, TRIAL: str(days)}
    price = wanted.amount
    return evolve(
        wanted,
        purchase=evolve(purchase, inputs=inputs, coupon=None),
        amount=None if price is None else Money.zero(price.asset),
        discount=None,
        reservations=takes,
        trial_days=days,
    )


def _price_id(sold: _Sold) -> str:
    return sold.terms.stripe_price_id or sold.product.stripe_price_id


def _line(sold: _Sold, priced: PricedQuote | None) -> OrderLine:
    return OrderLine(
        description=sold.product.description or sold.product.id,
        unit=None if priced is None else priced.priced.original,
        price_id=_price_id(sold),
    )


def _discount(priced: PricedQuote | None) -> Money | None:
    if priced is None:
        return None
    off = priced.priced.original - priced.priced.total
    return off if off.minor else None


def _shown(purchase: Purchase, sold: _Sold) -> Mapping[str, str]:
    """Give what the contract notes on a session, in its words."""
    return {
        "resource_id": purchase.resource,
        "resource": purchase.resource,
        "interval": sold.terms.billing_period.value,
        "subscription": "true",
    }
