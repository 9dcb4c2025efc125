"""Carts that were made: how they stand, what there is of them, and their payment."""

from collections.abc import Mapping

from aiohttp import web
from attrs import define

from tillway.core.carts import Cart, CartItem, CartState
from tillway.core.errors import Code, Declined, Unsettled
from tillway.core.ids import STRIPE_PREFIX
from tillway.core.payments import Purchase
from tillway.core.ports.rails import Proof
from tillway.core.quotes import Purpose
from tillway.core.services.carts.baskets import VARIANT
from tillway.core.services.gateway import Services
from tillway.core.services.subjects import addressed
from tillway.entrypoints.http.apis.cedros.texts import major, moment
from tillway.entrypoints.http.apis.x402.headers import asked_by, proof_in
from tillway.entrypoints.http.render import answer, refuse
from tillway.entrypoints.http.request import TENANT
from tillway.entrypoints.paywall.receipts import failed_receipt, receipt
from tillway.entrypoints.paywall.replies import NO_STORE


@define
class Looks:
    """The handlers of what stands under ``/paywall/v1/cart/{cartId}``."""

    services: Services

    async def state(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with what a cart costs and whether it is paid; 404 cart_not_found."""
        return answer(_state(await self._cart(request)), 200, NO_STORE)

    async def stock(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with every line of a cart as available; 404 cart_not_found."""
        cart = await self._cart(request)
        body = {
            "cartId": cart.id,
            "allAvailable": True,
            "holdsEnabled": False,
            "items": [_stocked(item) for item in cart.items],
        }
        return answer(body, 200, NO_STORE)

    async def verify(self, request: web.Request) -> web.StreamResponse:
        """Settle a proof for this cart; what verify refuses is refused here."""
        purchase = _purchase(request)
        proof = proof_in(request, self.services.rails)
        if proof is None:
            raise Declined(Code.MISSING_FIELD, "Missing X-PAYMENT header", field="X-PAYMENT")
        _refuse_other(proof, purchase)
        try:
            granted = await self.services.settle.settle(proof, purchase, asked_by(request))
        except Unsettled as pending:
            headers = failed_receipt(proof, "settlement_pending", pending.reference or "")
            return refuse(pending, {**NO_STORE, **headers})
        payment = granted.payment
        body = {
            "verified": True,
            "cartId": purchase.resource,
            "txHash": payment.signature,
            "wallet": payment.payer,
        }
        return answer(body, 200, receipt(proof, payment))

    async def _cart(self, request: web.Request) -> Cart:
        purchase = _purchase(request)
        cart = await self.services.carts.get(purchase.tenant, purchase.resource)
        if cart is None:
            raise self.services.carts.absent(purchase)
        return cart


def _purchase(request: web.Request) -> Purchase:
    """Take the path's word for a cart; both spellings of its id count."""
    _, resource = addressed(request.match_info["cartId"])
    return Purchase(tenant=request[TENANT], purpose=Purpose.CART, resource=resource)


def _refuse_other(proof: Proof, purchase: Purchase) -> None:
    """Refuse a v0 payment that says itself that it is for something else."""
    if proof.version == 0 and proof.resource and addressed(proof.resource)[1] != purchase.resource:
        raise Declined(
            Code.INVALID_PAYMENT_PROOF,
            "The payment is for another resource.",
            field="resource",
            reason="invalid_payment_requirements",
        )


def _state(cart: Cart) -> Mapping[str, object]:
    price = cart.price
    body: dict[str, object] = {
        "cartId": cart.id,
        "status": "paid" if cart.state is CartState.PAID else "pending",
    }
    if price is not None:
        body |= {"totalAmount": major(price), "token": price.asset.code}
    return {**body, "expiresAt": moment(cart.expires_at), "paidBy": _wallet(cart)}


def _wallet(cart: Cart) -> str | None:
    """Name a wallet, which is public; who has paid by card is nobody's business."""
    by_card = (cart.paid_with or "").startswith(STRIPE_PREFIX)
    return None if by_card else cart.paid_by or None


def _stocked(item: CartItem) -> Mapping[str, object]:
    variant = item.metadata.get(VARIANT)
    return {
        "resourceId": item.resource or item.price_id,
        **({"variantId": variant} if variant else {}),
        "inStock": True,
        "availableQuantity": item.quantity,
        "reservedByOthers": 0,
        "canBackorder": False,
    }
