"""What the store in memory keeps, and one reader's or writer's sight of all of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from attrs import define, field, frozen

from tillway.adapters.stores.codec import EventRow, PaymentRow
from tillway.adapters.stores.memory.tables import Layer, Order, Table
from tillway.adapters.stores.reservations import TallyKey
from tillway.core.payments import LIVE
from tillway.core.ports.store import QuoteKey

_LIVE = frozenset(state.value for state in LIVE)

PaymentId = tuple[str, str]
"""Chain and key."""

Owned = tuple[str, str]
"""Tenant and id."""


@frozen
class Definition:
    """A product or a coupon as JSON."""

    tenant: str
    id: str
    text: str


@frozen
class NumberedKey:
    """A quote key and its place in the order of arrival."""

    number: int
    key: QuoteKey


def _payments() -> Table[PaymentId, PaymentRow]:
    return Table(
        {
            "newest": Order(lambda row: row.tenant, lambda row: (row.created_at,)),
            "signature": Order(lambda row: (row.chain, row.signature), lambda row: ()),
            "tenant signature": Order(
                lambda row: (row.tenant, row.signature), lambda row: (row.created_at,)
            ),
            "live": Order(
                lambda row: "live" if row.state in _LIVE else None,
                lambda row: (row.lease_until, row.created_at),
            ),
        }
    )


def _events() -> Table[Owned, EventRow]:
    return Table({"newest": Order(lambda row: row.tenant, lambda row: (row.at,))})


def _definitions() -> Table[Owned, Definition]:
    return Table({"by id": Order(lambda row: row.tenant, lambda row: (row.id,))})


def _quote_keys() -> Table[str, NumberedKey]:
    return Table({"oldest": Order(lambda row: "all", lambda row: (row.number,))})


@define(eq=False)
class Layers:
    """One sight of everything. ``writable`` is False for a view.

    ``over`` layers are used no more. ``spoiled`` ones are not committed: what was to be written
    together is not complete.
    """

    writable: bool
    payments: Layer[PaymentId, PaymentRow] = field(factory=lambda: Layer(_payments()))
    tallies: Layer[TallyKey, int] = field(factory=lambda: Layer(Table({})))
    events: Layer[Owned, EventRow] = field(factory=lambda: Layer(_events()))
    products: Layer[Owned, Definition] = field(factory=lambda: Layer(_definitions()))
    coupons: Layer[Owned, Definition] = field(factory=lambda: Layer(_definitions()))
    quote_keys: Layer[str, NumberedKey] = field(factory=lambda: Layer(_quote_keys()))
    over: bool = False
    spoiled: Exception | None = None

    def opened(self, *, writable: bool) -> Self:
        """Give another sight of the same tables, with nothing of its own yet."""
        return type(self)(
            writable=writable,
            payments=Layer(self.payments.table),
            tallies=Layer(self.tallies.table),
            events=Layer(self.events.table),
            products=Layer(self.products.table),
            coupons=Layer(self.coupons.table),
            quote_keys=Layer(self.quote_keys.table),
        )

    def reading(self) -> Self:
        """Give the layers to read from; RuntimeError once they are over."""
        if self.over:
            raise RuntimeError("this unit of work or view has ended")
        return self

    @contextmanager
    def writing(self) -> Iterator[Self]:
        """Give the layers to write to; RuntimeError in a view. An exception spoils them."""
        if not self.writable:
            raise RuntimeError("a view is for reading only")
        try:
            yield self.reading()
        except Exception as error:
            self.spoiled = error
            raise

    def each(self) -> Iterator[Layer[Any, Any]]:
        """Go through the layers, always in the same order."""
        yield from (self.payments, self.tallies, self.events)
        yield from (self.products, self.coupons, self.quote_keys)
