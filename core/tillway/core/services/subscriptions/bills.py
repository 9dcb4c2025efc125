"""Subscriptions that a provider bills: begun by a checkout that was paid, then as it tells."""

import hashlib
import logging
from typing import Final

from attrs import define, evolve

from tillway.core.checkouts import Checkout, CheckoutId
from tillway.core.errors import Unavailable
from tillway.core.ids import Nonce, ProductId, new_subscription_id
from tillway.core.payments import Payment
from tillway.core.periods import days_later, later
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.hosting import (
    HostedSession,
    InvoiceTold,
    SubscriptionAsked,
    SubscriptionNews,
    SubscriptionTold,
)
from tillway.core.ports.store import SingleUse, UnitOfWork
from tillway.core.ports.subscribing import Undecided
from tillway.core.refunds import NEVER
from tillway.core.services.subscriptions.known import rewrite, write
from tillway.core.services.subscriptions.periods import plan_of
from tillway.core.services.subscriptions.renewals import begun_by, book, noted
from tillway.core.subscription_moves import AGAIN
from tillway.core.subscription_news import Heard, heard_of, standing_by
from tillway.core.subscriptions import Subscription, SubscriptionState
from tillway.core.tenancy import Tenant

TRIAL: Final = "trial_days"
"""The input of a purchase that says how many days nothing is due."""

TRIAL_HAD: Final = "trial-had"
"""The purpose of the marks that say who has had which trial."""

_log = logging.getLogger(__name__)


@define(kw_only=True)
class Bills:
    """Begin what a checkout was for, and apply news of it. The laws are `HearsSubscriptions`'."""

    clock: Clock
    random: Random

    async def begin(
        self, unit: UnitOfWork, checkout: Checkout, session: HostedSession, payment: Payment
    ) -> bool:
        """Begin the subscription of a paid checkout; a repeat is True."""
        named = session.subscription
        if named is None:
            return False
        known = await unit.subscriptions.by_stripe(checkout.tenant, named)
        if known is not None:
            return True
        made = self._begun(checkout, session, named, payment)
        made = await _tried_once(unit, made, session)
        if await write(unit, made):
            return True
        _log.error("subscription %s is another one of %s: it is not begun", named, made.subscriber)
        return False

    async def apply(
        self, unit: UnitOfWork, tenant: Tenant, source: str, news: SubscriptionNews
    ) -> bool:
        """Write what a subscription has become; False if it is not known yet."""
        told = news.told if isinstance(news, SubscriptionAsked) else news
        named = told.subscription if isinstance(told, InvoiceTold) else told.subscription.id
        known = await unit.subscriptions.by_stripe(tenant, named)
        if known is None or known.method != source:
            return await _is_anothers(unit, tenant, told)
        billed = known
        if isinstance(told, InvoiceTold):
            await book(unit, known, told, self.clock.now())
            billed = noted(known, told)
        heard = _heard(known, news)
        quiet = heard == heard_of(known) and not _is_of_its_second(known, told)
        if quiet and billed == known:
            return True
        after = standing_by(billed, heard, self.clock.now())
        if not await rewrite(unit, known, after):
            raise Unavailable  # somebody was quicker: look again what he has written
        return True

    def _begun(
        self, checkout: Checkout, session: HostedSession, named: str, payment: Payment
    ) -> Subscription:
        plan, now = plan_of(checkout.purchase), payment.ended_at or self.clock.now()
        days = int(checkout.purchase.inputs.get(TRIAL, "0"))
        end = days_later(now, days) if days else later(now, plan.period, plan.interval)
        customer = session.customer or f"{checkout.provider}:{named}"
        return Subscription(
            id=new_subscription_id(self.random),
            tenant=checkout.tenant,
            product=plan.product,
            subscriber=customer,
            method=checkout.provider,
            billing_period=plan.period,
            billing_interval=plan.interval,
            state=SubscriptionState.TRIALING if days else SubscriptionState.ACTIVE,
            period_start=now,
            period_end=end,
            created_at=now,
            updated_at=now,
            due_at=end,
            trial_end=end if days else None,
            stripe_customer=session.customer,
            stripe_subscription=named,
            metadata=begun_by(checkout, session),
        )


def _is_of_its_second(known: Subscription, told: SubscriptionTold | InvoiceTold) -> bool:
    """Tell whether answers that are on their way may be older than these news.

    Then the subscription is written although nothing changes, so that they are asked for again.
    """
    return isinstance(told, SubscriptionTold) and told.at == heard_of(known).standing.at


def _heard(known: Subscription, news: SubscriptionNews) -> Heard:
    """Give what is known with these news. Undecided where only the provider can tell."""
    heard = heard_of(known)
    if isinstance(news, InvoiceTold):
        return heard.billed(news)
    told = news.told if isinstance(news, SubscriptionAsked) else news
    if not heard.leaves_open(told.subscription, told.at):
        return heard.told(told.subscription, told.at)
    if isinstance(news, SubscriptionTold) or news.since != known.version:
        raise Undecided(told, known.version)
    if news.subscription is None:
        return heard.told(told.subscription, told.at)
    return heard.answered(news.subscription)


async def _is_anothers(
    unit: UnitOfWork, tenant: Tenant, news: SubscriptionTold | InvoiceTold
) -> bool:
    """Tell whether news are about what nobody began here: such are not waited for."""
    reference = news.reference if isinstance(news, InvoiceTold) else news.subscription.reference
    if reference is None:
        return news.foreign if isinstance(news, InvoiceTold) else True
    return await unit.checkouts.get(tenant, CheckoutId(reference)) is None


async def _tried_once(unit: UnitOfWork, made: Subscription, session: HostedSession) -> Subscription:
    """Mark that the customer has his trial, once; a second one is noted, to be ended."""
    if made.trial_end is None:
        return made
    mark = SingleUse(
        nonce=Nonce(trial_key(made.product, session.customer_email or made.subscriber)),
        tenant=made.tenant,
        purpose=TRIAL_HAD,
        created_at=made.created_at,
        expires_at=NEVER,
    )
    if await unit.nonces.add(mark):
        return made
    _log.warning("subscription %s is a second trial: it is ended", made.stripe_subscription)
    return evolve(made, due_at=made.created_at, metadata={**made.metadata, AGAIN: "true"})


def trial_key(product: ProductId, email: str) -> str:
    """Name a customer's trial of a product: 32 hexadecimal digits, and not his address."""
    text = f"{product}:{email.strip().casefold()}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
