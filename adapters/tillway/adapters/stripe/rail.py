"""The rail: cards, on a page of Stripe's."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import define, field

from tillway.adapters.stripe import events
from tillway.adapters.stripe.client import Api, key_of
from tillway.adapters.stripe.completion import Completion
from tillway.adapters.stripe.config import StripeConfig
from tillway.adapters.stripe.discounts import Discounts
from tillway.adapters.stripe.doctor import examine
from tillway.adapters.stripe.least import least
from tillway.adapters.stripe.prices import Prices
from tillway.adapters.stripe.refunds import PayBacks
from tillway.adapters.stripe.sessions import Sessions
from tillway.adapters.stripe.signature import refuse_forged
from tillway.adapters.stripe.statement import Statement
from tillway.adapters.stripe.subscriptions import Subscriptions
from tillway.core.assets import Asset
from tillway.core.catalog import Product
from tillway.core.checkouts import Checkout
from tillway.core.money import Money
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.hosting import (
    HostedSession,
    HostedSubscription,
    News,
    Order,
    PaidBack,
    PayBack,
    PlanChange,
    Preview,
    Told,
)
from tillway.core.ports.rails import Finding
from tillway.core.ports.statements import StatedRefund

NAME: Final = "stripe"


@define(kw_only=True)
class StripeRail:
    """Sells by Stripe's page and hears what comes of it; all verbs keep the laws of the ports."""

    config: StripeConfig
    api: Api = field(repr=False)
    clock: Clock = field(repr=False)
    random: Random = field(repr=False)
    name: str = NAME
    method: str = NAME
    source: str = NAME
    _prices: Prices = field(init=False, repr=False)
    _sessions: Sessions = field(init=False, repr=False)
    _completion: Completion = field(init=False, repr=False)
    _pay_backs: PayBacks = field(init=False, repr=False)
    _subscriptions: Subscriptions = field(init=False, repr=False)

    @_prices.default
    def _make_prices(self) -> Prices:
        return Prices(api=self.api, assets=self.config.assets, clock=self.clock)

    @_sessions.default
    def _make_sessions(self) -> Sessions:
        return Sessions(
            api=self.api,
            config=self.config,
            clock=self.clock,
            prices=self._prices,
            discounts=Discounts(api=self.api),
        )

    @_completion.default
    def _make_completion(self) -> Completion:
        return Completion(api=self.api, sessions=self._sessions)

    @_pay_backs.default
    def _make_pay_backs(self) -> PayBacks:
        return PayBacks(api=self.api, assets=self.config.assets, completion=self._completion)

    @_subscriptions.default
    def _make_subscriptions(self) -> Subscriptions:
        return Subscriptions(
            api=self.api, config=self.config, clock=self.clock, prices=self._prices
        )

    # Sessions

    def takes(self, product: Product) -> bool:
        """Tell whether a product has a price that is charged here: its own, or Stripe's."""
        price, terms = product.fiat_price, product.subscription
        if price is not None and price.asset.stripe is not None:
            return True
        return bool(product.stripe_price_id or (terms and terms.stripe_price_id))

    def least(self, asset: Asset) -> Money | None:
        """Give the least that is charged, as far as Stripe tells."""
        return least(asset, self.config)

    async def open(self, order: Order) -> HostedSession:
        """Open a session, once for a checkout."""
        return await self._sessions.open(order)

    async def retrieve(self, session: str) -> HostedSession | None:
        """Give a session as it stands."""
        return await self._sessions.retrieve(session)

    async def find(self, checkout: Checkout) -> HostedSession | None:
        """Give the session that was opened for a checkout whose answer was lost."""
        return await self._sessions.find(checkout)

    async def expire(self, session: str) -> HostedSession:
        """End an open session."""
        return await self._sessions.expire(session)

    # The account

    def sessions(self, since: datetime | None, until: datetime) -> AsyncIterator[HostedSession]:
        """Give all sessions of the account."""
        return Statement(api=self.api, assets=self.config.assets).sessions(since, until)

    def refunds(self, since: datetime | None, until: datetime) -> AsyncIterator[StatedRefund]:
        """Give all refunds of the account."""
        return Statement(api=self.api, assets=self.config.assets).refunds(since, until)

    # Webhooks

    def verify(self, headers: Mapping[str, str], body: bytes) -> Told:
        """Verify the raw body, and read what event it is."""
        refuse_forged(headers, body, self.config.webhook_secrets, self.clock.now())
        return events.read_told(body)

    def translate(self, body: bytes) -> News:
        """Say what a verified event means."""
        return events.translate(body, self.config.assets)

    async def complete(self, news: News) -> News:
        """Ask for the money, or the invoice, that an event does not name."""
        return await self._completion.complete(news)

    # Refunds

    async def pay_back(self, asked: PayBack) -> PaidBack:
        """Pay back, once for a reference."""
        return await self._pay_backs.pay_back(asked)

    async def find_pay_back(self, payment: str, reference: str) -> PaidBack | None:
        """Give the refund made under our reference."""
        return await self._pay_backs.find(payment, reference)

    # Subscriptions

    async def subscription(self, subscription: str) -> HostedSubscription | None:
        """Give a subscription as it stands."""
        return await self._subscriptions.get(subscription)

    async def change(self, change: PlanChange) -> HostedSubscription:
        """Put a subscription on another plan at once."""
        return await self._subscriptions.change(change)

    async def preview(self, change: PlanChange) -> Preview:
        """Say what a change would cost."""
        return await self._subscriptions.preview(change)

    async def cancel(
        self, subscription: str, *, at_period_end: bool, key: str
    ) -> HostedSubscription:
        """End a subscription now, or have it end with its period."""
        return await self._subscriptions.cancel(subscription, at_period_end=at_period_end, key=key)

    async def reactivate(self, subscription: str, *, key: str) -> HostedSubscription:
        """Take back that a subscription ends with its period."""
        return await self._subscriptions.reactivate(subscription, key=key)

    async def portal(self, customer: str, return_url: str) -> str:
        """Give the address of a page on which this customer manages what he has."""
        # Nothing is lost by a page too many: a key of its own keeps only the retries together.
        key = key_of("portal", self.random(16).hex())
        return await self._subscriptions.portal(customer, return_url, key)

    # Examining, starting, closing

    async def examine(self, products: Sequence[Product]) -> Sequence[Finding]:
        """Look at the key, the secrets and the prices that these products need."""
        return await examine(self.api, self._prices, self.config, products)

    async def start(self) -> None:
        """Open the connections' pool; Stripe is not asked, so that it may be away."""
        await self.api.start()

    async def aclose(self) -> None:
        """Close all connections. A repeat does nothing."""
        await self.api.aclose()
