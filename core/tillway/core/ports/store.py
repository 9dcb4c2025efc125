"""Where the gateway remembers.

What is written in one unit of work is committed together or not at all, and holds after any
crash once the unit has been left without an exception. Every write says what a repeat does.
Every query takes the tenant, but for a payment's key, which is unique for its whole chain.

A store raises Unavailable when it cannot be reached or is full, and then nothing of the unit
is written; any other exception leaves the unit unwritten too.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from tillway.core.catalog import Coupon, Product
from tillway.core.events import Event
from tillway.core.ids import CouponCode, ProductId
from tillway.core.payments import Chain, Payment, PaymentKey, Reservation
from tillway.core.tenancy import Tenant


@frozen(kw_only=True)
class Claimed:
    """The claim is ours and durable once the unit commits."""


@frozen(kw_only=True)
class Taken:
    """The key or the signature is already claimed; ``payment`` is that claim as it stands."""

    payment: Payment


@frozen(kw_only=True)
class Refused:
    """A reservation would pass its limit; nothing was written."""

    reservation: Reservation


ClaimResult = Claimed | Taken | Refused


class Payments(Protocol):
    """Claims and what became of them."""

    async def claim(self, payment: Payment) -> ClaimResult:
        """Write a claim and take its reservations, all or nothing.

        A repeat, or a race, finds the first: Taken. (chain, key) is unique, and so is
        (chain, signature). Reservations are tested in their order.
        """
        ...

    async def settle(self, payment: Payment, facts: Sequence[Event] = ()) -> bool:
        """Write the settled payment if it is still live and still owned by ``payment.owner``.

        Reservations, as the claim took them, that do not count once settled are given back.
        The facts of it are written too. False, and nothing written, if it is not so; a repeat
        is therefore False. ValueError if the payment given is live or a fact is another
        tenant's, Declined (signature_reused) if its signature is another's.
        """
        ...

    async def fail(self, payment: Payment, landed: bool, facts: Sequence[Event] = ()) -> bool:
        """Write the failed payment under the condition of ``settle``; False likewise.

        Reservations are given back, but for those that count after a landed failure.
        """
        ...

    async def release(self, payment: Payment, until: datetime) -> bool:
        """Leave a live payment that we own unresolved, to be looked up from ``until`` on.

        False, and nothing written, if it is no longer live and ours.
        """
        ...

    async def renew(self, owner: str, keys: Sequence[PaymentKey], until: datetime) -> int:
        """Extend the leases that this owner still holds, and tell how many.

        A lease is never cut short; a repeat is harmless.
        """
        ...

    async def take_over(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Make live payments whose lease ended before ``now`` ours, oldest first, each once.

        Oldest is whose lease ended first. Of several processes that ask, one gets a payment.
        """
        ...

    async def find(self, chain: Chain, key: PaymentKey) -> Payment | None:
        """Give the payment with this key, of whichever tenant: its key is the chain's."""
        ...

    async def by_signature(self, tenant: Tenant, signature: str) -> Payment | None:
        """Give the tenant's payment with this landing signature, the newest of several chains'."""
        ...

    async def newest(
        self, tenant: Tenant, limit: int, before: datetime | None = None
    ) -> Sequence[Payment]:
        """Give the tenant's payments, newest first, created before that time.

        Of two of one time, the one with the greater chain and key comes first.
        """
        ...


class Tallies(Protocol):
    """Running totals of reservations."""

    async def totals(
        self, tenant: Tenant | None, names: Sequence[str], chain: Chain | None = None
    ) -> dict[str, int]:
        """Give the totals of these names; a name without claims is absent.

        With ``tenant`` None, of what all tenants of ``chain`` share; ValueError without one.
        """
        ...


class Events(Protocol):
    """The log of facts."""

    async def append(self, event: Event) -> None:
        """Write a fact; a repeat of its id does nothing."""
        ...

    async def newest(self, tenant: Tenant, limit: int) -> Sequence[Event]:
        """Give the tenant's facts, newest first; of two of one time, the greater id first."""
        ...


class Products(Protocol):
    """The catalogue as the store keeps it."""

    async def put(self, tenant: Tenant, product: Product, at: datetime) -> None:
        """Write a product. If a price changes, the one before is kept with the time of change.

        A repeat changes nothing, the time of change included.
        """
        ...

    async def remove(self, tenant: Tenant, product: ProductId) -> bool:
        """Remove a product and tell whether it was there."""
        ...

    async def get(self, tenant: Tenant, product: ProductId) -> Product | None:
        """Give a product, active or not."""
        ...

    async def all(self, tenant: Tenant) -> Sequence[Product]:
        """Give the tenant's products by id, ascending, at most 10,000."""
        ...


class Coupons(Protocol):
    """Coupon definitions; redemptions are tallies."""

    async def put(self, tenant: Tenant, coupon: Coupon) -> None:
        """Write a coupon; a repeat changes nothing."""
        ...

    async def remove(self, tenant: Tenant, code: CouponCode) -> bool:
        """Remove a coupon and tell whether it was there. Its redemptions stay counted."""
        ...

    async def get(self, tenant: Tenant, code: CouponCode) -> Coupon | None:
        """Give a coupon, active or not. Codes compare exactly."""
        ...

    async def all(self, tenant: Tenant) -> Sequence[Coupon]:
        """Give the tenant's coupons by code, ascending, at most 10,000."""
        ...


@frozen(kw_only=True)
class QuoteKey:
    """A master key for sealing. ``secret`` None: the operator holds it in the settings."""

    id: str
    secret: bytes | None = field(repr=False)
    retired_at: datetime | None


class QuoteKeys(Protocol):
    """The keys that seal quotes, for every process and restart."""

    async def add(self, key: QuoteKey) -> None:
        """Write a key; a repeat of its id does nothing."""
        ...

    async def retire(self, key_id: str, at: datetime) -> None:
        """Mark a key as retired. The first time counts, a repeat does nothing."""
        ...

    async def revive(self, key_id: str) -> None:
        """Take a key into use again; a repeat does nothing."""
        ...

    async def all(self) -> Sequence[QuoteKey]:
        """Give all keys, oldest first."""
        ...


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
