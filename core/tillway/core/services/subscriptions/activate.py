"""Give a subscription to whoever has paid for it: nobody else, and once for a payment.

A payment on a subscription's quote has begun it in the commit that settled it: it is only looked
up here. One that bought the product itself, at the price of a period, can be made one of a period,
once, for the wallet that has paid it.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from attrs import define, evolve

from tillway.core.catalog import SubscriptionTerms
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.ids import Nonce, ProductId
from tillway.core.money import Money
from tillway.core.payments import Payment, Purchase, State
from tillway.core.ports.store import NonceUse, SingleUse, Store, UnitOfWork
from tillway.core.quotes import Purpose
from tillway.core.refunds import LIVE, NEVER
from tillway.core.services.paying.quote import Quoting
from tillway.core.services.subscriptions.known import KnownSubscriptions
from tillway.core.services.subscriptions.periods import Periods, plan_of, purchase_of, terms_of
from tillway.core.subscription_moves import X402
from tillway.core.subscriptions import Subscription
from tillway.core.tenancy import Tenant

RECENT: Final = timedelta(hours=1)
"""How long after it was paid a price counts as that of now."""

CONSUMED: Final = "consumed-payment"
"""The purpose of the marks that say which payments have been made those of a period."""

NOT_CONFIGURED: Final = "product is not configured for subscriptions"
NOT_FOUND: Final = "payment signature not found or not yet processed"
OTHER_PRODUCT: Final = "payment was for a different product"
OTHER_WALLET: Final = "payment was made from a different wallet"


@define(kw_only=True)
class Activate:
    """Answer who has paid with his subscription."""

    store: Store
    quoting: Quoting
    known: KnownSubscriptions
    periods: Periods

    async def terms(self, tenant: Tenant, product: ProductId) -> SubscriptionTerms:
        """Give the terms of what can be subscribed to by proof; Declined if it cannot."""
        found = await self.quoting.catalogue.product(tenant, product)
        if found is None:
            raise Declined(
                Code.RESOURCE_NOT_FOUND, "Resource not found", details={"productId": product}
            )
        if found.subscription is None:
            raise _refused(NOT_CONFIGURED, "productId")
        return terms_of(found)

    async def by_payment(
        self, tenant: Tenant, product: ProductId, wallet: str, signature: str
    ) -> Subscription:
        """Give the subscription that a payment has begun or extended.

        Whoever asks learns what the payer has, and changes nothing by it. Declined in the
        contract's words for what is not settled, or was paid by another wallet or for another
        product. A repeat gives the subscription as it stands then.
        """
        payment = await self._settled(tenant, signature)
        if payment.purchase.resource != product or payment.purchase.purpose not in _KINDS:
            raise _refused(OTHER_PRODUCT, "paymentSignature")
        if payment.payer != wallet:
            raise _refused(OTHER_WALLET, "wallet")
        if payment.purchase.purpose is Purpose.PURCHASE:
            await self._consumed(payment)
        found = await self.known.latest(tenant, wallet, product)
        if found is None:
            raise Unavailable(retry_after=1.0)
        return found

    async def undo(self, unit: UnitOfWork, payment: Payment) -> None:
        """Take back the period that a purchase was made one of, once its payment is reversed."""
        mark = _mark(payment, self.known.now())
        used = await unit.nonces.use(mark.tenant, mark.nonce, CONSUMED, mark.created_at)
        product = ProductId(payment.purchase.resource)
        found = await self.quoting.catalogue.product(payment.tenant, product)
        if used is not NonceUse.USED or found is None or found.subscription is None:
            return
        bought = purchase_of(payment.tenant, product, found.subscription)
        await self.periods.undo(unit, evolve(payment, purchase=bought))

    async def _settled(self, tenant: Tenant, signature: str) -> Payment:
        async with self.store.view(once=True) as view:
            payment = await view.payments.by_signature(tenant, signature)
        if payment is None or payment.state is not State.SETTLED or payment.method != X402:
            raise _refused(NOT_FOUND, "paymentSignature")
        return payment

    async def _consumed(self, payment: Payment) -> None:
        """Make a purchase one of a period, unless it was: the mark and the period in one commit."""
        product = ProductId(payment.purchase.resource)
        terms = await self.terms(payment.tenant, product)
        bought = purchase_of(payment.tenant, product, terms, payment.purchase.coupon)
        refusal = await self._other_price(payment, bought)
        async with self.store.begin() as unit:
            if not await unit.nonces.add(_mark(payment, self.known.now())):
                return
            if refusal is not None:
                raise refusal
            standing = await unit.payments.find(payment.chain, payment.key)
            if standing is None or standing.state is not State.SETTLED:
                raise _refused(NOT_FOUND, "paymentSignature")
            refunds = await unit.refunds.of(payment.tenant, payment.signature)
            if any(each.state in LIVE for each in refunds):
                raise _refused("payment was refunded, or is to be", "paymentSignature")
            await self.periods.grant(unit, payment, plan_of(bought))

    async def _other_price(self, payment: Payment, bought: Purchase) -> Declined | None:
        """Say what is wrong with an older payment's amount: a period costs what it costs now."""
        since = self.known.now() - (payment.ended_at or payment.created_at)
        if since <= RECENT:
            return None
        price = await self._price(payment.rail, bought)
        if payment.amount.asset == price.asset and payment.amount.minor >= price.minor:
            return None
        return Declined(Code.AMOUNT_MISMATCH, field="paymentSignature")

    async def _price(self, rail_name: str, bought: Purchase) -> Money:
        rail = self.quoting.rails.taking(rail_name)
        ware = await self.quoting.subjects.ware(bought)
        destination = self.quoting.destination(rail, ware.product)
        terms = await self.quoting.priced(ware, destination, rail.method, bought, limited=False)
        return terms.quote.amount


_KINDS: Final = frozenset({Purpose.PURCHASE, Purpose.SUBSCRIPTION})


def _mark(payment: Payment, now: datetime) -> SingleUse:
    """Give what can be written once for a payment, and says that it was used."""
    turn = f":{payment.turn}" if payment.turn > 1 else ""  # it was gone, and is here again
    text = f"{CONSUMED}:{payment.chain}:{payment.key}{turn}"
    return SingleUse(
        nonce=Nonce(hashlib.sha256(text.encode()).hexdigest()[:32]),
        tenant=payment.tenant,
        purpose=CONSUMED,
        created_at=now,
        expires_at=NEVER,
    )


def _refused(text: str, field: str) -> Declined:
    return Declined(Code.INVALID_FIELD, text, field=field)
