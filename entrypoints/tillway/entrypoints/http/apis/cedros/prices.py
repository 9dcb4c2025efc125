"""GET /paywall/v1/quote: what a resource costs by every way to pay."""

from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web
from attrs import define, frozen

from tillway.core.catalog import Product
from tillway.core.errors import Code, Declined
from tillway.core.ids import LONGEST_ID
from tillway.core.payments import Purchase
from tillway.core.ports.rails import Offer
from tillway.core.quotes import Purpose
from tillway.core.services.gateway import Services
from tillway.core.services.hosted.least import too_little
from tillway.core.services.paying.quote import Quoted, unsold
from tillway.entrypoints.http.query import text_in
from tillway.entrypoints.http.render import answer
from tillway.entrypoints.http.request import TENANT, origin
from tillway.entrypoints.paywall.replies import NO_STORE


@frozen(kw_only=True)
class _Card:
    """What is told of cards; nothing where they are not taken, or why they are not for this."""

    part: Mapping[str, object] | None = None
    free: bool = False
    refusal: Declined | None = None


@define
class EveryPrice:
    """Quote a resource on all rails at once. Writes nothing, and grants nothing."""

    services: Services
    prefix: str

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with a part for each way to pay that is open here.

        Declined (invalid_amount) for what could only be paid by card, and is too little for that.
        """
        purchase = _purchase(request)
        product = await self._product(purchase)
        address = f"{origin(request)}{self.prefix}/paywall/{product.id}"
        quoted = await self._by_token(purchase, product, address)
        card = await self._by_card(purchase, product)
        if card.part is None and quoted is None:
            raise card.refusal or unsold(product)
        return answer(self._body(product, quoted, card), 200, NO_STORE)

    async def _product(self, purchase: Purchase) -> Product:
        return (await self.services.quote.subjects.ware(purchase)).product

    async def _by_token(self, purchase: Purchase, product: Product, url: str) -> Quoted | None:
        if not any(rail.sells(product) for rail in self.services.rails.offering):
            return None
        return await self.services.quote.quote(purchase, url)

    async def _by_card(self, purchase: Purchase, product: Product) -> _Card:
        rail = next((rail for rail in self.services.rails.hosting if rail.takes(product)), None)
        if rail is None:
            return _Card()
        counter = await self.services.shop.counter(purchase.tenant, purchase.coupon)
        priced = counter.priced(product).card
        refusal = too_little(rail, None if priced is None else priced.total)
        if refusal is not None:
            return _Card(refusal=refusal)
        body: dict[str, object] = {
            "priceId": product.stripe_price_id,
            "currency": "",
            "description": product.description,
            "metadata": dict(product.metadata),
        }
        if priced is not None:
            body |= {
                "amountCents": priced.total.minor,
                "currency": priced.total.asset.code.lower(),
            }
        return _Card(part=body, free=priced is not None and priced.total.minor == 0)

    def _body(self, product: Product, quoted: Quoted | None, card: _Card) -> Mapping[str, object]:
        offer = next(iter(quoted.offers), None) if quoted else None
        crypto = next(iter(offer.accepts.get(0, ())), None) if offer else None
        parts = {"stripe": card.part, "crypto": crypto}
        by_token = quoted is not None and quoted.free is not None
        return {
            "resource": product.id,
            "expiresAt": self._expiry(offer),
            "free": by_token or (quoted is None and card.free),
            **{name: part for name, part in parts.items() if part is not None},
        }

    def _expiry(self, offer: Offer | None) -> str:
        lifetime = self.services.quote.lifetime
        at = (
            datetime.fromtimestamp(offer.quote.expires_at, UTC)
            if offer
            else (self.services.clock.now() + lifetime).replace(microsecond=0)
        )
        return at.isoformat().replace("+00:00", "Z")


def _purchase(request: web.Request) -> Purchase:
    resource = text_in(request, "resource")
    if not resource:
        raise Declined(Code.MISSING_FIELD, "resource is required", field="resource")
    return Purchase(
        tenant=request[TENANT],
        purpose=Purpose.PURCHASE,
        resource=resource,
        coupon=text_in(request, "couponCode", LONGEST_ID) or None,
    )
