"""What each kind of a provider's news is handed to."""

from attrs import define

from tillway.core.observations import Observer, PaymentCompleted
from tillway.core.payments import Payment
from tillway.core.ports.hosting import (
    DisputeTold,
    InvoiceTold,
    News,
    PayBackTold,
    SessionTold,
    SubscriptionAsked,
    SubscriptionNews,
    SubscriptionTold,
)
from tillway.core.ports.store import UnitOfWork
from tillway.core.ports.subscribing import HearsSubscriptions
from tillway.core.services.hosted.disputes import Disputes
from tillway.core.services.hosted.incoming import NotYet
from tillway.core.services.hosted.sessions import Sessions
from tillway.core.services.paying.quote import subject_word
from tillway.core.services.refunds.told import RefundNews
from tillway.core.tenancy import Tenant


@define(kw_only=True)
class Newsroom:
    """Apply news of every kind."""

    sessions: Sessions
    refunds: RefundNews
    disputes: Disputes
    observe: Observer
    subscriptions: HearsSubscriptions | None = None

    async def apply(self, unit: UnitOfWork, tenant: Tenant, source: str, news: News) -> None:
        """Write what news mean, in the unit that marks them as applied.

        Raises NotYet, Undecided, and Contradicts for what can never be written.
        """
        match news:
            case SessionTold():
                settled = await self.sessions.apply(unit, tenant, source, news)
                if settled is not None:
                    self._observed(settled)
            case PayBackTold():
                await self.refunds.apply(unit, tenant, source, news)
            case DisputeTold():
                await self.disputes.apply(unit, tenant, source, news)
            case SubscriptionTold() | SubscriptionAsked() | InvoiceTold():
                await self._subscribed(unit, tenant, source, news)

    async def _subscribed(
        self, unit: UnitOfWork, tenant: Tenant, source: str, news: SubscriptionNews
    ) -> None:
        hears = self.subscriptions
        if hears is not None and not await hears.apply(unit, tenant, source, news):
            raise NotYet

    def _observed(self, payment: Payment) -> None:
        self.observe(
            PaymentCompleted(
                method=payment.method,
                resource=subject_word(payment.purchase),
                amount=payment.amount,
                network=payment.chain,
                seconds=0.0,
            )
        )
