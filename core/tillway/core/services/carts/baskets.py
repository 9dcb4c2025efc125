"""What a buyer puts into a cart, in his words, and what the catalogue knows of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import define, frozen

from tillway.core.catalog import Product
from tillway.core.errors import Code, Declined
from tillway.core.ids import ProductId, product_id_fault
from tillway.core.ports.catalogue import Catalogue
from tillway.core.services.wishes import checked_metadata
from tillway.core.tenancy import Tenant

MOST_LINES: Final = 250
MOST_PIECES: Final = 999_999
"""Of one line: card providers take no more."""

MOST_NOTED: Final = 16_384
"""Characters of all that a buyer has noted with a cart: it goes with payment and events."""

VARIANT: Final = "variant_id"
OF_CARTS: Final = frozenset(
    {
        "cart_items",
        "total_quantity",
        "subtotal_after_catalog",
        "catalog_coupons",
        "checkout_coupons",
    }
)
"""Names in a cart's metadata that are ours, beside those of every purchase."""

OF_LINES: Final = frozenset(
    {"quantity", "price_amount", "token", "price_id", "description", VARIANT}
)
"""Names in a line's metadata that are ours, beside those of every purchase."""


@frozen(kw_only=True)
class Wish:
    """A line as it was asked for. A quantity below one means one."""

    resource: str = ""
    quantity: int = 1
    price_id: str = ""
    description: str = ""
    variant: str = ""
    metadata: Mapping[str, str] = {}


@frozen(kw_only=True)
class Basket:
    """Lines with what goes for all of them."""

    tenant: Tenant
    wishes: Sequence[Wish]
    coupon: str | None = None
    metadata: Mapping[str, str] = {}


@frozen(kw_only=True)
class Found:
    """A line whose words were compared with the catalogue.

    ``product`` is None for a line that only the card provider's ``price_id`` names.
    """

    wish: Wish
    product: Product | None
    price_id: str = ""

    @property
    def quantity(self) -> int:
        """How many."""
        return max(1, self.wish.quantity)

    @property
    def name(self) -> str:
        """The product's id, "" without one."""
        return "" if self.product is None else self.product.id

    @property
    def description(self) -> str:
        """What the buyer calls it, else what we do."""
        return self.wish.description or ("" if self.product is None else self.product.description)

    @property
    def metadata(self) -> Mapping[str, str]:
        """What goes with the line; ours last."""
        noted = checked_metadata(self.wish.metadata)
        theirs = {key: value for key, value in noted.items() if key not in OF_LINES}
        return {**theirs, VARIANT: self.wish.variant} if self.wish.variant else theirs


@define(kw_only=True)
class Baskets:
    """Find what is in baskets."""

    catalogue: Catalogue

    async def found(self, basket: Basket) -> Sequence[Found]:
        """Find every line's product by its id.

        Declined: empty_cart; invalid_cart_item for a line that names none, or what cannot be an
        id; resource_not_found for what is not for sale; invalid_field for metadata that is too
        much. The first faulty line is named.
        """
        _refuse_unfit(basket, "at least one item required")
        known: dict[str, Product | None] = {}
        found = []
        for place, wish in enumerate(basket.wishes):
            if not wish.resource:
                raise refused_line(place, f"item {place} missing resource id")
            found.append(Found(wish=wish, product=await self._product(basket, place, known)))
        return found

    async def priced(self, basket: Basket) -> Sequence[Found]:
        """Find every line's product by its id or by the card provider's price of it.

        What a line names as both must be one. A price that is no product's stands for itself.
        Declined as `found`.
        """
        _refuse_unfit(basket, "at least one item required in cart")
        known: dict[str, Product | None] = {}
        by_price = await self._by_price(basket)
        found = []
        for place, wish in enumerate(basket.wishes):
            if not wish.resource and not wish.price_id:
                raise refused_line(place, "priceId or resource required for all items")
            if not wish.resource:
                product = by_price.get(wish.price_id)
                found.append(Found(wish=wish, product=product, price_id=wish.price_id))
                continue
            named = await self._product(basket, place, known)
            if wish.price_id and wish.price_id != named.stripe_price_id:
                text = f"priceId is not the price of {wish.resource}"
                raise refused_line(place, text, name="priceId", priceId=wish.price_id)
            found.append(Found(wish=wish, product=named, price_id=named.stripe_price_id))
        return found

    async def _product(
        self, basket: Basket, place: int, known: dict[str, Product | None]
    ) -> Product:
        name = basket.wishes[place].resource
        fault = product_id_fault(name)
        if fault is not None:
            raise refused_line(place, f"items[{place}].resource {fault}")
        if name not in known:
            known[name] = await self.catalogue.product(basket.tenant, ProductId(name))
        product = known[name]
        if product is None:
            raise Declined(
                Code.RESOURCE_NOT_FOUND,
                f"resource not found: {name}",
                field=f"items[{place}].resource",
                details={"item": place, "resourceId": name},
            )
        return product

    async def _by_price(self, basket: Basket) -> Mapping[str, Product]:
        """Give products by the card provider's prices; of several with one price, the first."""
        if all(wish.resource for wish in basket.wishes):
            return {}
        products = await self.catalogue.products(basket.tenant)
        return {each.stripe_price_id: each for each in reversed(products) if each.stripe_price_id}


def noted(basket: Basket) -> Mapping[str, str]:
    """Give what the buyer has noted with the whole, without names of ours."""
    given = checked_metadata(basket.metadata)
    return {key: value for key, value in given.items() if key not in OF_CARTS}


def refused_line(place: int, text: str, *, name: str = "resource", **more: object) -> Declined:
    """Refuse a line."""
    return Declined(
        Code.INVALID_CART_ITEM,
        text,
        field=f"items[{place}].{name}",
        details={"item": place, **more},
    )


def _refuse_unfit(basket: Basket, empty: str) -> None:
    if not basket.wishes:
        raise Declined(Code.EMPTY_CART, empty, field="items")
    if len(basket.wishes) > MOST_LINES:
        text = f"items must have at most {MOST_LINES} items"
        raise Declined(Code.INVALID_FIELD, text, field="items")
    for place, wish in enumerate(basket.wishes):
        _refuse_texts(place, wish)
    for name, metadata in _metadata(basket):
        checked_metadata(metadata, name)
    texts = [text for _, each in _metadata(basket) for pair in each.items() for text in pair]
    if sum(map(len, texts)) > MOST_NOTED:
        text = f"metadata must have at most {MOST_NOTED} characters in all"
        raise Declined(Code.INVALID_FIELD, text, field="metadata")


def _refuse_texts(place: int, wish: Wish) -> None:
    texts = {
        "priceId": wish.price_id,
        "description": wish.description,
        "variantId": wish.variant,
    }
    for name, text in texts.items():
        if not text.replace("\n", " ").isprintable():
            field = f"items[{place}].{name}"
            said = f"{field} must not contain control characters"
            raise Declined(Code.INVALID_FIELD, said, field=field)


def _metadata(basket: Basket) -> Iterator[tuple[str, Mapping[str, str]]]:
    yield "metadata", basket.metadata
    for place, wish in enumerate(basket.wishes):
        if wish.metadata:
            yield f"items[{place}].metadata", wish.metadata
