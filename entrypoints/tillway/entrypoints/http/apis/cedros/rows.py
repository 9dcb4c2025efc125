"""How a product is written for shop fronts: the fields of both Cedros servers."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from tillway.core.money import Money
from tillway.core.pricing import Priced
from tillway.core.services.catalogue.shop import Listed
from tillway.core.showcase import Showcase, showcase_of
from tillway.entrypoints.http.apis.cedros.texts import major


def row(listed: Listed) -> dict[str, object]:
    """Write a product. What nobody has said is left out, but for the prices."""
    product, shown = listed.product, showcase_of(listed.product)
    optional = {
        "stripePriceId": product.stripe_price_id,
        "stripeCouponCode": _codes(listed.card),
        "cryptoCouponCode": _codes(listed.token),
        "metadata": dict(product.metadata),
        **_shown(shown),
        **_compared(shown, product.fiat_price),
    }
    said = {name: value for name, value in optional.items() if value not in (None, "", {}, [])}
    return {**_prices(listed), "featured": shown.featured, **_cents(listed), **said}


def _prices(listed: Listed) -> dict[str, object]:
    product, card, token = listed.product, listed.card, listed.token
    fiat, crypto = product.fiat_price, product.crypto_price
    return {
        "id": product.id,
        "description": product.description,
        "fiatAmount": major(fiat),
        "effectiveFiatAmount": major(card.total if card else None),
        "fiatCurrency": fiat.asset.code if fiat is not None else "",
        "cryptoAmount": major(crypto),
        "effectiveCryptoAmount": major(token.total if token else None),
        "cryptoToken": crypto.asset.code if crypto is not None else "",
        "hasStripeCoupon": _has_coupon(card),
        "hasCryptoCoupon": _has_coupon(token),
        "stripeDiscountPercent": _percent_off(card),
        "cryptoDiscountPercent": _percent_off(token),
    }


def _cents(listed: Listed) -> Mapping[str, object]:
    """Give prices in the currency's smallest units, zero ones too, where there is one."""
    if listed.card is None:
        return {}
    card = listed.card
    return {
        "fiatAmountCents": card.original.minor,
        "effectiveFiatAmountCents": card.total.minor,
    }


def _compared(shown: Showcase, fiat: Money | None) -> Mapping[str, object]:
    """Give the price that is shown struck through, which is only ever shown."""
    if shown.compare_at_cents is None or fiat is None:
        return {}
    compared = Money(shown.compare_at_cents, fiat.asset)
    return {
        "compareAtFiatAmount": major(compared),
        "compareAtAmountCents": compared.minor,
        "compareAtFiatCurrency": fiat.asset.code,
    }


def _shown(shown: Showcase) -> Mapping[str, object]:
    return {
        "title": shown.title,
        "shortDescription": shown.short_description,
        "slug": shown.slug,
        "seoTitle": shown.seo_title,
        "seoDescription": shown.seo_description,
        "imageUrl": shown.image_url or next((each.url for each in shown.images), ""),
        "images": [_picture(each.url, each.alt) for each in shown.images],
        "tags": list(shown.tags),
        "categoryIds": list(shown.category_ids),
        "sortOrder": shown.sort_order,
        "shippingProfile": shown.shipping_profile,
        "checkoutRequirements": shown.checkout_requirements,
        "fulfillment": shown.fulfillment,
        "fulfillmentType": shown.fulfillment_type,
        "fulfillmentNotes": shown.fulfillment_notes,
        "inventoryStatus": shown.inventory_status,
        "inventoryQuantity": shown.inventory_quantity,
        "inventoryPolicy": shown.inventory_policy,
    }


def _picture(url: str, alt: str) -> Mapping[str, str]:
    return {"url": url, "alt": alt} if alt else {"url": url}


def _codes(priced: Priced | None) -> str:
    return ",".join(priced.applied) if priced else ""


def _has_coupon(priced: Priced | None) -> bool:
    return bool(priced and priced.applied)


def _percent_off(priced: Priced | None) -> float:
    if priced is None or not priced.original.minor:
        return 0.0
    off = Decimal(priced.original.minor - priced.total.minor)
    share = off * 100 / priced.original.minor
    return float(share.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN))
