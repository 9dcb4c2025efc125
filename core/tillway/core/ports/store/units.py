"""Units of work and views, and the store that opens them."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from tillway.core.ports.store.catalogue import Coupons, Products, QuoteKeys
from tillway.core.ports.store.commerce import Carts, Checkouts, Refunds, Subscriptions
from tillway.core.ports.store.ledger import Ledger
from tillway.core.ports.store.log import Events
from tillway.core.ports.store.payments import Payments, Tallies
from tillway.core.ports.store.requests import Answers, Inbox, Nonces
from tillway.core.ports.store.work import Deliveries, Leases, Settings


class View(Protocol):
    """What can be read."""

    @property
    def payments(self) -> Payments:
        """Claims and what became of them."""
        ...

    @property
    def tallies(self) -> Tallies:
        """Running totals of reservations."""
        ...

    @property
    def events(self) -> Events:
        """The log of facts."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Accounts, entries and holds."""
        ...

    @property
    def products(self) -> Products:
        """The catalogue as the store keeps it."""
        ...

    @property
    def coupons(self) -> Coupons:
        """Coupon definitions."""
        ...

    @property
    def quote_keys(self) -> QuoteKeys:
        """The keys that seal quotes."""
        ...

    @property
    def carts(self) -> Carts:
        """Carts, open and paid."""
        ...

    @property
    def refunds(self) -> Refunds:
        """Refunds, whatever became of them."""
        ...

    @property
    def subscriptions(self) -> Subscriptions:
        """Subscriptions, running and ended."""
        ...

    @property
    def checkouts(self) -> Checkouts:
        """Sessions at providers."""
        ...

    @property
    def nonces(self) -> Nonces:
        """Nonces that wait to be signed, and that were."""
        ...

    @property
    def answers(self) -> Answers:
        """Answers to be given again."""
        ...

    @property
    def inbox(self) -> Inbox:
        """Events from outside."""
        ...

    @property
    def deliveries(self) -> Deliveries:
        """Facts on their way to endpoints."""
        ...

    @property
    def leases(self) -> Leases:
        """Turns at what one process does at a time."""
        ...

    @property
    def settings(self) -> Settings:
        """Settings of tenants."""
        ...


class UnitOfWork(View, Protocol):
    """What can be read and written together."""


@runtime_checkable
class Store(Protocol):
    """Durable memory, shared by all processes that are configured with the same place."""

    def begin(self, *, once: bool = False) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a unit of work: committed on leaving, rolled back on an exception.

        Units hold each other up: await nothing but the store in one. One that waits or lasts
        too long is given up as Unavailable. An operation that raises spoils its unit: caught
        or not, nothing of it is written, and leaving it raises the same again. A task that is
        cancelled while it leaves finds the unit written or not, as after a crash. A unit that
        has ended can be used no more (RuntimeError).

        ``once`` promises a single call. A store that needs no transaction for it may commit it
        before it answers, so that nothing afterwards undoes it, and refuse a second one
        (RuntimeError).
        """
        ...

    def view(self, *, once: bool = False) -> AbstractAsyncContextManager[View]:
        """Open a consistent view for reading; it never waits for writers.

        RuntimeError for a write, and for any use after its end. ``once`` promises a single
        call, for which a store needs no snapshot; it may refuse a second one (RuntimeError).
        """
        ...

    async def start(self) -> None:
        """Open the place and bring its schema up to date. Raises Unavailable with the cause."""
        ...

    async def aclose(self) -> None:
        """Close it. A repeat does nothing."""
        ...
