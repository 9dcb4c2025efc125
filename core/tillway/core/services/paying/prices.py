"""Prices that were worked out before, given again for as long as they must be the same."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from attrs import define, field, frozen

from tillway.core.catalog import Coupon, Product
from tillway.core.money import Money
from tillway.core.pricing import Priced, Sale, price_item

_MOST: Final = 1_000

_Key = tuple[int, str, str | None]


@frozen
class _Known:
    """A price and all that it was worked out from, which also keeps the product's id taken."""

    product: Product
    price: Money | None
    sale: Sale
    until: datetime | None
    priced: Priced

    def holds(self, price: Money | None, sale: Sale) -> bool:
        """Tell whether the same product costs the same in this sale."""
        before = self.sale
        same = (
            sale.coupons == before.coupons
            and sale.typed == before.typed
            and sale.used == before.used
            and sale.rounding is before.rounding
            and (price is self.price or price == self.price)
        )
        return same and before.now <= sale.now and (self.until is None or sale.now < self.until)


@define
class Prices:
    """Give what `price_item` gives, by remembering what it gave.

    Time changes a price only where a coupon begins or ends, so what was remembered is used up to
    the next such moment, and only while nothing else that a price depends on has changed.
    """

    _known: dict[_Key, _Known] = field(factory=dict, init=False)

    def item(self, product: Product, sale: Sale, price: Money | None = None) -> Priced:
        """Price one product on its own; raises what `price_item` raises."""
        key = (id(product), sale.method, sale.typed.code if sale.typed is not None else None)
        known = self._known.get(key)
        if known is None or not known.holds(price, sale):
            known = _Known(
                product, price, sale, _next_change(sale), price_item(product, sale, price)
            )
            self._remember(key, known)
        return known.priced

    def __len__(self) -> int:
        """Tell how many prices are remembered."""
        return len(self._known)

    def _remember(self, key: _Key, known: _Known) -> None:
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = known


def _next_change(sale: Sale) -> datetime | None:
    """Give the first moment from now on at which a coupon of this sale begins or ends."""
    typed = () if sale.typed is None else (sale.typed,)
    later = [moment for moment in _moments((*sale.coupons, *typed)) if moment >= sale.now]
    return min(later, default=None)


def _moments(coupons: Iterable[Coupon]) -> Iterable[datetime]:
    for coupon in coupons:
        for moment in (coupon.starts_at, coupon.expires_at):
            if moment is not None:
                yield moment
