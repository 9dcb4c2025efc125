"""A shop that is paid in tokens on a real chain, or by card at the sandbox's Stripe."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from attrs import define, field
from solders.transaction import VersionedTransaction

from support.chain import Wallet
from support.shop import Answer, Shop, v0_header
from support.whole_shop import open_whole_shop
from tillway.core.carts import Cart, CartState
from tillway.core.ids import CartId
from tillway.core.payments import Payment, State
from tillway.core.refunds import Refund, RefundState
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.sandbox.stripe import Served

PRICE: Final = 500_000
"""Of a cart, in millionths of a USDC."""

CENTS: Final = 90
RESOURCES: Final = {
    "plate": {
        "crypto_atomic_amount": 400_000,
        "crypto_token": "USDC",
        "fiat_amount_cents": 75,
        "description": "A plate",
    },
    "cup": {
        "crypto_atomic_amount": 100_000,
        "crypto_token": "USDC",
        "fiat_amount_cents": 15,
        "description": "A cup",
    },
}
ITEMS: Final = [{"resource": "plate"}, {"resource": "cup"}]
ONCE: Final = {
    "code": "ONCE",
    "discount_type": "percentage",
    "discount_value": 10,
    "scope": "all",
    "active": True,
    "usage_limit": 1,
}


@define(kw_only=True)
class EitherRail:
    """The shop and its account at Stripe."""

    shop: Shop
    stripe: Served = field(repr=False)

    async def cart(self, **more: Any) -> Answer:
        """Quote a cart."""
        answer = await self.shop.post("/paywall/v1/cart/quote", {"items": ITEMS, **more})
        assert answer.status == 402, answer.body
        return answer

    async def session(self, cart: Answer) -> Answer:
        """Open the cart's checkout."""
        body = {"cartId": cart.body["cartId"]}
        return await self.shop.post("/paywall/v1/cart/checkout", body)

    def signed(self, cart: Answer, buyer: Wallet | None = None) -> bytes:
        """Sign what the cart's quote asks for, of a buyer who pays the fee."""
        return self.shop.sign_old(buyer or self.shop.buyer(sol=1), cart.body["quote"])

    async def show(self, cart: Answer, raw: bytes) -> Answer:
        """Present a transaction as the payment of a cart, with the cart's quote."""
        sealed = {"quote": cart.body["quote"]["extra"]["quote"]}
        header = v0_header(raw, cart.body["cartId"], resourceType="cart", metadata=sealed)
        return await self.shop.post("/paywall/v1/verify", headers=header)

    def land(self, raw: bytes) -> None:
        """Have the buyer send a transaction himself."""
        assert self.shop.chain.land(VersionedTransaction.from_bytes(raw)) is not None
        self.shop.clock.forward(timedelta(seconds=1))

    async def pay_by_token(self, cart: Answer) -> Answer:
        """Pay a cart with tokens."""
        return await self.show(cart, self.signed(cart))

    async def press(self, session: Answer, button: str = "pay") -> int:
        """Press a button on the session's page; give the page's status, 303 once it is paid."""
        url = f"{self.stripe.url}/c/pay/{session.body['sessionId']}/{button}"
        async with self.shop.http.post(url, allow_redirects=False) as page:
            return page.status

    def at_stripe(self, session: Answer) -> Any:
        """Give what Stripe has of a session."""
        return self.stripe.account.get("checkout.session", session.body["sessionId"])

    # What came of it

    async def stored(self, cart: Answer) -> Cart:
        """Give the cart as it is stored."""
        async with self.shop.gateway.store.view() as view:
            found = await view.carts.get(DEFAULT, CartId(cart.body["cartId"]))
        assert found is not None
        return found

    async def is_paid(self, cart: Answer) -> bool:
        """Tell whether a cart is paid."""
        return (await self.stored(cart)).state is CartState.PAID

    async def payments(self, state: State, cart: Answer | None = None) -> Sequence[Payment]:
        """Give the payments that stand so, of one cart or of all."""
        found = [each for each in await self.shop.payments() if each.state is state]
        name = None if cart is None else cart.body["cartId"]
        return [each for each in found if name in (None, each.purchase.resource)]

    async def refunds(self) -> Sequence[Refund]:
        """Give what is queued to be given back."""
        async with self.shop.gateway.store.view() as view:
            return await view.refunds.listed(DEFAULT, [RefundState.PENDING], 1_000)

    async def taken(self, *names: str) -> Mapping[str, int]:
        """Give running totals that are not zero."""
        async with self.shop.gateway.store.view() as view:
            totals = await view.tallies.totals(DEFAULT, list(names))
        return {name: total for name, total in totals.items() if total}


@asynccontextmanager
async def either_rail(**changes: Mapping[str, Any]) -> AsyncIterator[EitherRail]:
    """Serve one; ``changes`` are settings by section. Stripe tells it of everything at once."""
    sections: dict[str, Any] = {
        "paywall": {"resources": RESOURCES, "product_source": "yaml"},
        "coupons": {"coupons": {"ONCE": ONCE}, "coupon_source": "yaml"},
    }
    async with open_whole_shop(**{**sections, **changes}) as whole:
        yield EitherRail(shop=whole.shop, stripe=whole.stripe)
