"""Change subscriptions: end them, take that back, put them on another plan.

Who may is decided before. What a provider bills is changed there first, under a key that makes a
repeat one; silence is looked up. What a subscriber pays himself period by period changes with
its period: another plan costs what it costs, and nothing of it is given for nothing.
"""

import logging
from collections.abc import Awaitable, Callable

from attrs import define, evolve, frozen

from tillway.core.catalog import PriceKind, Product, SubscriptionTerms
from tillway.core.errors import Code, Declined, TillwayError, Unavailable, Unsettled
from tillway.core.ids import ProductId
from tillway.core.money import Money
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.hosting import (
    HostedSubscription,
    HostsSubscriptions,
    OrderLine,
    PlanChange,
    Preview,
    Proration,
)
from tillway.core.services.hosted.pages import Pages
from tillway.core.services.rails import Rails
from tillway.core.services.subscriptions.known import TRIES, KnownSubscriptions
from tillway.core.services.subscriptions.periods import NOT_X402
from tillway.core.subscription_moves import (
    X402,
    cancelled,
    ending,
    followed,
    lapsed,
    reactivated,
)
from tillway.core.subscription_news import PRICE, RESOURCE, heard_of, standing_by
from tillway.core.subscriptions import Subscription
from tillway.core.tenancy import Tenant

_log = logging.getLogger(__name__)

NOT_ENDING = "subscription is not scheduled for cancellation"
ALREADY_OVER = "subscription period has already ended"
NOT_A_PLAN = "new resource is not a subscription product"
NO_PRICE = "new resource has no Stripe price ID"


@frozen(kw_only=True)
class NextPlan:
    """A product with its terms, as something to change to."""

    product: Product
    terms: SubscriptionTerms

    @property
    def line(self) -> OrderLine:
        """Give what a provider charges for it."""
        return OrderLine(
            description=self.product.description or self.product.id,
            unit=self.product.price(PriceKind.FIAT),
            price_id=self.terms.stripe_price_id or self.product.stripe_price_id,
        )

    def price(self, method: str) -> Money | None:
        """Give what a period costs by a way to pay."""
        return self.product.price(PriceKind.CRYPTO if method == X402 else PriceKind.FIAT)


@define(kw_only=True)
class Changes:
    """Change subscriptions that the asker has proven to be his, or is the operator of."""

    known: KnownSubscriptions
    catalogue: Catalogue
    rails: Rails
    pages: Pages

    async def cancel(self, subscription: Subscription, *, at_period_end: bool) -> Subscription:
        """End it now or with its period. What has ended stays as it is, and so does a repeat."""
        standing = await self._standing(subscription)
        if _is_over(standing) or (at_period_end and standing.cancel_at_period_end):
            return standing
        if standing.method != X402:
            host, named = self._host(standing), _billed(standing)
            key = _key(standing)
            told = await _told(
                host,
                named,
                lambda: host.cancel(named, at_period_end=at_period_end, key=key),
                lambda found: (
                    found.ended_at is not None or (at_period_end and found.cancel_at_period_end)
                ),
            )
            return await self._answered(standing, told)
        grace = await self.known.grace(standing.tenant, standing.product)
        now = self.known.now()
        if at_period_end:
            return await self.known.move(standing, lambda each: ending(each, now, grace))
        return await self.known.move(standing, lambda each: cancelled(each, now))

    async def reactivate(self, subscription: Subscription) -> Subscription:
        """Have it go on. Declined (invalid_field) if it is not to end, or has ended."""
        standing = await self._standing(subscription)
        if not standing.is_running:
            raise Declined(Code.INVALID_FIELD, ALREADY_OVER)
        if not standing.cancel_at_period_end:
            raise Declined(Code.INVALID_FIELD, NOT_ENDING)
        if standing.method != X402:
            host, named = self._host(standing), _billed(standing)
            key = _key(standing)
            told = await _told(
                host,
                named,
                lambda: host.reactivate(named, key=key),
                lambda found: not found.cancel_at_period_end,
            )
            return await self._answered(standing, told)
        grace = await self.known.grace(standing.tenant, standing.product)
        now = self.known.now()
        return await self.known.move(standing, lambda each: reactivated(each, now, grace))

    async def change(
        self, subscription: Subscription, to: str, proration: Proration
    ) -> Subscription:
        """Put it on another plan: at once where a provider bills it, else after its period.

        Declined in the contract's words for what is no plan, or cannot be paid in this way.
        """
        standing = await self._standing(subscription)
        plan = await self.plan(standing, to)
        if not standing.is_running:
            raise Declined(Code.INVALID_FIELD, ALREADY_OVER)
        if standing.method == X402:
            grace = await self.known.grace(standing.tenant, standing.product)
            now, following = self.known.now(), plan.product.id
            return await self.known.move(
                standing, lambda each: followed(each, following, now, grace)
            )
        await self._refuse_second(standing, plan)
        host, named = self._host(standing), _billed(standing)
        asked = _asked(standing, plan, proration)
        told = await _told(
            host,
            named,
            lambda: host.change(asked),
            lambda found: found.metadata.get(RESOURCE) == plan.product.id,
        )
        return await self._answered(standing, told, plan.product.id)

    async def preview(
        self, subscription: Subscription, to: str, proration: Proration
    ) -> tuple[NextPlan, Preview | None]:
        """Say what another plan would cost at once; None where nothing is due before its time."""
        standing = await self._standing(subscription)
        plan = await self.plan(standing, to)
        if not standing.is_running:
            raise Declined(Code.INVALID_FIELD, ALREADY_OVER)
        if standing.method == X402:
            return plan, None
        return plan, await self._host(standing).preview(_asked(standing, plan, proration))

    async def portal(self, tenant: Tenant, customer: str, return_url: str | None) -> str:
        """Give the address of a customer's own page; Declined if he is none of this tenant's."""
        for each in await self.known.of(tenant, customer):
            if each.stripe_customer == customer:
                back = return_url or self.pages.cancel_url
                back = self.pages.checked(back, "returnUrl")
                return await self._host(each).portal(customer, back)
        raise Declined(Code.RESOURCE_NOT_FOUND, "subscription not found")

    async def plan(self, subscription: Subscription, to: str) -> NextPlan:
        """Give a plan that a subscription can be put on."""
        found = await self.catalogue.product(subscription.tenant, ProductId(to))
        if found is None:
            details = {"newResource": to}
            raise Declined(Code.RESOURCE_NOT_FOUND, "new resource not found", details=details)
        if found.subscription is None:
            raise Declined(Code.INVALID_FIELD, NOT_A_PLAN, field="newResource")
        if subscription.product == found.id:
            text = "subscription is on this resource already"
            raise Declined(Code.INVALID_FIELD, text, field="newResource")
        plan = NextPlan(product=found, terms=found.subscription)
        _refuse_unpayable(plan, subscription.method)
        return plan

    async def _standing(self, subscription: Subscription) -> Subscription:
        """Give it as time has made it, whether that is written yet or not."""
        grace = await self.known.grace(subscription.tenant, subscription.product)
        return lapsed(subscription, self.known.now(), grace)

    async def _refuse_second(self, subscription: Subscription, plan: NextPlan) -> None:
        tenant, subscriber = subscription.tenant, subscription.subscriber
        if await self.known.running(tenant, subscriber, plan.product.id) is not None:
            text = "there is a subscription to the new resource already"
            raise Declined(Code.INVALID_FIELD, text, field="newResource")

    async def _answered(
        self, subscription: Subscription, told: HostedSubscription, product: ProductId | None = None
    ) -> Subscription:
        """Write what the provider has answered, as it would have been told.

        What was written since it was asked may be newer than the answer: then it is asked anew.
        """
        standing, price = subscription, told.price_id
        for _ in range(TRIES):
            after = standing
            if product is not None and told.price_id == price:
                metadata = {**standing.metadata, PRICE: price}
                after = evolve(standing, product=product, metadata=metadata)
            heard = heard_of(standing).answered(told)
            after = standing_by(after, heard, self.known.now())
            if await self.known.replaced(standing, after):
                return after
            standing = await self.known.get(standing.tenant, standing.id) or standing
            told = await self._now(standing) or told
        raise Unavailable(retry_after=1.0)

    async def _now(self, standing: Subscription) -> HostedSubscription | None:
        """Ask how it stands; None where that is not to be learned."""
        try:
            return await self._host(standing).subscription(_billed(standing))
        except TillwayError as silent:
            _log.warning("it is not told how subscription %s stands: %s", standing.id, silent)
            return None

    def _host(self, subscription: Subscription) -> HostsSubscriptions:
        for rail in self.rails.all:
            if rail.name == subscription.method and isinstance(rail, HostsSubscriptions):
                return rail
        raise Declined(Code.INVALID_RESOURCE, "What bills this subscription is not configured.")


async def _told(
    host: HostsSubscriptions,
    named: str,
    change: Callable[[], Awaitable[HostedSubscription]],
    is_done: Callable[[HostedSubscription], bool],
) -> HostedSubscription:
    """Change it; after silence, look whether it was changed."""
    try:
        return await change()
    except Unsettled:
        found = await host.subscription(named)
        if found is None or not is_done(found):
            raise
        return found


def _is_over(subscription: Subscription) -> bool:
    """Tell whether nothing can be ended any more.

    What has expired here for want of news may still be billed: that is for its provider to say.
    """
    if subscription.method == X402:
        return not subscription.is_running
    return heard_of(subscription).standing.is_over


def _billed(subscription: Subscription) -> str:
    if subscription.stripe_subscription is None:
        raise ValueError(f"{subscription.id} is billed by {subscription.method} under no name")
    return subscription.stripe_subscription


def _key(subscription: Subscription) -> str:
    """Name a change: the same as long as nothing has become of it."""
    return f"{subscription.id}-{subscription.version}"


def _asked(subscription: Subscription, plan: NextPlan, proration: Proration) -> PlanChange:
    return PlanChange(
        subscription=_billed(subscription),
        plan=plan.line,
        terms=plan.terms,
        proration=proration,
        metadata={RESOURCE: plan.product.id},
        key=f"{_key(subscription)}-{plan.product.id}",
    )


def _refuse_unpayable(plan: NextPlan, method: str) -> None:
    if method == X402:
        if not plan.terms.allow_x402:
            raise Declined(Code.INVALID_FIELD, NOT_X402, field="newResource")
    elif not plan.line.price_id and plan.line.unit is None:
        raise Declined(Code.INVALID_FIELD, NO_PRICE, field="newResource")
