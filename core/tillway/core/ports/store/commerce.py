"""Carts, refunds, subscriptions and checkouts."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from tillway.core.carts import Cart
from tillway.core.checkouts import Checkout, CheckoutId, CheckoutState
from tillway.core.ids import CartId, ProductId, RefundId, SubscriptionId
from tillway.core.money import Money
from tillway.core.ports.store.payments import Refused
from tillway.core.refunds import Refund, RefundState
from tillway.core.subscriptions import Subscription
from tillway.core.tenancy import Tenant


class Carts(Protocol):
    """Carts, open, paid and reversed. One has expired after its time, not at it."""

    async def add(self, cart: Cart) -> bool:
        """Write a cart; a repeat of its id does nothing and is False."""
        ...

    async def get(self, tenant: Tenant, cart: CartId) -> Cart | None:
        """Give a cart, expired or not."""
        ...

    async def pay(
        self, tenant: Tenant, cart: CartId, payment: str, payer: str, at: datetime
    ) -> bool:
        """Mark an open cart as paid, or a reversed one, expired or not.

        A repeat with the same payment changes nothing and is True. False if another has paid it
        or it is not there.
        """
        ...

    async def reverse(self, tenant: Tenant, cart: CartId, payment: str) -> bool:
        """Take back that this payment has paid a cart: it is reversed, and nobody has paid it.

        False, and nothing written, if it is not paid with it, as for a repeat.
        """
        ...

    async def unpaid(self, tenant: Tenant, principal: str, now: datetime) -> int:
        """Count a principal's carts that are open and not expired, to a thousand at most.

        Of units that count those of one principal, one goes on and the others wait for its end:
        what they add after counting is counted by the next.
        """
        ...

    async def purge(self, before: datetime, limit: int) -> int:
        """Remove open carts of all tenants that expired before that time, and tell how many.

        Paid ones stay, and reversed ones, whose money may come after all. A repeat removes what
        is left.
        """
        ...


class Refunds(Protocol):
    """Refunds, whatever became of them. A purchase's live ones never pass its limit together."""

    async def add(self, refund: Refund, limit: Money) -> bool:
        """Write a live refund if all live ones of its purchase come to no more than ``limit``.

        False, and nothing written, if they would come to more, under any race. A repeat of its
        id changes nothing and is True, whatever became of the first. ValueError for amounts of
        two assets, one not above zero, or a refund that is not live.
        """
        ...

    async def move(self, refund: Refund, was: Collection[RefundState]) -> bool:
        """Write a refund as it now stands, if what is stored is in one of these states.

        One that is no longer live gives its share back. False, and nothing written, if it is
        not so; a repeat whose new state is not in ``was`` is therefore False. ValueError for
        another amount or purchase than stored, or for one that would be live again.
        """
        ...

    async def get(self, tenant: Tenant, refund: RefundId) -> Refund | None:
        """Give a refund."""
        ...

    async def of(self, tenant: Tenant, purchase: str) -> Sequence[Refund]:
        """Give the refunds of a purchase, oldest first; of more than a thousand, the newest."""
        ...

    async def listed(
        self,
        tenant: Tenant,
        states: Collection[RefundState],
        limit: int,
        before: datetime | None = None,
    ) -> Sequence[Refund]:
        """Give refunds in these states, newest first, created before that time."""
        ...

    async def expire(self, now: datetime, limit: int) -> Sequence[Refund]:
        """End pending refunds of all tenants that expired before ``now``; give them as they stand.

        They are kept, and give their shares back. A repeat ends what is left.
        """
        ...


class Subscriptions(Protocol):
    """Subscriptions, running and ended. A subscriber has one running subscription of a product."""

    async def add(self, subscription: Subscription) -> bool:
        """Write a subscription at version 0.

        False, and nothing written, if its id, or its id at Stripe, or a running one of the same
        subscriber and product is there: a repeat is therefore False.
        """
        ...

    async def replace(self, subscription: Subscription) -> bool:
        """Write a subscription over the version that it names, and count that up.

        False, and nothing written, if another version is stored, as for a repeat, if it would
        be a second running one, or if its id at Stripe is another's.
        """
        ...

    async def get(self, tenant: Tenant, subscription: SubscriptionId) -> Subscription | None:
        """Give a subscription."""
        ...

    async def by_stripe(self, tenant: Tenant, stripe_subscription: str) -> Subscription | None:
        """Give the subscription with this id at Stripe."""
        ...

    async def running(
        self, tenant: Tenant, subscriber: str, product: ProductId
    ) -> Subscription | None:
        """Give the subscriber's running subscription of a product."""
        ...

    async def of(self, tenant: Tenant, subscriber: str) -> Sequence[Subscription]:
        """Give a subscriber's subscriptions, newest first, at most a thousand."""
        ...

    async def listed(
        self, tenant: Tenant, limit: int, before: datetime | None = None
    ) -> Sequence[Subscription]:
        """Give the tenant's subscriptions, newest first, created before that time."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[Subscription]:
        """Give subscriptions of all tenants that are due before ``now``, the longest due first.

        Nothing is taken: ``replace`` decides between processes.
        """
        ...


class Checkouts(Protocol):
    """Sessions at providers."""

    async def add(self, checkout: Checkout) -> bool | Refused:
        """Write a checkout and take its reservations, all or nothing.

        A repeat of its id, or of the provider's session, does nothing and is False. Refused if a
        reservation would pass its limit; they are tested in their order. What tenants share is
        the provider's, as a chain. ValueError for one that is not unpaid.
        """
        ...

    async def move(self, checkout: Checkout, was: Collection[CheckoutState]) -> bool:
        """Write a checkout as it now stands, if what is stored is in one of these states.

        It keeps the reservations that it was added with. One that is over without pay gives them
        back; one that is paid, those that do not count once settled. False, and nothing written,
        if it is not so, or the session, or what it was paid with, is another's; a repeat whose
        new state is not in ``was`` is therefore False. ValueError for one that would be unpaid
        again.
        """
        ...

    async def get(self, tenant: Tenant, checkout: CheckoutId) -> Checkout | None:
        """Give a checkout."""
        ...

    async def by_session(self, tenant: Tenant, provider: str, session: str) -> Checkout | None:
        """Give the checkout of a provider's session."""
        ...

    async def by_payment(self, tenant: Tenant, provider: str, payment: str) -> Checkout | None:
        """Give the checkout that was paid with what a provider names so."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[Checkout]:
        """Give unpaid checkouts of all tenants that expired before ``now``, oldest first."""
        ...

    async def purge(self, before: datetime, limit: int) -> int:
        """Remove checkouts of all tenants that are over without pay and expired before that time.

        Tell how many. Unpaid and paid ones stay. A repeat removes what is left.
        """
        ...
