"""What payments are for, by their purpose: the one door through which all of it is priced.

A product is priced anew for every quote. A cart, a refund and the like have ids of ours and a
price that stands; each has a class of its own that says what is paid for, what a claim on it uses
up, and what else is written when the money has arrived.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable

from attrs import define, field, frozen

from tillway.core.catalog import Product
from tillway.core.errors import Code, Declined
from tillway.core.ids import CART_ID, REFUND_ID, ProductId, product_id_fault
from tillway.core.payments import Payment, Purchase, Reservation
from tillway.core.ports.catalogue import Catalogue
from tillway.core.ports.store import UnitOfWork
from tillway.core.pricing import Priced
from tillway.core.quotes import Purpose


@frozen(kw_only=True)
class OnlyPayer:
    """Who may pay, as rails name them, and what everybody else is told."""

    payers: frozenset[str]
    refusal: Declined


@frozen(kw_only=True)
class Ware:
    """Something that can be paid for.

    ``product`` is what rails and buyers see of it. ``firm`` is what it comes to where that stands;
    None where its price and the coupons of now decide. ``closed`` is why it is not for sale any
    more: money that is there already is then kept to be given back. A claim on it takes
    ``reservations`` beside the quote and its coupons. Its quotes live until ``expires_at``, as
    long as it can be paid, but a day at most; without one as long as all quotes.
    ``fickle`` tells that it may be closed by somebody at any moment: it is looked at once more
    after the claim, before anything is sent.
    """

    product: Product
    firm: Priced | None = None
    expires_at: datetime | None = None
    closed: Declined | None = None
    only: OnlyPayer | None = None
    reservations: tuple[Reservation, ...] = ()
    metadata: Mapping[str, str] = {}
    fickle: bool = False


class Subject(Protocol):
    """What payments of one purpose are for.

    ``writes`` tells that ``fulfil`` has something to write; where it has not, the commit that
    settles is a single call.
    """

    purpose: Purpose
    writes: bool

    async def find(self, purchase: Purchase) -> Ware | None:
        """Give what is paid for, closed or not; None if there is none. Writes nothing.

        Declined for a purchase that cannot be one.
        """
        ...

    def absent(self, purchase: Purchase) -> Declined:
        """Give the refusal of what is not there."""
        ...

    async def clear(self, purchase: Purchase) -> None:
        """End what else could still be paid for it, before it is claimed. A repeat is harmless.

        Declined if it was paid meanwhile; Unavailable or Unsettled if nobody can tell.
        """
        ...

    async def fulfil(self, unit: UnitOfWork, payment: Payment) -> None:
        """Write what a settled payment has bought, in the unit that settles it.

        It must not fail for what it finds: the money is there. The payment is written once, and
        so is this.
        """
        ...


@runtime_checkable
class Undoes(Subject, Protocol):
    """A subject that can take back what a payment bought, once that is reversed."""

    async def undo(self, unit: UnitOfWork, payment: Payment) -> None:
        """Take back what ``fulfil`` wrote, in the unit that reverses the payment.

        Should the payment arrive after all, ``fulfil`` is called for its next turn.
        """
        ...


@runtime_checkable
class SellsOnce(Subject, Protocol):
    """A subject of which each thing is somebody's: what was taken back may be another's by now."""

    async def is_free(self, unit: UnitOfWork, payment: Payment) -> bool:
        """Tell whether a payment that arrives after all can have what it was for."""
        ...


@runtime_checkable
class HearsKept(Subject, Protocol):
    """A subject to which money that has bought nothing means something all the same."""

    async def kept(self, unit: UnitOfWork, payment: Payment) -> None:
        """Write what that is, in the unit that ends the payment as unapplied.

        Or take it back, in the unit that reverses it: the payment's state tells.
        """
        ...


class TakesBack(Protocol):
    """Whoever has made more of payments than their subject knows of."""

    async def undo(self, unit: UnitOfWork, payment: Payment) -> None:
        """Take it back, in the unit that reverses the payment. A repeat does nothing."""
        ...


class HearsReturns(Protocol):
    """Whoever gives what is paid for only as long as it is."""

    async def returned(self, unit: UnitOfWork, payment: Payment) -> None:
        """Look what of a payment is still here, in the unit that has changed that.

        All of it may have gone back, by refunds or a dispute, or some of it may be here after
        all. A repeat does nothing. Raises Unavailable if others were quicker every time.
        """
        ...


@define
class Subjects:
    """The subjects of one gateway. Each purpose has one."""

    _all: dict[Purpose, Subject] = field(factory=dict, init=False)
    _more: dict[Purpose, TakesBack] = field(factory=dict, init=False)
    _returns: dict[Purpose, HearsReturns] = field(factory=dict, init=False)

    def add(self, subject: Subject) -> None:
        """Take a subject in; ValueError if its purpose has one."""
        if subject.purpose in self._all:
            raise ValueError(f"the purpose {subject.purpose} has a subject already")
        self._all[subject.purpose] = subject

    def undone_by(self, purpose: Purpose, takes_back: TakesBack) -> None:
        """Have somebody else hear of reversals too."""
        self._more[purpose] = takes_back

    def returned_to(self, purpose: Purpose, hears: HearsReturns) -> None:
        """Have somebody hear of money that goes back, or does not after all."""
        self._returns[purpose] = hears

    async def returned(self, unit: UnitOfWork, payment: Payment) -> None:
        """Tell whoever has to know that money of a payment went back, or did not after all."""
        hears = self._returns.get(payment.purchase.purpose)
        if hears is not None:
            await hears.returned(unit, payment)

    async def undo(self, unit: UnitOfWork, payment: Payment) -> None:
        """Take back what a payment bought or was made, in the unit that reverses it."""
        purpose = payment.purchase.purpose
        subject, more = self._all.get(purpose), self._more.get(purpose)
        if isinstance(subject, Undoes):
            await subject.undo(unit, payment)
        if more is not None:
            await more.undo(unit, payment)

    async def redo(self, unit: UnitOfWork, payment: Payment) -> None:
        """Give again what was taken back, in the unit that settles a reversed payment again."""
        subject = self._all.get(payment.purchase.purpose)
        if isinstance(subject, Undoes):
            await subject.fulfil(unit, payment)

    async def kept(self, unit: UnitOfWork, payment: Payment) -> None:
        """Have the subject hear of money that bought nothing, or that is gone again."""
        subject = self._all.get(payment.purchase.purpose)
        if isinstance(subject, HearsKept):
            await subject.kept(unit, payment)

    async def is_free(self, unit: UnitOfWork, payment: Payment) -> bool:
        """Tell whether a payment that arrives after all can have what it was for."""
        subject = self._all.get(payment.purchase.purpose)
        return not isinstance(subject, SellsOnce) or await subject.is_free(unit, payment)

    def of(self, purchase: Purchase) -> Subject:
        """Give the subject of a purchase; Declined if nothing of its purpose is sold here."""
        found = self._all.get(purchase.purpose)
        if found is None:
            raise absent(purchase)
        return found

    def find(self, purchase: Purchase) -> Subject | None:
        """Give the subject of a purchase, if its purpose has one."""
        return self._all.get(purchase.purpose)

    async def ware(self, purchase: Purchase) -> Ware:
        """Give what can be paid for now; Declined if it is not there or not for sale any more."""
        subject = self.of(purchase)
        ware = await subject.find(purchase)
        if ware is None:
            raise subject.absent(purchase)
        if ware.closed is not None:
            raise ware.closed
        return ware


@define
class Products:
    """Single products, at the prices of now."""

    catalogue: Catalogue
    purpose: Purpose = field(default=Purpose.PURCHASE, init=False)
    writes: bool = field(default=False, init=False)

    async def find(self, purchase: Purchase) -> Ware | None:
        """Give the active product; Declined (invalid_resource) for what is no id of one."""
        fault = product_id_fault(purchase.resource)
        if fault is not None:
            raise Declined(Code.INVALID_RESOURCE, f"resource {fault}", field="resource")
        found = await self.catalogue.product(purchase.tenant, ProductId(purchase.resource))
        return None if found is None else Ware(product=found, metadata=found.metadata)

    def absent(self, purchase: Purchase) -> Declined:
        """Say that it is not for sale."""
        return absent(purchase)

    async def clear(self, purchase: Purchase) -> None:
        """Find nothing in the way: a product can be sold any number of times."""

    async def fulfil(self, unit: UnitOfWork, payment: Payment) -> None:
        """Write nothing: the grant is all that was bought."""


def absent(purchase: Purchase) -> Declined:
    """Refuse what is not there, in the words of its purpose."""
    resource = purchase.resource
    if purchase.purpose is Purpose.CART:
        return Declined(Code.CART_NOT_FOUND, f"cart not found: {resource[:64]}")
    if purchase.purpose is Purpose.REFUND:
        return Declined(Code.REFUND_NOT_FOUND, f"refund not found: {resource[:64]}")
    details = {"resourceId": resource, "hint": "The resource does not exist or is not for sale."}
    return Declined(Code.RESOURCE_NOT_FOUND, "Resource not found", details=details)


def addressed(resource: str) -> tuple[Purpose, str]:
    """Tell from a resource's name what it is, and its id: ``cart:<id>`` is the cart ``<id>``.

    Ids of carts and refunds are ours, and no product can have one.
    """
    for prefix, pattern, purpose in _OURS:
        name = resource.removeprefix(prefix)
        if pattern.fullmatch(name):
            return purpose, name
    return Purpose.PURCHASE, resource


_OURS = (
    ("cart:", CART_ID, Purpose.CART),
    ("refund:", REFUND_ID, Purpose.REFUND),
)
