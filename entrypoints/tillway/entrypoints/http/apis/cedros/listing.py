"""Which products a shop front wants to see, and in which order."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from aiohttp import web
from attrs import frozen

from tillway.core.catalog import Product
from tillway.core.money import Money
from tillway.core.services.catalogue.shop import Counter, Listed
from tillway.core.showcase import Showcase, showcase_of
from tillway.entrypoints.http.query import (
    decimal_in,
    flag_in,
    list_in,
    one_in,
    text_in,
    whole_in,
)

MOST: Final = 10_000
"""Products in one answer: as many as a catalogue has."""

MOST_NAMED: Final = 1_000
LONGEST_IDS: Final = 2_000
"""Characters, so that a whole request fits into what is read of one (16 KiB)."""


SORTS: Final = ("featured", "price_asc", "price_desc", "newest", "title", "name", "id")


@frozen(kw_only=True)
class Wanted:
    """What was asked for. Empty and None ask nothing."""

    limit: int = MOST
    offset: int = 0
    search: str = ""
    category: str = ""
    sort: str = ""
    in_stock: bool = False
    least: Decimal | None = None
    most: Decimal | None = None
    tags: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()

    @property
    def chooses(self) -> bool:
        """Tell whether some products may be left out for what they are."""
        named = self.search or self.category or self.in_stock
        return bool(named or self.tags or self.ids)

    @property
    def by_price(self) -> bool:
        """Tell whether what is shown depends on prices."""
        return self.least is not None or self.most is not None or self.sort.startswith("price")


@frozen(kw_only=True)
class Found:
    """A page of what fits, and how much fits in all."""

    products: Sequence[Listed]
    total: int


def wanted_by(request: web.Request) -> Wanted:
    """Read a query; Declined (invalid_field) for what makes no sense in it."""
    return Wanted(
        limit=whole_in(request, "limit", MOST, 1, MOST),
        offset=whole_in(request, "offset", 0, 0, MOST),
        search=text_in(request, "search").casefold(),
        category=text_in(request, "category"),
        sort=one_in(request, "sort", SORTS),
        in_stock=flag_in(request, "in_stock"),
        least=decimal_in(request, "min_price"),
        most=decimal_in(request, "max_price"),
        tags=list_in(request, "tags", MOST_NAMED),
        ids=list_in(request, "ids", MOST_NAMED, LONGEST_IDS, plain=True),
    )


def found_in(products: Sequence[Product], wanted: Wanted, counter: Counter) -> Found:
    """Choose, order and price; prices are worked out only for what is shown, where they can be."""
    fitting = [each for each in products if _fits(each, wanted)] if wanted.chooses else products
    end = wanted.offset + wanted.limit
    if not wanted.by_price:
        ordered = _ordered(fitting, wanted.sort)
        page = [counter.priced(each) for each in ordered[wanted.offset : end]]
        return Found(products=page, total=len(ordered))
    priced = [counter.priced(each) for each in _ordered(fitting, wanted.sort)]
    affordable = _by_price([each for each in priced if _costs(each, wanted)], wanted.sort)
    return Found(products=affordable[wanted.offset : end], total=len(affordable))


def _fits(product: Product, wanted: Wanted) -> bool:
    shown = showcase_of(product)
    return (
        (not wanted.ids or bool({product.id, shown.slug} & wanted.ids))
        and (not wanted.category or wanted.category in shown.category_ids)
        and (not wanted.tags or bool(wanted.tags & set(shown.tags)))
        and (not wanted.in_stock or shown.in_stock)
        and (not wanted.search or _mentions(product, shown, wanted.search))
    )


def _mentions(product: Product, shown: Showcase, text: str) -> bool:
    words = (product.id, product.description, shown.title, shown.short_description, *shown.tags)
    return any(text in each.casefold() for each in words)


def _ordered(products: Sequence[Product], sort: str) -> Sequence[Product]:
    """Order what came by id; those that are alike stay as they are."""
    key = _KEYS.get(sort)
    return products if key is None else sorted(products, key=key)


def _featured(product: Product) -> tuple[bool, int]:
    shown = showcase_of(product)
    last = MOST if shown.sort_order is None else shown.sort_order
    return not shown.featured, last


def _newest(product: Product) -> float:
    return -product.created_at.timestamp() if product.created_at else 0.0


def _title(product: Product) -> str:
    return (showcase_of(product).title or product.id).casefold()


def _by_price(listed: Sequence[Listed], sort: str) -> Sequence[Listed]:
    if not sort.startswith("price"):
        return listed
    last = Decimal("-Infinity" if sort == "price_desc" else "Infinity")
    return sorted(
        listed,
        key=lambda each: last if (price := _price(each)) is None else price,
        reverse=sort == "price_desc",
    )


def _costs(listed: Listed, wanted: Wanted) -> bool:
    """Tell whether a product's price lies in the range; one without a price lies in none."""
    if wanted.least is None and wanted.most is None:
        return True
    price = _price(listed)
    if price is None:
        return False
    return (wanted.least is None or price >= wanted.least) and (
        wanted.most is None or price <= wanted.most
    )


def _price(listed: Listed) -> Decimal | None:
    """Give what a product costs by card, or else in a token that is worth dollars."""
    if listed.card is not None:
        return _major(listed.card.total)
    if listed.token is not None and listed.token.total.asset.stablecoin:
        return _major(listed.token.total)
    return None


def _major(amount: Money) -> Decimal:
    return Decimal(amount.to_major())


_KEYS: Final[dict[str, Callable[[Product], tuple[bool, int] | float | str]]] = {
    "featured": _featured,
    "newest": _newest,
    "title": _title,
    "name": _title,
}
