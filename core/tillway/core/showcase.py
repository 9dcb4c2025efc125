"""What a product's metadata tells a shop front: a title, pictures, where it belongs.

The catalogue knows ids, prices and a description. What a shop front shows beside them stands in
the metadata, under the wire's name (`imageUrl`) or in words of our settings (`image_url`). What
cannot be read counts as not given: nothing of it decides a price.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from tillway.core.catalog import Product

INVENTORY_WORDS: Final = frozenset({"in_stock", "low", "out_of_stock", "backorder"})
SHIPPING_WORDS: Final = frozenset({"physical", "digital"})
MOST_PARTS: Final = 100
"""Tags, categories or pictures of one product."""

_DIGITS: Final = 15


@frozen(kw_only=True)
class Picture:
    """A picture's address, and what it shows."""

    url: str
    alt: str = ""


@frozen(kw_only=True)
class Showcase:
    """How a product is shown. Empty texts and None are what nobody has said."""

    title: str = ""
    short_description: str = ""
    slug: str = ""
    seo_title: str = ""
    seo_description: str = ""
    image_url: str = ""
    images: Sequence[Picture] = ()
    tags: Sequence[str] = ()
    category_ids: Sequence[str] = ()
    featured: bool = False
    sort_order: int | None = None
    shipping_profile: str = ""
    checkout_requirements: Mapping[str, object] | None = None
    fulfillment: Mapping[str, object] | None = None
    fulfillment_type: str = ""
    fulfillment_notes: str = ""
    compare_at_cents: int | None = None
    inventory_status: str = ""
    inventory_quantity: int | None = None
    inventory_policy: str = ""

    @property
    def in_stock(self) -> bool:
        """Tell whether nothing says that it is sold out."""
        return self.inventory_status != "out_of_stock" and self.inventory_quantity != 0


def showcase_of(product: Product) -> Showcase:
    """Read how a product is shown."""
    told = product.metadata
    if not told:
        return _PLAIN
    title = _text(told, "title")
    return Showcase(
        title=title,
        short_description=_text(told, "shortDescription"),
        slug=_text(told, "slug"),
        seo_title=_text(told, "seoTitle"),
        seo_description=_text(told, "seoDescription"),
        image_url=_text(told, "imageUrl"),
        images=_pictures(told, title),
        tags=_list(told, "tags"),
        category_ids=_list(told, "categoryIds"),
        featured=_text(told, "featured").lower() == "true",
        sort_order=_whole(told, "sortOrder"),
        shipping_profile=_one_of(told, "shippingProfile", SHIPPING_WORDS),
        checkout_requirements=_mapping(told, "checkoutRequirements"),
        fulfillment=_mapping(told, "fulfillment"),
        fulfillment_type=_text(told, "fulfillmentType"),
        fulfillment_notes=_text(told, "fulfillmentNotes"),
        compare_at_cents=_whole(told, "compareAtAmountCents"),
        inventory_status=_one_of(told, "inventoryStatus", INVENTORY_WORDS),
        inventory_quantity=_whole(told, "inventoryQuantity"),
        inventory_policy=_text(told, "inventoryPolicy"),
    )


def slug_of(product: Product) -> str:
    """Give the name of a product in addresses: its slug, or else its id."""
    return _text(product.metadata, "slug") or product.id


_PLAIN: Final = Showcase()


def _text(told: Mapping[str, str], name: str) -> str:
    return (told.get(name) or told.get(_snake(name)) or "").strip()


def _snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name)


def _list(told: Mapping[str, str], name: str) -> Sequence[str]:
    """Read a list: in JSON, or with commas between."""
    text = _text(told, name)
    found = _json(text) if text.startswith("[") else text.split(",")
    parts = found if isinstance(found, list) else []
    named = dict.fromkeys(each.strip() for each in parts if isinstance(each, str))
    return tuple(each for each in named if each)[:MOST_PARTS]


def _pictures(told: Mapping[str, str], title: str) -> Sequence[Picture]:
    text = _text(told, "images")
    if not text.startswith("["):
        return tuple(Picture(url=url, alt=title) for url in _list(told, "images"))
    parts = _json(text)
    found = [_picture(each, title) for each in parts] if isinstance(parts, list) else []
    return tuple(each for each in found if each is not None)[:MOST_PARTS]


def _picture(part: object, title: str) -> Picture | None:
    if isinstance(part, str) and part:
        return Picture(url=part, alt=title)
    if isinstance(part, dict) and isinstance(part.get("url"), str) and part["url"]:
        alt = part.get("alt")
        return Picture(url=part["url"], alt=alt if isinstance(alt, str) else title)
    return None


def _mapping(told: Mapping[str, str], name: str) -> Mapping[str, object] | None:
    text = _text(told, name)
    found = _json(text) if text.startswith("{") else None
    return found if isinstance(found, dict) else None


def _json(text: str) -> object:
    """Read JSON; None for what is none, or holds numbers that JSON cannot write again."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


def _whole(told: Mapping[str, str], name: str) -> int | None:
    text = _text(told, name)
    digits = text.removeprefix("-")
    readable = digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS
    return int(text) if readable else None


def _one_of(told: Mapping[str, str], name: str, words: frozenset[str]) -> str:
    text = _text(told, name)
    return text if text in words else ""
