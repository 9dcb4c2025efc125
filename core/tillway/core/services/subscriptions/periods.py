"""Subscriptions as something that is paid for by proof: one period at a time, by whoever has it."""

from collections.abc import Mapping
from typing import Final

from attrs import define, field

from tillway.core.catalog import BillingPeriod, Product, SubscriptionTerms
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.ids import ProductId, new_subscription_id, product_id_fault
from tillway.core.payments import Payment, Purchase
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.store import UnitOfWork
from tillway.core.quotes import Purpose
from tillway.core.services.subjects import Ware, absent
from tillway.core.services.subscriptions.known import TRIES, rewrite, write
from tillway.core.services.subscriptions.returns import Returns
from tillway.core.subscription_moves import (
    NEXT,
    X402,
    Plan,
    begun,
    extended,
    is_over,
    lapsed,
)
from tillway.core.subscriptions import Subscription
from tillway.core.tenancy import Tenant

BILLED: Final = "billed"
"""The input of a purchase that says that a provider bills it: what its news say is written."""

_PERIOD: Final = "period"
_INTERVAL: Final = "interval"

NOT_CONFIGURED: Final = "resource is not configured for subscriptions"
NOT_X402: Final = "product does not allow x402 subscriptions"
DISABLED: Final = "subscriptions not enabled"


def purchase_of(
    tenant: Tenant, product: ProductId, terms: SubscriptionTerms, coupon: str | None = None
) -> Purchase:
    """Give the purchase of one period of a product. Its quote fixes the period too."""
    return Purchase(
        tenant=tenant,
        purpose=Purpose.SUBSCRIPTION,
        resource=product,
        inputs=inputs_of(terms.billing_period, terms.billing_interval),
        coupon=coupon,
    )


def inputs_of(period: BillingPeriod, interval: int) -> Mapping[str, str]:
    """Give the inputs of a purchase that say which period it pays for."""
    return {_PERIOD: period.value, _INTERVAL: str(interval)}


def plan_of(purchase: Purchase) -> Plan:
    """Give what a purchase of a period pays for."""
    return Plan(
        product=ProductId(purchase.resource),
        period=BillingPeriod(purchase.inputs[_PERIOD]),
        interval=int(purchase.inputs[_INTERVAL]),
    )


async def plan_at(
    catalogue: Catalogue, tenant: Tenant, resource: str
) -> tuple[Product, SubscriptionTerms]:
    """Give what is sold by subscription under a name; Declined if nothing is, or not so."""
    known = ProductId(resource)
    found = None if product_id_fault(resource) else await catalogue.product(tenant, known)
    if found is None:
        details = {"resource": resource}
        raise Declined(Code.RESOURCE_NOT_FOUND, "Resource not found", details=details)
    return found, _subscribed(found)


def terms_of(product: Product) -> SubscriptionTerms:
    """Give the terms on which a product is paid for by proof; Declined if it is not."""
    terms = _subscribed(product)
    if not terms.allow_x402:
        raise Declined(Code.INVALID_FIELD, NOT_X402, field="resource")
    return terms


def _subscribed(product: Product) -> SubscriptionTerms:
    if product.subscription is None:
        raise Declined(Code.INVALID_FIELD, NOT_CONFIGURED, field="resource")
    return product.subscription


@define(kw_only=True)
class Periods:
    """Periods of subscriptions, at the prices of now."""

    catalogue: Catalogue
    clock: Clock
    random: Random
    enabled: bool
    purpose: Purpose = field(default=Purpose.SUBSCRIPTION, init=False)
    writes: bool = field(default=True, init=False)

    async def find(self, purchase: Purchase) -> Ware | None:
        """Give the product; closed where it cannot be subscribed to any more."""
        fault = product_id_fault(purchase.resource)
        if fault is not None:
            raise Declined(Code.INVALID_RESOURCE, f"resource {fault}", field="resource")
        product = ProductId(purchase.resource)
        found = await self.catalogue.product(purchase.tenant, product)
        if found is None:
            # What was quoted may have been paid already: the money is then for what it was for.
            return Ware(product=Product(id=product), closed=self.absent(purchase))
        return Ware(product=found, metadata=found.metadata, closed=self._closed(found))

    def absent(self, purchase: Purchase) -> Declined:
        """Say that it is not for sale."""
        return absent(purchase)

    async def clear(self, purchase: Purchase) -> None:
        """Find nothing in the way: any number of periods can be paid ahead."""

    async def fulfil(self, unit: UnitOfWork, payment: Payment) -> None:
        """Give the period to whoever has paid for it, unless a provider bills it."""
        if BILLED in payment.purchase.inputs or not payment.payer:
            return
        await self.grant(unit, payment, plan_of(payment.purchase))

    async def undo(self, unit: UnitOfWork, payment: Payment) -> None:
        """Take the period back from whoever has not paid for it after all."""
        if BILLED in payment.purchase.inputs:
            return
        await Returns(clock=self.clock).undo(unit, payment)

    async def grant(self, unit: UnitOfWork, payment: Payment, plan: Plan) -> Subscription:
        """Begin or extend the payer's subscription; raise Unavailable if others are quicker."""
        for _ in range(TRIES):
            found = await unit.subscriptions.running(payment.tenant, payment.payer, plan.product)
            written = await self._granted(unit, payment, plan, found)
            if written is not None:
                return written
        raise Unavailable(retry_after=1.0)

    async def _granted(
        self, unit: UnitOfWork, payment: Payment, plan: Plan, found: Subscription | None
    ) -> Subscription | None:
        now = self.clock.now()
        if found is None:
            made = await self._begun(unit, payment, plan)
            return made if await write(unit, made) else None
        if is_over(found, now):
            await rewrite(unit, found, lapsed(found, now, 0))
            return None
        longer = extended(found, plan, now, payment.signature)
        return longer if await rewrite(unit, found, longer) else None

    async def _begun(self, unit: UnitOfWork, payment: Payment, plan: Plan) -> Subscription:
        now = self.clock.now()
        theirs = await unit.subscriptions.of(payment.tenant, payment.payer)
        before = [each.period_end for each in theirs if _makes_way(each, plan.product)]
        return begun(
            new_subscription_id(self.random),
            payment.tenant,
            payment.payer,
            plan,
            now=now,
            start=max([now, *before]),
            paid_with=payment.signature,
        )

    def _closed(self, product: Product) -> Declined | None:
        if not self.enabled:
            return Declined(Code.INVALID_FIELD, DISABLED, field="resource")
        try:
            terms_of(product)
        except Declined as refusal:
            return refusal
        return None


def _makes_way(subscription: Subscription, product: ProductId) -> bool:
    """Tell whether a running subscription ends for this product to take its place."""
    following: Mapping[str, str] = subscription.metadata
    return (
        subscription.is_running and subscription.method == X402 and following.get(NEXT) == product
    )
