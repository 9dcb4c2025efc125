"""POST /paywall/v1/cart/quote: what several things cost together, for as long as it is told."""

from collections.abc import Mapping

from aiohttp import web
from attrs import define

from tillway.core.neighbours import neighbours_of
from tillway.core.payments import Purchase
from tillway.core.pricing import PricedLine
from tillway.core.quotes import Purpose
from tillway.core.services.carts.baskets import VARIANT, Basket, Wish
from tillway.core.services.carts.carting import Quoted
from tillway.core.services.gateway import Services
from tillway.core.services.paying.quote import Quoted as Offered
from tillway.core.services.paying.quote import unsold
from tillway.entrypoints.http.apis.cedros.cart_bodies import CartLine, CartRequest
from tillway.entrypoints.http.apis.cedros.texts import major, moment
from tillway.entrypoints.http.convert import body_of
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import CLIENT, PRINCIPAL, TENANT, origin
from tillway.entrypoints.paywall.replies import NO_STORE


@define
class Quote:
    """Price a cart and keep it. Every request makes one, but a repeat by Idempotency-Key."""

    services: Services
    prefix: str

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 402 with the cart and one offer, or 200 with a cart that costs nothing.

        A cart that only cards can pay has no offer: its id goes to the checkout.
        """
        asked = await body_of(request, CartRequest)
        basket = Basket(
            tenant=request[TENANT],
            wishes=[_wish(line) for line in asked.items],
            coupon=asked.coupon_code or None,
            metadata=asked.metadata,
        )
        made = await self.services.carting.quote(basket, who(request))
        purchase = Purchase(tenant=basket.tenant, purpose=Purpose.CART, resource=made.cart.id)
        address = f"{origin(request)}{self.prefix}/paywall/{made.cart.id}"
        if made.by_card:
            return answer(_body(made, {}), 402 if made.total.minor else 200, NO_STORE)
        offered = await self.services.quote.quote(purchase, address)
        if offered.free is not None:
            return answer(_body(made, {}), 200, NO_STORE)
        return answer(_body(made, {"quote": _requirement(offered)}), 402, NO_STORE)


def who(request: web.Request) -> str:
    """Name who asks, by whom carts are counted: whoever has proven it, else the address."""
    principal = request[PRINCIPAL]
    return f"user:{principal}" if principal else f"address:{neighbours_of(request[CLIENT])}"


def _wish(line: CartLine) -> Wish:
    return Wish(
        resource=line.resource,
        quantity=line.quantity,
        variant=line.variant_id or "",
        metadata=line.metadata,
    )


def _requirement(offered: Offered) -> Mapping[str, object]:
    for offer in offered.offers:
        for accept in offer.accepts.get(0, ()):
            return accept
    raise unsold(offered.product)  # its rails speak later versions only


def _body(made: Quoted, quote: Mapping[str, object]) -> Mapping[str, object]:
    cart = made.cart
    body: dict[str, object] = {
        "cartId": cart.id,
        **quote,
        "items": [
            _item(line, item.description, item.metadata.get(VARIANT))
            for line, item in zip(made.lines, cart.items, strict=True)
        ],
        "totalAmount": major(made.total),
        "token": made.total.asset.code,
        "metadata": dict(cart.metadata),
        "expiresAt": moment(cart.expires_at),
    }
    if not cart.metadata:
        del body["metadata"]
    return body


def _item(line: PricedLine, description: str, variant: str | None) -> Mapping[str, object]:
    optional: Mapping[str, object] = {
        "variantId": variant,
        "description": description,
        "appliedCoupons": list(line.coupons),
    }
    return {
        "resource": line.product,
        "quantity": line.quantity,
        "priceAmount": major(line.unit_price),
        "originalPrice": major(line.list_price),
        "token": line.unit_price.asset.code,
        **{name: value for name, value in optional.items() if value},
    }
