"""How a period of a subscription is priced, and what whoever has paid for one gets."""

from collections.abc import Mapping

from aiohttp import web
from attrs import define

from tillway.core.catalog import SubscriptionTerms
from tillway.core.errors import Code, Declined
from tillway.core.ids import ProductId
from tillway.core.intervals import (
    Interval,
    interval_asked,
    interval_of,
    refuse_other_interval,
)
from tillway.core.services.gateway import Services
from tillway.core.services.hosted.cards import Buyer
from tillway.core.services.paying.quote import Quoted
from tillway.core.services.subscriptions.periods import DISABLED, plan_at, purchase_of
from tillway.core.tenancy import Tenant
from tillway.entrypoints.http.apis.cedros.subscription_bodies import (
    ActivateRequest,
    SubscriptionQuoteRequest,
    SubscriptionSessionRequest,
)
from tillway.entrypoints.http.apis.cedros.subscription_reads import NO_STORE
from tillway.entrypoints.http.apis.cedros.subscription_texts import activated, period_shown
from tillway.entrypoints.http.apis.x402.headers import asked_by
from tillway.entrypoints.http.convert import body_of
from tillway.entrypoints.http.render import answer, envelope
from tillway.entrypoints.http.request import TENANT, origin


@define
class Buys:
    """Price periods, and answer who has paid for one."""

    services: Services
    prefix: str

    async def quote(self, request: web.Request) -> web.StreamResponse:
        """Answer 402 with how to pay for a period."""
        asked = await body_of(request, SubscriptionQuoteRequest)
        interval = interval_asked(asked.interval, asked.interval_days)
        product, terms = await self._terms(request[TENANT], asked.resource)
        refuse_other_interval(interval, terms)
        coupon = asked.coupon_code or None
        body = await self._quoted(request, product, terms, interval, coupon)
        return answer(body, 402, NO_STORE)

    async def session(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with where to pay by card."""
        asked = await body_of(request, SubscriptionSessionRequest)
        interval = interval_asked(asked.interval, asked.interval_days)
        buyer = Buyer(
            email=asked.customer_email or None,
            success_url=asked.success_url or None,
            cancel_url=asked.cancel_url or None,
            metadata=asked.metadata or {},
        )
        coupon = asked.coupon_code or None
        opened = await self.services.subscribe.cards.open(
            request[TENANT], asked.resource, interval, coupon, buyer, asked_by(request)
        )
        return answer({"sessionId": opened.session, "url": opened.url}, headers=NO_STORE)

    async def activate(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with what a payment has begun; 402 with how to pay if it names none."""
        asked = await body_of(request, ActivateRequest)
        self._refuse_disabled()
        product = ProductId(asked.product_id)
        terms = await self.services.subscribe.activate.terms(request[TENANT], product)
        if not asked.payment_signature:
            interval = interval_of(terms.billing_period, terms.billing_interval)
            coupon = asked.coupon_code or None
            quoted = await self._quoted(request, product, terms, interval, coupon)
            return answer({**_due(), **quoted}, 402, NO_STORE)
        found = await self.services.subscribe.activate.by_payment(
            request[TENANT], product, asked.wallet, asked.payment_signature
        )
        return answer(activated(found), headers=NO_STORE)

    async def _terms(self, tenant: Tenant, resource: str) -> tuple[ProductId, SubscriptionTerms]:
        self._refuse_disabled()
        product, terms = await plan_at(self.services.catalogue, tenant, resource)
        return product.id, terms

    def _refuse_disabled(self) -> None:
        if not self.services.subscribe.known.enabled:
            raise Declined(Code.INVALID_FIELD, DISABLED)

    async def _quoted(
        self,
        request: web.Request,
        product: ProductId,
        terms: SubscriptionTerms,
        interval: Interval,
        coupon: str | None,
    ) -> Mapping[str, object]:
        shown = period_shown(terms, interval, self.services.clock.now())
        if not terms.allow_x402:
            return {"requirement": None, "subscription": shown}
        purchase = purchase_of(request[TENANT], product, terms, coupon)
        address = f"{origin(request)}{self.prefix}/paywall/{product}"
        try:
            quoted = await self.services.quote.quote(purchase, address)
        except Declined as refusal:
            if refusal.code is not Code.INVALID_RESOURCE:
                raise
            quoted = None  # it has no price in a token: cards only
        requirement = None if quoted is None else _requirement(quoted)
        return {"requirement": requirement, "subscription": shown}


def _requirement(quoted: Quoted) -> Mapping[str, object] | None:
    if quoted.free is not None:
        text = "A subscription cannot be had for nothing by x402: nobody would be its payer."
        raise Declined(Code.COUPON_NOT_APPLICABLE, text)
    oldest = [accept for offer in quoted.offers for accept in offer.accepts.get(0, ())]
    return oldest[0] if oldest else None


def _due() -> Mapping[str, object]:
    text = "A payment is required: pay the quote, then send its signature."
    return envelope(Declined(Code.TRANSACTION_NOT_FOUND, text))
