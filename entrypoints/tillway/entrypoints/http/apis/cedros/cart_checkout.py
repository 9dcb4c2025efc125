"""POST /paywall/v1/cart/checkout: several things by card, on a page of Stripe's."""

from aiohttp import web
from attrs import define

from tillway.core.errors import Code, Declined
from tillway.core.payments import Payment
from tillway.core.services.carts.baskets import Basket, Wish
from tillway.core.services.carts.sales import Sold
from tillway.core.services.gateway import Services
from tillway.core.services.hosted.cards import Buyer
from tillway.core.services.hosted.pages import filled
from tillway.core.services.subjects import addressed
from tillway.entrypoints.http.apis.cedros.cart_bodies import CheckoutLine, CheckoutRequest
from tillway.entrypoints.http.apis.cedros.cart_quote import who
from tillway.entrypoints.http.apis.x402.headers import asked_by
from tillway.entrypoints.http.convert import body_of
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT


@define
class Open:
    """Open a checkout for a cart that is made for it, or for one that was quoted."""

    services: Services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with the session, or with the grant of what costs nothing."""
        asked = await body_of(request, CheckoutRequest)
        if asked.cart_id and (asked.items or asked.coupon_code):
            text = "A cart that was quoted has its items and its coupon."
            raise Declined(Code.INVALID_FIELD, text, field="cartId")
        buyer = Buyer(
            email=asked.customer_email or None,
            success_url=asked.success_url or None,
            cancel_url=asked.cancel_url or None,
            metadata=asked.metadata if asked.cart_id else {},
        )
        return answer(self._body(await self._sold(request, asked, buyer), buyer))

    async def _sold(self, request: web.Request, asked: CheckoutRequest, buyer: Buyer) -> Sold:
        tenant, sales = request[TENANT], self.services.cart_sales
        if asked.cart_id:
            _, name = addressed(asked.cart_id)
            return await sales.open_again(tenant, name, buyer, asked_by(request))
        basket = Basket(
            tenant=tenant,
            wishes=[_wish(line) for line in asked.items],
            coupon=asked.coupon_code or None,
            metadata=asked.metadata,
        )
        return await sales.open(basket, buyer, asked_by(request), who(request))

    def _body(self, sold: Sold, buyer: Buyer) -> dict[str, object]:
        about = {"totalItems": len(sold.cart.items), "cartId": sold.cart.id}
        if isinstance(sold.by, Payment):
            name = sold.by.signature
            url = filled(self.services.checkouts.pages.success(buyer.success_url), name)
            return {"sessionId": name, "url": url, **about, "granted": True}
        return {"sessionId": sold.by.session, "url": sold.by.url, **about}


def _wish(line: CheckoutLine) -> Wish:
    return Wish(
        resource=line.resource or "",
        quantity=line.quantity,
        price_id=line.price_id or "",
        description=line.description or "",
        variant=line.variant_id or "",
        metadata=line.metadata,
    )
